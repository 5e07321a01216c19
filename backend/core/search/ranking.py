"""BM25 over the documents that the database names, the same arithmetic whatever database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from backend.core.search.analysis import occurrences
from backend.core.search.plan import K1, B, Weighed


class Hit(NamedTuple):
    score: float
    video_id: str


def rank(lines: Iterable[str], question: Weighed) -> list[Hit]:
    """`lines`: `<video_id> <length> <term> <term> ...`. The best first; equals by their id."""
    hits = []
    floor, slope = K1 * (1 - B), K1 * B / question.average if question.average else 0.0
    slots = [
        ([(f" {term} ", term, share) for term, share in terms], weight)
        for terms, weight in question.slots
    ]
    for line in lines:
        video_id, length, entry = line.split(" ", 2)
        entry = f" {entry} "
        damping = floor + slope * int(length)
        score = 0.0
        for terms, weight in slots:
            count = 0.0
            for needle, term, share in terms:
                if needle in entry:
                    count += share * occurrences(entry, term)
            if count:
                score += weight * count / (count + damping)
        if score > 0:
            hits.append(Hit(round(score, 6), video_id))
    hits.sort(key=lambda hit: (-hit.score, hit.video_id))
    return hits
