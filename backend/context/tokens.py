"""How many tokens a text has, in a time that grows with its length, whatever it holds.

Tokens are counted by `o200k_base`, the encoding of OpenAI's models since GPT-4o. For those models
the count is exact; other models' differ, for English by some 10 to 20 percent either way, for other
languages by more: leave room.

An encoder cuts a text into words, runs of punctuation and runs of spaces, and merges the bytes of
each, which takes the square of its length. So a run of more than LONGEST_RUN characters, which no
written language has, is counted in parts of that length: a token more here and there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import regex

from backend.context.vocabulary import Vocabulary, read_o200k
from backend.core.threads import GoOn, Stopped

ENCODING = "o200k_base"
LONGEST_RUN = 128
"""Characters. The worst, rare ideographs, take 1 ms."""
PART = 2_000
"""Characters counted between two looks at whether to go on."""

PIECES_KEPT = 16_384
"""Texts repeat most of their pieces. They take 3 MB, and 12 if each is a long run of ideographs."""

# How the encoder cuts a text into pieces, as in tiktoken's `openai_public.py`.
_PIECES = regex.compile(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PUNCTUATION = (
    "!-/:-@\\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3020\uff01-\uff0f"
    "\uff1a-\uff20"
)
_RUN = re.compile(
    rf"[^\s{_PUNCTUATION}]{{{LONGEST_RUN}}}|[{_PUNCTUATION}]{{{LONGEST_RUN}}}|\s{{{LONGEST_RUN}}}"
)
# Where the encoder itself cuts: between a word and what leads the next.
_GAP = re.compile(r"(?<=\w)(?=[ \u3001\u3002\uff0c\uff01\uff1f]\w)")


def count(text: str, *, most: int | None = None, goes_on: GoOn = lambda: True) -> int:
    """`most`: of more tokens, it is only known that they are more. Raises Stopped when `goes_on`
    says no."""
    tokens = 0
    for part in _parts(text):
        if not goes_on():
            raise Stopped
        tokens += sum(map(_tokens_of, _PIECES.findall(part)))
        if most is not None and tokens > most:
            break
    return tokens


def _parts(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = len(text)
        if end - at > PART:
            gap = _GAP.search(text, at + PART, min(at + 2 * PART, end))
            end = gap.start() if gap else min(at + 2 * PART, end)
        start = at
        for run in _RUN.finditer(text, at, end):
            yield text[start : run.end()]
            start = run.end()
        if start < end:
            yield text[start:end]
        at = end


@functools.lru_cache(maxsize=PIECES_KEPT)
def _tokens_of(piece: str) -> int:
    return _vocabulary().parts(piece.encode())


@functools.lru_cache(maxsize=1)
def _vocabulary() -> Vocabulary:
    return read_o200k()
