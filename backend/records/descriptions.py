"""New descriptions, by one statement for those that come at the same time.

To change a record one must have read it, as its entry of the search index is made of all of its
words. But of most records nothing is said beside their description: then the statement itself sees
that this is so, and that the caller's conditions hold, and nothing is read before. A record that it
leaves as it is may be any other, or not there; who writes learns which by reading it. What was read
is written by the same statement, to the version that was read.

Prisma has no update of many records, each to other values.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from backend.core.caller import owner
from backend.core.owners import found_owned, owned
from backend.core.threads import apart_if_long
from backend.engine import Provider, fetch_written, now
from backend.models.metadata import SCALARS
from backend.models.schemas import in_milliseconds, time_of
from backend.models.sources import Source, stored
from backend.records.batches import BatchedWrites
from backend.records.record import RecordJson, object_text
from backend.records.rows import Update
from backend.records.versions import written_by
from backend.text.entry import index_entry

if TYPE_CHECKING:
    from prisma import Prisma


class NewDescription(NamedTuple):
    """Of one record, and what changes with it."""

    video_id: str
    version: int
    """To which alone it applies; 0: to any."""
    description: str
    search_terms: str
    size: int
    sources: str
    """Where the description is another than before."""
    updated_at: datetime
    written: str
    """From behind the version on."""
    is_read: bool
    """The record was read, in this version; else it must be one of which nothing else is said."""
    keeps_human: bool
    """Does not apply where a person has given another description."""


_TYPES = {
    "video_id": "text",
    "version": "bigint",
    "description": "text",
    "search_terms": "text",
    "size": "integer",
    "sources": "text",
    "updated_at": "timestamp",
    "written": "text",
    "is_read": "boolean",
    "keeps_human": "boolean",
}
"""PostgreSQL's, of the fields of NewDescription."""


def _changes(new: Mapping[str, str]) -> str:
    return f"""
        "description" = {new["description"]}, "search_terms" = {new["search_terms"]},
        "size" = {new["size"]}, "updated_at" = {new["updated_at"]},
        "sources" = CASE WHEN v."description" = {new["description"]} THEN v."sources"
            ELSE {new["sources"]} END,
        "version" = v."version" + 1, "written" = '[' || (v."version" + 1) || {new["written"]}
    """


def _applies(new: Mapping[str, str]) -> str:
    """Nothing else is said where only the description has a source: then `sources` is one object in
    another. One with braces in its texts is taken for more."""
    return f"""
        v."video_id" = {new["video_id"]}
        AND ({new["version"]} = 0 OR v."version" = {new["version"]})
        AND v."updated_at" < {new["updated_at"]}
        AND ({new["is_read"]} OR (
            v."has_relations" = false
            AND {" AND ".join(f'v."{name}" IS NULL' for name in (*SCALARS, "extra"))}
            AND (v."sources" IS NULL OR (
                v."sources" LIKE '{{"description":{{%}}}}' AND v."sources" NOT LIKE '%{{%{{%{{%'
            ))
        ))
        AND (NOT {new["keeps_human"]} OR v."description" = {new["description"]}
            OR coalesce(v."sources", '') NOT LIKE '%"kind":"human"%')
    """


_ANSWERED = ("video_id", "id", "created_at", "version", "sources")


def _sqlite() -> str:
    """Times may also be numbers (`timestamp_format`): they are compared with their like."""
    new = {name: f"?{n}" for n, name in enumerate(_TYPES, start=1)}
    return f"""
        UPDATE "video_analysis" AS v SET {_changes(new)} WHERE {owned("v")} AND {_applies(new)}
            AND ({new["is_read"]} OR typeof(v."updated_at") = typeof({new["updated_at"]}))
        RETURNING {", ".join(f'"{name}"' for name in _ANSWERED)}
    """


def _postgresql() -> str:
    """Of arrays. Who holds a record is not waited for."""
    names = ", ".join(f'"{name}"' for name in _TYPES)
    arrays = [f"${n}::{type_}[]" for n, type_ in enumerate(_TYPES.values(), start=1)]
    new = {name: f'new."{name}"' for name in _TYPES}
    return f"""
        WITH given AS (
            SELECT * FROM unnest({", ".join(arrays)}) AS given({names})
        ), new AS (
            SELECT v."id", new.* FROM given AS new CROSS JOIN "video_analysis" AS v
            WHERE {owned("v")} AND {_applies(new)}
            FOR UPDATE OF v SKIP LOCKED
        )
        UPDATE "video_analysis" AS v SET {_changes(new)} FROM new
        WHERE {found_owned("v")} AND v."id" = new."id"
        RETURNING {", ".join(f'v."{name}"' for name in _ANSWERED)}
    """


SQL: dict[Provider, str] = {"sqlite": _sqlite(), "postgresql": _postgresql()}
"""SQLite's is run for each, PostgreSQL's is sent to the server once for all."""


class BatchedDescriptions(BatchedWrites[NewDescription, "Sequence[Any] | None"]):
    def __init__(self, client: Prisma, provider: Provider) -> None:
        super().__init__()
        self._client = client
        self._provider: Provider = provider

    def write(self, new: NewDescription) -> asyncio.Future[Sequence[Any] | None]:
        """_ANSWERED of the record as it is then. None: it does not apply, or another writes the
        record just now. Raises what `query_raw` of the client raises."""
        return self._add(owner.get(), new)

    async def _write(self, rows: Sequence[NewDescription]) -> Sequence[Sequence[Any] | None]:
        sql = SQL[self._provider]
        if self._provider == "sqlite":
            found = await fetch_written(self._client, sql, rows)
            return [written[0] if written else None for written in found]
        by_id = {row.video_id: row for row in rows}  # one of those that change one record
        arrays = [list(column) for column in zip(*by_id.values(), strict=True)]
        [changed] = await fetch_written(self._client, sql, [arrays])
        written = {each[0]: each for each in changed}
        return [written.get(row.video_id) if by_id[row.video_id] is row else None for row in rows]


async def new_description(
    video_id: str, description: str, source: Source, *, version: int, override_human: bool
) -> NewDescription:
    """Of a record that was not read."""
    moment = now()
    said = {"description": stored(source, in_milliseconds(moment))}
    entry = await apart_if_long(len(description), lambda: index_entry([description]))
    return NewDescription(
        video_id,
        version,
        description,
        entry,
        len(description.encode()),
        object_text(said) or "",
        moment,
        written_by(),
        is_read=False,
        keeps_human=source.kind != "human" and not override_human,
    )


def read_description(update: Update) -> NewDescription:
    """Of a record that was read, and of which only the description changes."""
    columns = update.columns
    return NewDescription(
        update.record.video_id,
        update.where["version"],
        columns["description"],
        columns["searchTerms"],
        columns["size"],
        columns["sources"] or "",
        columns["updatedAt"],
        columns["written"].removeprefix(f"[{columns['version']}"),
        is_read=True,
        keeps_human=False,
    )


def answer_of(new: NewDescription, written: Sequence[Any]) -> RecordJson:
    """The record, of which nothing is said beside the description."""
    _, id_, created_at, version, sources = written
    return {
        "id": id_,
        "video_id": new.video_id,
        "description": new.description,
        "created_at": time_of(created_at),
        "updated_at": in_milliseconds(new.updated_at),
        "version": version,
        **dict.fromkeys(SCALARS),
        "extra": {},
        "people": [],
        "tags": [],
        "segments": [],
        "sources": orjson.loads(sources) if sources else {},
    }
