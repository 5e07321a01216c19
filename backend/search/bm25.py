"""BM25, added up over the postings of a query's terms: every document that has one gets its score,
the same arithmetic whatever database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.core.threads import GoOn, Stopped
from backend.search.postings import Members, Numbers, all_members, find, hash_of
from backend.search.weighing import WeightedQuery, WeightedSlot

_DIGITS = 6
"""To which scores are rounded. Equals go by their video_id."""


class Hit(NamedTuple):
    score: float
    video_id: str
    facets: str = ""
    """As JSON; empty: none."""


class Portion(NamedTuple):
    """Documents that come next."""

    ids: list[int]
    scores: list[float]
    tied: bool
    """All have one score, and there may be very many of them."""


class Scores:
    """Of all documents of some segments, by their ids."""

    def __init__(self, segments: Mapping[int, Members], query: WeightedQuery) -> None:
        self._begins: dict[int, int] = {}
        number = 0
        for segment, members in segments.items():
            self._begins[segment] = number
            number += len(members.ids)
        floor, slope = query.damping()
        self._ids, lengths = all_members(segments.values())
        self._damping = floor + slope * lengths
        self._scores = np.zeros(number)

    def add(
        self, slots: Sequence[WeightedSlot], blocks: Iterable[tuple[int, bytes]], go_on: GoOn
    ) -> None:
        """What these slots add. `blocks`: segment and bytes of all that may have a term of theirs.
        Those of other segments do no harm."""
        hashes = {term: hash_of(term) for slot in slots for term, _ in slot.terms}
        found: dict[int, list[tuple[int, Numbers]]] = {hash_: [] for hash_ in hashes.values()}
        wanted = np.array(list(found), dtype=np.uint64)
        for segment, data in blocks:
            begin = self._begins.get(segment)
            if begin is not None:
                for hash_, postings in find(data, wanted):
                    found[hash_].append((begin, postings))
        for slot in slots:
            if not go_on():
                raise Stopped
            terms = [(found[hashes[term]], share) for term, share in slot.terms]
            self._add_slot(slot.weight, terms)

    def _add_slot(
        self, weight: float, terms: Sequence[tuple[list[tuple[int, Numbers]], float]]
    ) -> None:
        if len(terms) == 1:
            [(found, share)] = terms
            for begin, postings in found:
                documents, counts = _read(begin, postings, share)
                self._scores[documents] += self._of_counts(weight, documents, counts)
            return
        together = np.zeros(len(self._scores))
        for found, share in terms:
            for begin, postings in found:
                documents, counts = _read(begin, postings, share)
                together[documents] += counts
        documents = np.flatnonzero(together)
        self._scores[documents] += self._of_counts(weight, documents, together[documents])

    def _of_counts(
        self, weight: float, documents: NDArray[np.int64], counts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return weight * counts / (counts + self._damping[documents])

    # The best

    def keep(self, ids: NDArray[np.uint64]) -> None:
        """No others have a score."""
        self._scores[~np.isin(self._ids, ids)] = 0

    def best(self, size: int, below: float | None = None) -> Iterator[Portion]:
        """All that have a score (of at most `below`), the best first, in portions that grow from
        `size` on. No two portions share a score."""
        scores = np.round(self._scores, _DIGITS)
        wanted = scores > 0 if below is None else (scores > 0) & (scores <= below)
        left = np.flatnonzero(wanted)
        while len(left):
            values = scores[left]
            if len(left) > size:
                least = np.partition(values, len(left) - size)[len(left) - size]
                chosen = values >= least
                if np.count_nonzero(chosen) > 2 * size:  # of very many equals, by themselves
                    better = values > least
                    chosen = better if better.any() else chosen
            else:
                chosen = np.ones(len(left), dtype=bool)
            numbers, found = left[chosen], values[chosen]
            yield Portion(
                self._ids[numbers].tolist(), found.tolist(), bool((found == found[0]).all())
            )
            left = left[~chosen]
            size *= 4


def _read(
    begin: int, postings: Numbers, share: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    documents = (postings >> np.uint32(8)).astype(np.int64) + begin
    return documents, share * (postings & np.uint32(255)).astype(np.float64)
