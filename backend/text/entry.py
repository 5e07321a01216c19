"""What the search index is told of a document, as one line of text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from backend.text.analysis import terms

MOST_REPEATS = 255
# No letters, so they stand in no word's term: braille patterns, and arrows.
_REPEAT_SIGNS = 0x2800
_LENGTH_SIGNS = 0x2900


def index_entry(texts: Iterable[str]) -> str:
    """What the index is told of a document: see the migration `search_queue`."""
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
