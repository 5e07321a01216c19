"""A record with its past: all changes that the change log has of it, to be exported, and to be
taken over where there has been none of its video.

The rows are written as they are, but for their numbers. So that the log does not say of others what
they did not do here, a further row says who has taken them over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from prisma.errors import UniqueViolationError

from backend.core.owners import OWNER, owned
from backend.engine import Provider
from backend.models.schemas import VideoAnalysisCreate, time_of
from backend.records.errors import IdTaken
from backend.records.filter_sql import Conditions
from backend.records.images import record_of_image
from backend.records.log_rows import log, log_row
from backend.records.record import RecordJson
from backend.records.rows import insert_record, new_record
from backend.records.sources import Sources
from backend.records.versions import each_of

if TYPE_CHECKING:
    from prisma import Prisma

TAKEN_OVER = "history"
"""The kind of the row that says who has taken a past over."""

_READ_AT_ONCE = 4
"""Changes, each with a record as it was before: a megabyte at most, mostly."""
_WRITTEN_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class PastChange:
    """A row of the change log."""

    version: int
    at: datetime
    action: str
    actor: str | None
    request_id: str | None
    image: str | None
    """Of the record before it (images.py); None: there was none, or it is not kept any more."""


@dataclass(frozen=True, slots=True)
class Past:
    """A record and what has become of it, the oldest first. The last change, if there is any, has
    the record's version."""

    analysis: VideoAnalysisCreate
    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    sources: Sources
    changes: Sequence[PastChange]


async def with_changes(
    client: Prisma, provider: Provider, records: Sequence[RecordJson]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Of each record its changes, the oldest first, each a PastChange as JSON has it with the
    record as it was `before`, and then the record itself; in portions."""
    new = [record["video_id"] for record in records if record["version"] == 1]
    of_new = await _first_changes(client, provider, new) if new else {}
    portion: list[dict[str, Any]] = []
    for record in records:
        if record["version"] == 1:
            portion += of_new.get(record["video_id"], [])
        else:
            async for changes in _changes(client, provider, record["video_id"]):
                yield [*portion, *changes]
                portion = []
        portion.append(record)
    yield portion


async def take_over(transaction: Prisma, provider: Provider, past: Past) -> None:
    """Of a video that the change log does not know; its tags and people have their rows. Raises
    IdTaken, and what the client raises."""
    create = await new_record(
        past.analysis,
        id_=past.id,
        version=past.version,
        created_at=past.created_at,
        moment=past.updated_at,
        sources=past.sources,
    )
    earlier, last = past.changes[:-1], past.changes[-1] if past.changes else None
    if last is not None:
        note = [past.version, last.action, last.actor, last.request_id]
        create.row["written"] = orjson.dumps(note).decode()
    await transaction.execute_raw("SAVEPOINT past")
    try:
        for start in range(0, len(earlier), _WRITTEN_AT_ONCE):
            await _log_earlier(
                transaction, provider, past, earlier[start : start + _WRITTEN_AT_ONCE]
            )
        await insert_record(transaction, create)  # and a trigger logs the last change
    except UniqueViolationError as error:
        await transaction.execute_raw("ROLLBACK TO SAVEPOINT past")
        if _is_of_id(error):
            raise IdTaken(past.id) from error
        raise
    await transaction.execute_raw("RELEASE SAVEPOINT past")
    if last is not None:
        await _complete(transaction, provider, past, last)
    row = log_row(TAKEN_OVER, past.analysis.video_id, "import")
    await log(transaction, provider, [row])


async def _first_changes(
    client: Prisma, provider: Provider, video_ids: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    query = _of_videos(provider)
    given = each_of(query, video_ids)
    query.conditions.append(f"c.name IN (SELECT value FROM {given}) AND c.version = 1")
    rows: Any = await client.query_raw(f"{_SELECT}{query.where()}", *query.args)
    return {row["name"]: [_exported(row)] for row in rows}


async def _changes(
    client: Prisma, provider: Provider, video_id: str
) -> AsyncIterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    while True:
        query = _of_videos(provider)
        query.conditions.append(f"c.name = {query.bind(video_id)}")
        if found:
            query.conditions.append(f"c.version > {query.bind(found[-1]['version'])}")
        rows: Any = await client.query_raw(
            f"{_SELECT}{query.where()} ORDER BY c.version LIMIT {_READ_AT_ONCE}", *query.args
        )
        found = []
        for row in rows:
            found.append(_exported(row))
            await asyncio.sleep(0)  # it may be a megabyte
        yield found
        if len(found) < _READ_AT_ONCE:
            return


_SELECT = (
    "SELECT c.name, c.version, c.at, c.action, c.actor, c.request_id, c.image FROM change_log AS c"
)


def _of_videos(provider: Provider) -> Conditions:
    query = Conditions(provider)
    query.own("c")
    query.conditions.append("c.kind = 'video'")
    return query


def _exported(row: dict[str, Any]) -> dict[str, Any]:
    image, version = row["image"], int(row["version"])
    return {
        "version_of": row["name"],
        "version": version,
        "at": time_of(row["at"]),
        "action": row["action"],
        "actor": row["actor"],
        "request_id": row["request_id"],
        "before": None if image is None else record_of_image(row["name"], version - 1, image),
    }


async def _log_earlier(
    transaction: Prisma, provider: Provider, past: Past, changes: Sequence[PastChange]
) -> None:
    query = Conditions(provider)
    name = past.analysis.video_id
    rows = []
    for each in changes:
        values = (name, each.version, each.at, each.action, each.actor, each.request_id, each.image)
        rows.append(f"({OWNER}, 'video', {', '.join(map(query.bind, values))})")
    await transaction.execute_raw(
        "INSERT INTO change_log"
        " (owner, kind, name, version, at, action, actor, request_id, image)"
        f" VALUES {', '.join(rows)}",
        *query.args,
    )


async def _complete(transaction: Prisma, provider: Provider, past: Past, last: PastChange) -> None:
    query = Conditions(provider)
    at, image = query.bind(last.at), query.bind(last.image)
    query.conditions += [
        owned("change_log"),
        f"kind = 'video' AND name = {query.bind(past.analysis.video_id)}",
        f"version = {query.bind(past.version)}",
    ]
    await transaction.execute_raw(
        f"UPDATE change_log SET at = {at}, image = {image}{query.where()}", *query.args
    )


def _is_of_id(error: UniqueViolationError) -> bool:
    # PostgreSQL does not name the columns of a row that belongs to another owner.
    return error.meta.get("target") in (["id"], "video_analysis_pkey")
