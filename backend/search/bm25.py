"""BM25 over the documents that the database names, the same arithmetic whatever database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from backend.search.candidates import K1, B, WeightedQuery
from backend.text.entry import occurrences


class Hit(NamedTuple):
    score: float
    video_id: str
    facets: str = ""
    """As JSON; empty: none."""


def rank(lines: Iterable[str], question: WeightedQuery) -> list[Hit]:
    """`lines`: `<video_id> <length>`, the terms, each between spaces, and the facets, with a tab
    between the three. The best first; equals by their id."""
    hits: list[tuple[float, str, str]] = []
    floor, slope = K1 * (1 - B), K1 * B / question.average if question.average else 0.0
    slots = [
        ([(f" {term} ", term, share) for term, share in terms], weight)
        for terms, weight in question.slots
    ]
    # Most slots are one term, and most words occur once: what says more begins as the word does.
    single = [
        (f" {terms[0][0]} ", f" {terms[0][0]} {terms[0][0]}", terms[0][0], weight)
        for terms, weight in question.slots
        if len(terms) == 1 and terms[0][1] == 1
    ]
    other = [slot for slot in slots if len(slot[0]) > 1 or slot[0][0][2] != 1]
    for line in lines:
        head, entry, facets = line.split("\t")
        video_id, length = head.split(" ")
        damping = floor + slope * int(length)
        once = 1 / (1 + damping)
        score = 0.0
        for needle, often, term, weight in single:
            if needle in entry:
                if often in entry:
                    times = occurrences(entry, term)
                    score += weight * times / (times + damping)
                else:
                    score += weight * once
        for terms, weight in other:
            count = sum(
                share * occurrences(entry, term) for needle, term, share in terms if needle in entry
            )
            if count:
                score += weight * count / (count + damping)
        if score > 0:
            hits.append((-round(score, 6), video_id, facets))
    hits.sort()
    return [Hit(-score, video_id, facets) for score, video_id, facets in hits]
