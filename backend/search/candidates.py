"""From a query to the documents to rank.

Each word of the query is a *slot*: the term it stands for, or several, weighed: the beginnings
that the last word may be, or the known words that a misspelt one may mean. A document's score is
BM25 (as Lucene has it) over the slots; a slot's terms count as one.

Not every document that has one of the words is looked at: the rarest words decide, together with
how often documents have several of them by chance, so that some hundreds are. Both databases are
asked with the same formula and so name the same documents.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from backend.records import Filters
from backend.text.analysis import terms
from backend.text.entry import LENGTH_CLASSES, MOST_REPEATS, repeated

K1 = 1.5
B = 0.75
WANTED = 15
"""Documents to look at, estimated."""
PROMISING = 150
"""Documents to look at of those with very common words, estimated."""
OFTEN_REPEATED = 200
"""If so few repeat a word so often, all of them are looked at, however long they are."""
MOST_DECIDING = 5
"""The slots that decide which documents: the rarest."""
FEW = 2_000
"""So many that occur in so few documents may decide besides."""
MOST_SLOTS = 32
"""Of a longer query, the rarest words count."""
_SHORTEST, *_, _LONGEST = LENGTH_CLASSES


@dataclass(frozen=True, slots=True)
class Slot:
    terms: tuple[tuple[str, float], ...]
    """Terms and their weight: 1 for the word itself."""
    documents: int
    """How many documents have one of them."""
    times: int = 1
    """How often the query has the word."""
    reach: int = 0
    """How many documents its terms may name together, where that is more: of a rare word that is
    also the beginning of common ones."""


Formula: TypeAlias = "int | tuple[str, list[Formula]]"
"""The number of a slot, or ("and" | "or", parts)."""


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query, weighted by the statistics of one moment: a cursor keeps it, so that what
    others write meanwhile does not change the score of what they do not touch."""

    slots: tuple[tuple[tuple[tuple[str, float], ...], float], ...]
    """Terms with their weights, and the slot's own weight (see weight())."""
    average: float
    """Words per document."""


def weight(slot: Slot, total: int) -> float:
    """The inverse document frequency, as often as the query has the word."""
    documents = min(slot.documents, total)
    return round(slot.times * math.log(1 + (total - documents + 0.5) / (documents + 0.5)), 6)


def weigh(slots: Sequence[Slot], total: int, length: int) -> WeightedQuery:
    rarest = sorted(slots, key=lambda slot: (slot.documents, slot.terms))[:MOST_SLOTS]
    return WeightedQuery(
        tuple((slot.terms, weight(slot, total)) for slot in rarest),
        round(length / total, 6) if total else 1.0,
    )


def deciding(slots: Sequence[Slot]) -> list[Slot]:
    """The rarest."""
    rarest = sorted(slots, key=lambda slot: (slot.documents, slot.terms))[:MOST_SLOTS]
    chosen: list[Slot] = []
    documents = 0
    for slot in rarest:
        documents += slot.documents
        if len(chosen) < MOST_DECIDING or (documents <= FEW and len(chosen) < 2 * MOST_DECIDING):
            chosen.append(slot)
    return chosen


def thresholds(slots: Sequence[Slot], total: int) -> list[tuple[float, float]]:
    """For the deciding slots: each sum of weights that a document may reach, the greatest first,
    with how many documents reach it, were the words strewn by chance."""
    weights = [weight(slot, total) for slot in slots]
    shares = [min(max(slot.documents, slot.reach) / total, 1.0) if total else 0.0 for slot in slots]
    sums: list[tuple[float, float]] = [(0.0, float(total))]
    for own, share in zip(weights, shares, strict=True):
        sums = [
            entry
            for reached, expected in sums
            for entry in ((reached + own, expected * share), (reached, expected * (1 - share)))
        ]
    sums = sorted(entry for entry in sums if entry[0] > 0)
    sums.reverse()
    running, steps = 0.0, []
    for reached, expected in sums:
        running += expected
        steps.append((reached, running))
    return [step for step, after in pairwise([*steps, (0.0, 0.0)]) if after[0] < step[0] - 1e-9]


def named(filters: Filters) -> list[Slot]:
    """The words of the names that filters give. The index has them as it has all words, so that it
    finds few documents to hold against the filters themselves."""
    found = dict.fromkeys(term for name in filters.names() for term in terms(name))
    return [Slot(((term, 1.0),), 0) for term in found]


