"""The descriptions that are stored as an AI's JSON, made text and fields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from backend.core.errors import ServiceError
from backend.models.schemas import VideoAnalysisPatch
from backend.models.sources import Source
from backend.records import DatabaseService, Expected, Filters, RecordJson, plain_of

_WITH_SUMMARY = Filters(has_description_containing='"summary"')
_AT_ONCE = 100

Outcome = Literal["changed", "left", "failed"]


@dataclass(frozen=True, slots=True)
class Normalized:
    """left: it is no such JSON, or something would be lost. `changes`: fields and what they are
    then."""

    video_id: str
    outcome: Outcome
    changes: dict[str, Any]
    error: str | None = None


async def normalized(database: DatabaseService, *, dry_run: bool) -> AsyncIterator[Normalized]:
    """What becomes of each record that may be one. What the words come from stays what it was, and
    what a person has said stays beside it."""
    cursor: str | None = None
    while True:
        page = await database.list_video_analyses(_WITH_SUMMARY, limit=_AT_ONCE, cursor=cursor)
        for record in page["analyses"]:
            yield await _one(database, record, dry_run=dry_run)
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def _one(database: DatabaseService, record: RecordJson, *, dry_run: bool) -> Normalized:
    video_id, sources = record["video_id"], record["sources"]
    plain = plain_of(
        record["description"],
        title=record["title"],
        tags=record["tags"],
        extra=record["extra"],
        adds_tags=sources.get("tags", {}).get("kind") != "human",
    )
    if plain is None:
        return Normalized(video_id, "left", {})
    said = {
        "description": plain.description,
        "title": plain.title,
        "tags": list(plain.tags),
        "extra": dict(plain.extra),
    }
    changes = {name: value for name, value in said.items() if value != record[name]}
    if dry_run:
        return Normalized(video_id, "changed", changes)
    from_ = {name: each for name, each in sources.get("description", {}).items() if name != "at"}
    source = Source.model_validate(from_ or {"kind": "machine"})
    try:
        await database.patch_video_analysis(
            video_id,
            VideoAnalysisPatch.model_validate({**changes, "source": source}),
            expected=Expected(frozenset({record["version"]})),
            override_human=True,
        )
    except ServiceError as error:
        return Normalized(video_id, "failed", changes, str(error))
    return Normalized(video_id, "changed", changes)
