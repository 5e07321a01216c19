"""Between what goes in and out over HTTP and the rows of the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from backend.core.search.analysis import index_entry
from backend.engine import JsonForm, JsonRecords
from backend.models.metadata import SCALARS, Segment
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate, in_milliseconds

if TYPE_CHECKING:
    from prisma import Prisma

COLUMNS = {name: name for name in SCALARS} | {
    "recorded_date": "recordedDate",
    "event_type": "eventType",
}
"""The name that each plain field of the metadata has in schema.prisma."""

RELATIONS = ("tags", "people", "segments")
FACETS = ("tags", "people", "location", "event_type")

JSON_FORM = JsonForm(
    {
        "id": "id",
        "videoId": "video_id",
        "description": "description",
        "createdAt": "created_at",
        "updatedAt": "updated_at",
        **{COLUMNS[name]: name for name in SCALARS},
        "extra": "extra",
        "hasRelations": "has_relations",
    }
)
"""A row as it is answered, but for its relations: `answers` adds them."""

_AT_ONCE = 500
"""Ids in one query that is sorted: Prisma does not split those, and SQLite takes 999 values."""

Answer = dict[str, Any]
"""What VideoAnalysis describes, as JSON has it."""

Described = VideoAnalysis | VideoAnalysisCreate
"""All that was said of a video."""


async def answers(client: Prisma, rows: list[dict[str, Any]]) -> list[Answer]:
    """The rows of JSON_FORM, completed."""
    related = {row["id"]: row for row in rows if row["has_relations"]}
    for row in rows:
        del row["has_relations"]
        row["extra"] = json.loads(row["extra"]) if row["extra"] else {}
        row["people"], row["tags"], row["segments"] = [], [], []
    async for name, id_, value in _relations(client, list(related)):
        related[id_][name].append(value)
    return rows


async def find(client: Prisma, rows: JsonRecords, video_id: str) -> Answer | None:
    row = await rows.find_unique({"videoId": video_id})
    return None if row is None else (await answers(client, [row]))[0]


def answer(record: Described, *, id_: str, created_at: datetime, updated_at: datetime) -> Answer:
    said = record.__dict__
    created = in_milliseconds(created_at)
    return {
        "id": id_,
        "video_id": record.video_id,
        "description": record.description,
        "created_at": created,
        "updated_at": created if updated_at is created_at else in_milliseconds(updated_at),
        **{name: said[name] for name in SCALARS},
        "extra": record.extra,
        "people": record.people,
        "tags": record.tags,
        "segments": [part.__dict__ for part in record.segments],
    }


def stored_answer(record: VideoAnalysis) -> Answer:
    return answer(record, id_=record.id, created_at=record.created_at, updated_at=record.updated_at)


async def _relations(client: Prisma, ids: list[str]) -> AsyncIterator[tuple[str, str, Any]]:
    """Name, id of the record, and value of each, in their order."""
    from prisma import models

    kinds: tuple[tuple[str, type, JsonForm], ...] = (
        ("tags", models.VideoTag, _TAG),
        ("people", models.VideoPerson, _PERSON),
        ("segments", models.Segment, _SEGMENT),
    )
    order: Any = {"position": "asc"}
    for start in range(0, len(ids), _AT_ONCE):
        where: Any = {"analysisId": {"in": ids[start : start + _AT_ONCE]}}
        found = await asyncio.gather(
            *(
                JsonRecords(client, model, form).find_many(where=where, order=order)
                for _, model, form in kinds
            )
        )
        for (name, _, _), rows in zip(kinds, found, strict=True):
            for row in rows:
                id_ = row.pop("id")
                yield name, id_, row if name == "segments" else row["name"]


_TAG = JsonForm({"analysisId": "id", "tagName": "name"})
_PERSON = JsonForm({"analysisId": "id", "personName": "name"})
_SEGMENT = JsonForm({"analysisId": "id", "start": "start", "end": "end", "text": "text"})


def record(answer: Answer) -> VideoAnalysis:
    """Already valid: it was checked on its way in."""
    return VideoAnalysis.model_construct(
        **{
            **answer,
            "created_at": datetime.fromisoformat(answer["created_at"]),
            "updated_at": datetime.fromisoformat(answer["updated_at"]),
            "segments": [Segment.model_construct(**part) for part in answer["segments"]],
        }
    )


def plain_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of those plain fields, and of `extra`, that `values` has."""
    columns = {COLUMNS[name]: values[name] for name in SCALARS if name in values}
    if "extra" in values:
        columns["extra"] = extra_text(values["extra"])
    return columns


def extra_text(extra: Mapping[str, Any]) -> str | None:
    return json.dumps(extra, ensure_ascii=False, separators=(",", ":")) if extra else None


def tag_rows(id_: str, created_at: datetime, names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"analysisId": id_, "tagName": name, "position": position, "createdAt": created_at}
        for position, name in enumerate(names)
    ]


def person_rows(id_: str, created_at: datetime, names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"analysisId": id_, "personName": name, "position": position, "createdAt": created_at}
        for position, name in enumerate(names)
    ]


def segment_rows(id_: str, segments: Iterable[Segment]) -> list[dict[str, Any]]:
    return [
        {"analysisId": id_, "position": n, "start": s.start, "end": s.end, "text": s.text}
        for n, s in enumerate(segments)
    ]


def index_entry_of(record: Described) -> str:
    """What the search index is told of a record: all of its words and, on a second line, its FACETS
    as JSON, if it has any. Most descriptions hold the text of their segments; a segment's words
    count twice only where they stand twice."""
    texts = [record.description]
    texts += [
        value
        for value in (
            record.title,
            record.location,
            record.country,
            record.mood,
            record.event_type,
        )
        if value
    ]
    texts += record.people
    texts += record.tags
    texts += [part.text for part in record.segments if part.text not in record.description]
    for value in record.extra.values():
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            texts += value
    entry = index_entry(texts)
    facets = {
        facet: [value] if isinstance(value, str) else value
        for facet in FACETS
        if (value := getattr(record, facet))
    }
    return f"{entry}\n{orjson.dumps(facets).decode()}" if facets else entry
