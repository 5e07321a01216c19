"""What the search index is told of a document, as lines of text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from backend.text.analysis import terms

MOST_COUNTED = 255
"""A term that occurs more often counts as so often."""
COUNT_SIGNS = 32
"""A count is written as the character of the code `COUNT_SIGNS` + count: none that ends a line, and
for most counts one byte."""

_SIGN_OF = [chr(COUNT_SIGNS + count) for count in range(MOST_COUNTED + 1)]
_SIGNS = re.compile(f"[{chr(COUNT_SIGNS + 1)}-{chr(COUNT_SIGNS + MOST_COUNTED)}]*")


class IndexEntry(NamedTuple):
    length: int
    """Words of the document."""
    terms: list[str]
    """Each once."""
    counts: str
    """A sign for each term."""
    facets: str
    """As JSON; empty: none."""


def index_entry(texts: Iterable[str], facets: str = "") -> str:
    """What the index is told of a document: see the migration `search_postings`. `facets`: JSON."""
    found: list[str] = []
    for text in texts:
        found += terms(text)
    counts = Counter(found)
    try:
        signs = "".join(map(_SIGN_OF.__getitem__, counts.values()))
    except IndexError:
        signs = "".join([_SIGN_OF[min(each, MOST_COUNTED)] for each in counts.values()])
    entry = f"{len(found)} {' '.join(counts)}\n{signs}"
    return f"{entry}\n{facets}" if facets else entry


def read_entry(entry: str) -> IndexEntry:
    """What index_entry() wrote; of what others wrote, as much as can be read."""
    head, _, rest = entry.partition("\n")
    counts, _, facets = rest.partition("\n")
    length, _, named = head.partition(" ")
    terms = named.split(" ") if named else []
    if len(counts) == len(terms) and length.isdecimal() and _SIGNS.fullmatch(counts):
        return IndexEntry(int(length), terms, counts, facets)
    terms = list(dict.fromkeys(named.split()))
    number = int(length) if length.isdecimal() and len(length) < 10 else len(terms)
    return IndexEntry(number, terms, chr(COUNT_SIGNS + 1) * len(terms), facets)
