"""Moments of videos that two searches have found, as one list: reciprocal rank fusion (Cormack,
Clarke and Büttcher, 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Searcher = Literal["twelvelabs", "descriptions"]

K = 60
"""As in the article: of how much the first places of a list count for more than the next."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds of a video."""

    start: float
    end: float

    def overlaps(self, other: Span) -> bool:
        """By more than an end: what only follows is another moment."""
        return self.start < other.end and other.start < self.end

    def with_(self, other: Span) -> Span:
        return Span(min(self.start, other.start), max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Found:
    """By one search. `span` None: the whole video. `snippet`: HTML that is safe to insert."""

    searcher: Searcher
    video_id: str
    span: Span | None
    snippet: str | None = None
    thumbnail_url: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    searcher: Searcher
    rank: int
    """Of the video among those that this search has found."""
    found: Found


@dataclass(frozen=True, slots=True)
class Moment:
    video_id: str
    span: Span | None
    score: float
    reasons: Sequence[Reason]


def fused(lists: Iterable[Sequence[Found]]) -> list[Moment]:
    """Of each search its list, the best first. Those of one video stand together: one moment where
    what the searches have found of it overlaps, or each its own."""
    reasons: dict[str, list[Reason]] = {}
    for found in lists:
        for rank, best in enumerate(_best_of_each(found), 1):
            reasons.setdefault(best.video_id, []).append(Reason(best.searcher, rank, best))
    scores = {
        video_id: sum(1 / (K + reason.rank) for reason in of_video)
        for video_id, of_video in reasons.items()
    }
    moments = []
    for video_id in sorted(reasons, key=lambda id_: (-scores[id_], id_)):
        of_video = sorted(reasons[video_id], key=lambda reason: reason.rank)
        moments += _joined(video_id, scores[video_id], of_video)
    return moments


def _best_of_each(found: Sequence[Found]) -> list[Found]:
    """Of each video the first, as long as with all that it overlaps."""
    of_videos: dict[str, list[Found]] = {}
    for each in found:
        of_videos.setdefault(each.video_id, []).append(each)
    return [
        replace(of_video[0], span=_grown(of_video[0].span, [each.span for each in of_video]))
        for of_video in of_videos.values()
    ]


def _grown(span: Span | None, others: Iterable[Span | None]) -> Span | None:
    """With those of the others that it overlaps, and that these overlap, and so on."""
    if span is None:
        return None
    spans = sorted((each for each in others if each is not None), key=lambda each: each.start)
    union = spans[0]
    for each in spans[1:]:
        if each.overlaps(union):
            union = union.with_(each)
        elif union.overlaps(span):
            break
        else:
            union = each
    return union


def _joined(video_id: str, score: float, reasons: Sequence[Reason]) -> list[Moment]:
    """Of one video."""
    moments: list[Moment] = []
    for reason in reasons:
        span = reason.found.span
        for position, moment in enumerate(moments):
            if span is None or moment.span is None or span.overlaps(moment.span):
                joined = moment.span.with_(span) if moment.span and span else moment.span or span
                moments[position] = Moment(video_id, joined, score, [*moment.reasons, reason])
                break
        else:
            moments.append(Moment(video_id, span, score, [reason]))
    return moments
