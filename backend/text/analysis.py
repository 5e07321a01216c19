"""Text -> words -> terms. The same for what is stored and for what is asked, whatever database.

A word is a run of letters and digits, where a mark such as an accent belongs to its letter; each
Chinese or Japanese character is a word. Its term has no case and no accents, and is reduced to
its stem by Snowball's English stemmer. The commonest words of English have no term.
"""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import Stemmer

LONGEST_TERM = 64
LONGEST_WORD = 128
"""Of a longer word, so many characters count, marks aside: its term has at most LONGEST_TERM.
Folding makes up to 18 characters of one, and words that are remembered take memory by length."""

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
        if len(folded) > LONGEST_WORD:
            return self[folded[:LONGEST_WORD]]
        if len(self) >= 20_000:
            self.clear()
        self[folded] = term = term_of(folded)
        return term


TERMS = _Terms()


def terms(text: str) -> list[str]:
    if not text.isascii():
        return [term for word in words(text) if (term := term_of(word.folded)) is not None]
    return list(filter(None, map(TERMS.__getitem__, _ascii_words(text))))


def words_of(text: str) -> list[str]:
    """In their order, folded; a word of more than LONGEST_WORD characters is whole, as it is."""
    if text.isascii():
        return _ascii_words(text)
    return [
        word.folded if word.end - word.start <= LONGEST_WORD else text[word.start : word.end]
        for word in words(text)
    ]


def _ascii_words(text: str) -> list[str]:
    """In lower case. As words(), without the positions."""
    if "'" in text:
        return ASCII_WORD.findall(text.lower())
    return text.encode().translate(_ASCII_WORDS).decode().split()  # a third of the time


def stem(folded: str) -> str:
    return _stem(folded[:LONGEST_WORD])


@functools.lru_cache(maxsize=20_000)
def _stem(folded: str) -> str:
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


@functools.lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


def _fold(word: str) -> str:
    if len(word) > LONGEST_WORD:
        word = "".join(sign for sign in word if not _is_mark(sign))[:LONGEST_WORD]
    return _folded(word)


@functools.lru_cache(maxsize=20_000)
def _folded(word: str) -> str:
    word = word.casefold()
    if word.isascii():
        return word
    word = word.replace("\u2019", "'")
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not _is_mark(sign))
    folded = unicodedata.normalize("NFKC", bare).casefold()
    if not folded.isalnum():
        folded = "".join(sign for sign in folded if sign.isalnum() or sign == "'").strip("'")
    return folded[:LONGEST_WORD]


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