def promising(
    slot: Slot, known: Mapping[str, int], question: WeightedQuery, total: int, matches: float
) -> list[list[Slot]]:
    """Which of too many documents to look at: about PROMISING of those in which the slot's first
    term weighs most. What they must have, one or the other: some length, however often they repeat
    the term; some other length, and the term so often; the term very often. Empty: their lengths
    are not known, as other programs wrote them.

    `matches`: of so many documents. `known`: how many have each of what told_of() names. They are
    taken to be strewn by chance."""
    if sum(known.get(sign, 0) for sign in LENGTH_CLASSES) < total * 0.9 or not question.average:
        return []
    lengths = [
        (sign, known[sign], K1 * (1 - B + B * shortest / question.average))
        for sign, shortest in LENGTH_CLASSES.items()
        if sign in known
    ]
    term = slot.terms[0][0]
    repeats = [
        (times, sign)
        for times in range(2, MOST_REPEATS + 1)
        if (sign := repeated(term, times)) in known
    ]
    part = min(matches / max(slot.documents, 1), 1.0)
    having = [matches, matches]  # so many documents have the term so often
    while len(having) == 2 or having[-1] > OFTEN_REPEATED:
        having.append(part * sum(known[sign] for times, sign in repeats if times >= len(having)))
    often = len(having) - 1

    def needed(share: float, damping: float) -> int:
        """How often a document must have the term for this share of its weight."""
        return max(1, min(math.ceil(share * damping / (1 - share)), often))

    low, high = 0.0, 1.0
    for _ in range(12):
        share = (low + high) / 2
        expected = sum(documents / total * having[needed(share, d)] for _, documents, d in lengths)
        low, high = (share, high) if expected > PROMISING else (low, share)
    bands: dict[int, list[str]] = {}
    for sign, _, damping in lengths:
        bands.setdefault(needed(low, damping), []).append(sign)
    bands.pop(often, None)
    found = [
        [_any_of(band)]
        if least == 1
        else [_any_of(sign for times, sign in repeats if least <= times < often), _any_of(band)]
        for least, band in bands.items()
        if having[least] > having[often]
    ]
    if having[often]:
        found.append([_any_of(sign for times, sign in repeats if times >= often)])
    return found


def told_of(slot: Slot) -> tuple[str, str, str, str]:
    """What `promising` is to know of: the first and the last of the signs of documents that repeat
    the slot's first term, and of those of their lengths."""
    term = slot.terms[0][0]
    return repeated(term, 2), repeated(term, MOST_REPEATS), _SHORTEST, _LONGEST


def _any_of(terms: Iterable[str]) -> Slot:
    return Slot(tuple((term, 1.0) for term in terms), 0)


def formula(slots: Sequence[Slot], also: Sequence[Slot], total: int, threshold: float) -> Formula:
    """What a document must have for its weights to reach the threshold, and each of `also`, which
    are numbered on."""
    weights = [weight(slot, total) for slot in slots]
    rest = [sum(weights[at:]) for at in range(len(weights) + 1)]

    def reach(at: int, missing: float) -> Formula | bool:
        if missing <= 1e-9:
            return True
        if rest[at] < missing - 1e-9:
            return False
        have, lack = reach(at + 1, missing - weights[at]), reach(at + 1, missing)
        if lack is True or have is False:
            return lack
        if lack is False:
            return at if have is True else _joined("and", at, have)
        if have is True:
            return _joined("or", at, lack)
        # What the others reach without this one, it need not reach with them.
        besides = [part for part in _either(have) if part not in _either(lack)]
        return _joined("or", _joined("and", at, _joined("or", *besides)), lack) if besides else lack

    found = reach(0, threshold)
    assert not isinstance(found, bool)
    if not also:
        return found
    return _joined("and", found, *range(len(slots), len(slots) + len(also)))


def _either(formula: Formula | bool) -> list[Formula]:
    assert not isinstance(formula, bool)
    return formula[1] if isinstance(formula, tuple) and formula[0] == "or" else [formula]


def _joined(operator: str, *parts: Formula | bool) -> Formula:
    flat: list[Formula] = []
    for part in parts:
        assert not isinstance(part, bool)
        if isinstance(part, tuple) and part[0] == operator:
            flat += part[1]
        else:
            flat.append(part)
    return flat[0] if len(flat) == 1 else (operator, flat)
