"""What the words of a query weigh.

Each word of the query is a *slot*: the term it stands for, or several, weighed: the beginnings
that the last word may be, or the known words that a misspelt one may mean. A document's score is
BM25 (as Lucene has it) over the slots; a slot's terms count as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

K1 = 1.5
B = 0.75
MOST_SLOTS = 32
"""Of a longer query, the rarest words count."""


@dataclass(frozen=True, slots=True)
class Slot:
    terms: tuple[tuple[str, float], ...]
    """Terms and their weight: 1 for the word itself."""
    documents: int
    """How many documents have one of them."""
    times: int = 1
    """How often the query has the word."""


class WeightedSlot(NamedTuple):
    terms: tuple[tuple[str, float], ...]
    """Terms, and how much of a word each of them is."""
    weight: float


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query, weighted by the statistics of one moment: a cursor keeps these, so that what
    others write meanwhile does not change the score of what they do not touch."""

    slots: tuple[WeightedSlot, ...]
    average: float
    """Words per document."""

    def damping(self) -> tuple[float, float]:
        """What a document's length adds below the fraction: so much, and so much for each word."""
        return K1 * (1 - B), K1 * B / self.average if self.average else 0.0


def weigh(slots: Sequence[Slot], total: int, length: int) -> WeightedQuery:
    """`total` documents have `length` words together."""
    rarest = sorted(slots, key=lambda slot: (slot.documents, slot.terms))[:MOST_SLOTS]
    return WeightedQuery(
        tuple(WeightedSlot(slot.terms, _weight(slot, total)) for slot in rarest),
        round(length / total, 6) if total else 1.0,
    )


def _weight(slot: Slot, total: int) -> float:
    """The inverse document frequency, as often as the query has the word."""
    documents = min(slot.documents, total)
    return round(slot.times * math.log(1 + (total - documents + 0.5) / (documents + 0.5)), 6)
