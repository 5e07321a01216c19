"""Between what goes in and out over HTTP and the rows of the database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from backend.engine import ColumnType, JsonForm
from backend.models.metadata import SCALARS, Segment
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate, in_milliseconds
from backend.records.filters import FACET_OF
from backend.text.entry import index_entry

COLUMNS = {name: name for name in SCALARS} | {
    "recorded_date": "recordedDate",
    "event_type": "eventType",
}
"""The name that each plain field of the metadata has in schema.prisma."""

RELATIONS = ("tags", "people", "segments")
FIELDS = ("description", *SCALARS, *RELATIONS, "extra")
"""What is said of a video."""
FACETS = tuple(FACET_OF.values())

JSON_FORM = JsonForm(
    {
        "id": "id",
        "videoId": "video_id",
        "description": "description",
        "createdAt": "created_at",
        "updatedAt": "updated_at",
        "version": "version",
        **{COLUMNS[name]: name for name in SCALARS},
        "extra": "extra",
        **{name: name for name in ("people", "tags", "segments")},
        "sources": "sources",
        "hasRelations": "has_relations",
        "size": "size",
    },
    objects=("extra", "sources"),
    lists=RELATIONS,
)
"""A row as it is answered, but for its relations: Reader.answers adds them."""

ROW_FORM = JsonForm(
    {name: name for name in JSON_FORM.keys.values()}, objects=("extra", "sources"), lists=RELATIONS
)
ROW_TYPES: dict[str, ColumnType] = {
    **{name: "string" for name in ROW_FORM.keys if name not in RELATIONS},
    "created_at": "datetime",
    "updated_at": "datetime",
    "version": "int",
    "age": "int",
    "duration": "float",
    "has_relations": "boolean",
    "size": "int",
}
"""The same in SQL: its columns, which have the names of JSON, and their types."""

_PER_NAME = 60
_PER_SEGMENT = 200
"""Bytes beside its text: as a Python object, mostly."""

VERSION_FORM = JsonForm({"videoId": "video_id", "version": "version"})

RecordJson = dict[str, Any]
"""What VideoAnalysis describes, as JSON has it."""

Described = VideoAnalysis | VideoAnalysisCreate
"""All that was said of a video."""


def record_json(
    record: Described,
    *,
    id_: str,
    version: int,
    created_at: datetime,
    updated_at: datetime,
    sources: Mapping[str, Any],
) -> RecordJson:
    said = record.__dict__
    created = in_milliseconds(created_at)
    return {
        "id": id_,
        "video_id": record.video_id,
        "description": record.description,
        "created_at": created,
        "updated_at": created if updated_at is created_at else in_milliseconds(updated_at),
        "version": version,
        **{name: said[name] for name in SCALARS},
        "extra": record.extra,
        "people": record.people,
        "tags": record.tags,
        "segments": [part.__dict__ for part in record.segments],
        "sources": sources,
    }


def stored_record_json(record: VideoAnalysis) -> RecordJson:
    return record_json(
        record,
        id_=record.id,
        version=record.version,
        created_at=record.created_at,
        updated_at=record.updated_at,
        sources=record.sources,
    )


def record_of(stored: RecordJson) -> VideoAnalysis:
    """Already valid: it was checked on its way in."""
    return VideoAnalysis.model_construct(
        **{
            **stored,
            "created_at": datetime.fromisoformat(stored["created_at"]),
            "updated_at": datetime.fromisoformat(stored["updated_at"]),
            "segments": [Segment.model_construct(**part) for part in stored["segments"]],
        }
    )


def plain_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of those plain fields, and of `extra`, that `values` has."""
    columns = {COLUMNS[name]: values[name] for name in SCALARS if name in values}
    if "extra" in values:
        columns["extra"] = object_text(values["extra"])
    return columns


def object_text(value: Mapping[str, Any]) -> str | None:
    """A JSON object as it is stored; None: an empty one."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None


def size_of(record: Described) -> int:
    """About how many bytes of JSON, and of memory, the record takes as it is answered."""
    size = len(record.description.encode())
    if record.extra:
        size += len(json.dumps(record.extra, ensure_ascii=False).encode())
    for name in (*record.tags, *record.people):
        size += _PER_NAME + len(name.encode())
    for part in record.segments:
        size += _PER_SEGMENT + len(part.text.encode())
    return size


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
    """What the search index is told of a record: all of its words and its FACETS. Most descriptions
    hold the text of their segments; a segment's words count twice only where they stand twice."""
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
    facets = {
        facet: [value] if isinstance(value, str) else value
        for facet in FACETS
        if (value := getattr(record, facet))
    }
    return index_entry(texts, orjson.dumps(facets).decode() if facets else "")
