"""A version of a record, of what the change log keeps of it: `image`, JSON by the names of
schema.prisma, which the database's triggers write (see the migration `change_log`)."""

from __future__ import annotations

import json
from typing import Any

import orjson

from backend.models.metadata import SCALARS
from backend.models.schemas import time_of
from backend.records.record import COLUMNS, RecordJson, object_text


def record_of_image(video_id: str, version: int, image: str) -> RecordJson:
    """As it was answered when this was the record's version."""
    kept: dict[str, Any] = orjson.loads(image)
    extra, sources = kept["extra"], kept["sources"]
    duration = kept["duration"]  # as text, because JSON has 15 digits of a number from SQLite
    return {
        "id": kept["id"],
        "video_id": video_id,
        "description": kept["description"],
        "created_at": time_of(kept["createdAt"]),
        "updated_at": time_of(kept["updatedAt"]),
        "version": version,
        **{name: kept[COLUMNS[name]] for name in SCALARS if name != "duration"},
        "duration": None if duration is None else float(duration),
        "extra": json.loads(extra) if extra else {},
        "people": kept["people"] or [],
        "tags": kept["tags"] or [],
        "segments": [
            {"start": float(start), "end": float(end), "text": text}
            for start, end, text in kept["segments"] or ()
        ],
        "sources": json.loads(sources) if sources else {},
    }


def image_of_record(record: RecordJson) -> str:
    """An image of which record_of_image makes this record again."""
    duration = record["duration"]
    image = {
        "id": record["id"],
        "description": record["description"],
        "createdAt": record["created_at"],
        "updatedAt": record["updated_at"],
        **{COLUMNS[name]: record[name] for name in SCALARS},
        "duration": None if duration is None else repr(duration),
        "extra": object_text(record["extra"]),
        "sources": object_text(record["sources"]),
        "tags": record["tags"],
        "people": record["people"],
        "segments": [
            [repr(part["start"]), repr(part["end"]), part["text"]] for part in record["segments"]
        ],
    }
    return orjson.dumps(image).decode()
