"""A record that was found, shown: an excerpt, the words found, its best segments. And what the
best have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from backend.core.threads import WORTH_A_THREAD, GoOn, Stopped, in_thread
from backend.records import FACETS, RecordJson
from backend.search.bm25 import Hit
from backend.search.snippets import Matcher, snippet

MOST_SEGMENTS = 5
MOST_MATCHES = 20
FACET_VALUES = 20
_OTHERS = ("title", "location", "country", "mood", "event_type")


async def all_shown(
    records: Sequence[tuple[float, RecordJson]], matcher: Matcher
) -> list[dict[str, Any]]:
    """The records with their scores, in their order. However long they are, others are answered
    meanwhile."""

    def show(goes_on: GoOn = lambda: True) -> list[dict[str, Any]]:
        results = []
        for score, record in records:
            if not goes_on():
                raise Stopped
            results.append(_shown(score, record, matcher))
        return results

    length = sum(
        len(record["description"]) + sum(len(segment["text"]) for segment in record["segments"])
        for _, record in records
    )
    return show() if length <= WORTH_A_THREAD else await in_thread(show)


def _shown(score: float, analysis: RecordJson, matcher: Matcher) -> dict[str, Any]:
    """What SearchResult describes, as JSON has it."""
    text: str = analysis["description"]
    found = matcher.matches(text)
    seen = dict.fromkeys([text[start:end] for start, end, _ in found])
    others = [analysis[name] for name in _OTHERS]
    for other in (*others, *analysis["people"], *analysis["tags"]):
        if other:
            for word in matcher.words_in(other):
                seen[word] = None
    return {
        "video_id": analysis["video_id"],
        "score": score,
        "snippet": snippet(text, found),
        "matches": list(seen)[:MOST_MATCHES],
        "segments": _segments(analysis, matcher),
        "analysis": analysis,
    }


def _segments(analysis: RecordJson, matcher: Matcher) -> list[dict[str, Any]]:
    """Those with the most of the words, the earliest first among equals."""
    found = []
    for segment in analysis["segments"]:
        inside = matcher.matches(segment["text"])
        if inside:
            worth = len({term for _, _, term in inside})
            order = (-worth, segment["start"], segment["end"], segment["text"])
            found.append((order, segment, inside))
    found.sort(key=lambda entry: entry[0])
    return [
        {**segment, "snippet": snippet(segment["text"], inside)}
        for _, segment, inside in found[:MOST_SEGMENTS]
    ]


def facets_of(hits: Iterable[Hit]) -> dict[str, list[dict[str, Any]]]:
    """How many of the hits have each value: the commonest first, equals by their code points."""
    counts: dict[str, dict[str, int]] = {facet: {} for facet in FACETS}
    for hit in hits:
        if hit.facets:
            for facet, values in orjson.loads(hit.facets).items():
                found = counts[facet]
                for value in values:
                    found[value] = found.get(value, 0) + 1
    return {facet: _commonest(found) for facet, found in counts.items()}


def _commonest(found: dict[str, int]) -> list[dict[str, Any]]:
    best = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))[:FACET_VALUES]
    return [{"name": name, "count": count} for name, count in best]
