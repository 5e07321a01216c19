"""Descriptions for a conversation: the best hits first, within a number of tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.context.tokens import ENCODING, count
from backend.core.threads import GoOn
from backend.models.context import ContextItem, ContextPack, ContextSegment, Hit, Source
from backend.models.metadata import Segment
from backend.models.schemas import VideoAnalysis

# A run of ends is taken whole, so that no run is looked at twice: the time is that of the length.
_SENTENCE_END = re.compile(
    r"[.!?\u2026]++[\"'\u201d\u2019\u00bb)\]]*+(?P<latin>\s+|\Z)?"
    r"|(?P<cjk>[\u3002\uff01\uff1f]++[\u300d\u300f\u201d\u2019]*+\s*+)"
)

Render = Callable[[ContextItem], str]


@dataclass(slots=True)
class Wanted:
    """A video, and the spans of time in it that were hit."""

    video_id: str
    spans: list[tuple[float | None, float | None]]
    score: float | None


def wanted(hits: Sequence[Hit]) -> list[Wanted]:
    """Each video once, at its best position."""
    found: dict[str, Wanted] = {}
    for hit in hits:
        first = found.setdefault(hit.video_id, Wanted(hit.video_id, [], hit.score))
        if hit.start is not None or hit.end is not None:
            first.spans.append((hit.start, hit.end))
    return list(found.values())


def pack(
    hits: Sequence[Wanted],
    records: Mapping[str, VideoAnalysis],
    *,
    max_tokens: int,
    form: Literal["text", "json"],
    goes_on: GoOn = lambda: True,
) -> ContextPack:
    """No more is counted than max_tokens holds, however long the records. Raises Stopped."""
    render = _as_text if form == "text" else _as_json
    items: list[ContextItem] = []
    left = max_tokens
    omitted = []
    for hit in hits:
        if hit.video_id not in records:
            continue
        item, cost = _fitted(len(items) + 1, hit, records[hit.video_id], left, render, goes_on)
        if item is None:
            omitted.append(hit.video_id)
        else:
            items.append(item)
            left -= cost
    text = _joined(items, render, form)
    tokens = count(text, goes_on=goes_on) if items else 0
    # Side by side, two texts may take a token more than one by one.
    while tokens > max_tokens:
        omitted.append(items.pop().video_id)
        text = _joined(items, render, form)
        tokens = count(text, goes_on=goes_on) if items else 0
    order = {hit.video_id: at for at, hit in enumerate(hits)}
    scores = {hit.video_id: hit.score for hit in hits}
    return ContextPack(
        format=form,
        text=text if form == "text" else None,
        items=items if form == "json" else None,
        sources=[
            Source(
                citation=item.citation,
                video_id=item.video_id,
                title=item.title,
                score=scores[item.video_id],
                truncated=item.truncated,
            )
            for item in items
        ],
        missing=[hit.video_id for hit in hits if hit.video_id not in records],
        omitted=sorted(omitted, key=order.__getitem__),
        tokens=tokens,
        tokenizer=ENCODING,
    )


def _fitted(
    number: int, hit: Wanted, record: VideoAnalysis, left: int, render: Render, goes_on: GoOn
) -> tuple[ContextItem | None, int]:
    """The whole of it, or as many sentences as fit; None where not even the first does."""

    def cost_of(item: ContextItem) -> int:
        return count(render(item) + "\n\n", most=left, goes_on=goes_on)

    segments = [part for part in record.segments if _falls_into(part, hit.spans)]
    whole = _item(number, record, record.description, segments)
    cost = cost_of(whole)
    if cost <= left:
        return whole, cost
    for kept in (segments, []):
        room = left - cost_of(_item(number, record, "", kept))
        ends = _ends_that_fit(record.description, room, goes_on)
        # The parts side by side may take some tokens more than they were counted for.
        fewer = 1
        while ends:
            cut = _item(number, record, record.description[: ends[-1]].rstrip(), kept)
            cut.truncated = True
            cost = cost_of(cut)
            if cost <= left:
                return cut, cost
            del ends[-fewer:]
            fewer *= 2
    return None, 0


def _ends_that_fit(text: str, room: int, goes_on: GoOn) -> list[int]:
    """Where the sentences end that have together no more tokens than `room`."""
    ends = []
    for start, end in _sentences(text):
        room -= count(text[start:end], most=room, goes_on=goes_on)
        if room < 0:
            break
        ends.append(end)
    return ends


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each, with the spaces after it."""
    start = 0
    for found in _SENTENCE_END.finditer(text):
        if found["latin"] is not None or found["cjk"] is not None:
            yield start, found.end()
            start = found.end()
    if start < len(text):
        yield start, len(text)


def _falls_into(segment: Segment, spans: Sequence[tuple[float | None, float | None]]) -> bool:
    return any(
        (end is None or segment.start <= end) and (start is None or segment.end >= start)
        for start, end in spans
    )


def _item(
    number: int, record: VideoAnalysis, description: str, segments: Sequence[Segment]
) -> ContextItem:
    return ContextItem(
        citation=f"[{number}]",
        video_id=record.video_id,
        title=record.title,
        recorded_date=record.recorded_date,
        location=record.location,
        people=record.people,
        description=description,
        segments=[
            ContextSegment(start=part.start, end=part.end, text=part.text) for part in segments
        ],
        truncated=False,
    )


def _joined(items: Sequence[ContextItem], render: Render, form: str) -> str:
    if form == "text":
        return "\n\n".join(render(item) for item in items)
    return f"[{','.join(render(item) for item in items)}]"


def _as_text(item: ContextItem) -> str:
    about = [item.title or item.video_id, item.recorded_date, item.location, *item.people]
    lines = [f"{item.citation} {', '.join(part for part in about if part)}", item.description]
    lines += [f"({_time(part.start)}-{_time(part.end)}) {part.text}" for part in item.segments]
    return "\n".join(lines)


def _as_json(item: ContextItem) -> str:
    return json.dumps(item.model_dump(), ensure_ascii=False, separators=(",", ":"))


def _time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
