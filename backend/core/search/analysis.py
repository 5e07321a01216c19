"""Text -> words -> terms. The same for what is stored and for what is asked, whatever database.

A word is a run of letters and digits, where a mark such as an accent belongs to its letter; each
Chinese or Japanese character is a word. Its term has no case and no accents, and is reduced to
its stem by Snowball's English stemmer. The commonest words of English have no term.
"""

from __future__ import annotations

import functools
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import Stemmer

LONGEST_TERM = 64
MOST_REPEATS = 255

# Lucene's list.
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)

_IDEOGRAPHS = (
    "\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
ASCII_WORD = re.compile(r"[a-zA-Z0-9]+(?:'[a-zA-Z]+)*")
_ASCII_WORDS = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128)
).ljust(256)
"""For bytes.translate: letters in lower case, digits, and a space for all else."""
# No letters, so they stand in no word's term: braille patterns, and arrows.
_REPEAT_SIGNS = 0x2800
_LENGTH_SIGNS = 0x2900


class Word(NamedTuple):
    start: int
    end: int
    folded: str
    """Without case and accents."""


def words(text: str) -> Iterator[Word]:
    pattern = ASCII_WORD if text.isascii() else _word_pattern()
    for match in pattern.finditer(text):
        folded = _fold(match[0])
        if folded:
            yield Word(match.start(), match.end(), folded)


def term_of(folded: str) -> str | None:
    """None: a word so common that it is not looked for."""
    return None if folded in STOP_WORDS else stem(folded)


class _Terms(dict[str, str | None]):
    """term_of, kept. Asked for each word of each text: `map` takes half as long as by lru_cache."""

    def __missing__(self, folded: str) -> str | None:
        if len(self) >= 20_000:
            self.clear()
        self[folded] = term = term_of(folded)
        return term


TERMS = _Terms()


def terms(text: str) -> list[str]:
    if not text.isascii():
        return [term for word in words(text) if (term := term_of(word.folded)) is not None]
    # The same, without the places.
    if "'" in text:
        found = ASCII_WORD.findall(text.lower())
    else:  # a third of the time
        found = text.encode().translate(_ASCII_WORDS).decode().split()
    return list(filter(None, map(TERMS.__getitem__, found)))


@functools.lru_cache(maxsize=20_000)
def stem(folded: str) -> str:
    found = _stemmer().stemWord(folded).replace("'", "")
    return found[:LONGEST_TERM] or folded.replace("'", "")[:LONGEST_TERM]


def stems(folded: Iterable[str]) -> set[str]:
    """The stems of many words, most of which nobody asks for again."""
    each = list(folded)
    found = _stemmer().stemWords(each)
    return {
        stem(word) if "'" in word or len(short) > LONGEST_TERM or not short else short
        for word, short in zip(each, found, strict=True)
    }


def index_entry(texts: Iterable[str]) -> str:
    """What the index is told of a document: see the migration `search_tray`."""
    found: list[str] = []
    for text in texts:
        found += terms(text)
    parts = [
        term if count == 1 else f"{term} {repeated(term, count)}"
        for term, count in Counter(found).items()
    ]
    if found:
        parts.append(length_class(len(found)))
    return f"{len(found)} {' '.join(parts)}"


def repeated(term: str, count: int) -> str:
    """The index's own term for one that occurs so often in a document."""
    return term + chr(_REPEAT_SIGNS + min(count, MOST_REPEATS))


def length_class(length: int) -> str:
    """The index's own term for all documents of about so many words: eight classes from each power
    of two to the next. By their terms, the short ones are found among those that have a word."""
    power = length.bit_length() - 1
    return chr(_LENGTH_SIGNS + 8 * power + (length * 8 >> power) - 8)


def occurrences(entry: str, term: str) -> int:
    """How often a document's entry, between two spaces, names a term."""
    at = entry.find(f" {term} ")
    if at < 0:
        return 0
    after = at + len(term) + 2
    if entry.startswith(term, after):
        sign = ord(entry[after + len(term)]) - _REPEAT_SIGNS
        if 1 < sign <= MOST_REPEATS:
            return sign
    return 1


LENGTH_CLASSES = {
    chr(_LENGTH_SIGNS + 8 * power + part): math.ceil((8 + part) * 2**power / 8)
    for power in range(15)
    for part in range(8)
}
"""The terms of documents below 32,768 words, each with the fewest words of its own."""


@functools.lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


@functools.lru_cache(maxsize=20_000)
def _fold(word: str) -> str:
    word = word.casefold()
    if word.isascii():
        return word
    word = word.replace("\u2019", "'")
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not _is_mark(sign))
    folded = unicodedata.normalize("NFKC", bare).casefold()
    if not folded.isalnum():
        folded = "".join(sign for sign in folded if sign.isalnum() or sign == "'").strip("'")
    return folded


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign) == "Mn"


@functools.lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, min(0x20000, sys.maxunicode))
        if unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
    letter = rf"(?:[^\W_{_IDEOGRAPHS}][{marks}]*)"
    return re.compile(rf"[{_IDEOGRAPHS}][{marks}]*|{letter}+(?:['\u2019]{letter}+)*")
