"""The tags, or the people, of all videos together.

Renaming, merging and deleting change the videos one by one, each with its entry of the search
index in one transaction. Whoever is interrupted asks again: what is done stays done.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from backend.core import cursors
from backend.models.names import NameCount, NamePage
from backend.models.schemas import VideoAnalysis
from backend.records.errors import NameExists, NameNotFound, VideoAnalysisNotFound
from backend.records.filter_sql import Conditions
from backend.records.reader import Reader
from backend.records.writer import Writer

AT_ONCE = 8
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Kind:
    field: Literal["tags", "people"]
    """Of a record."""
    noun: str
    model: str
    """In the client: the names."""
    relation: str
    """In the client: which video has which name."""
    column: str
    table: str
    name_column: str


TAGS = Kind("tags", "tag", "tag", "videotag", "tagName", "video_tag", "tag_name")
PEOPLE = Kind(
    "people", "person", "person", "videoperson", "personName", "video_person", "person_name"
)


async def page(reader: Reader, kind: Kind, *, limit: int, cursor: str | None) -> NamePage:
    """The commonest first; of equal number by their code points."""
    purpose = f"names {kind.field}"
    query = Conditions(reader.provider)
    collation = "" if reader.provider == "sqlite" else ' COLLATE "C"'
    having = ""
    if cursor is not None:
        count, name = _decode(cursor, purpose)
        having = (
            f" HAVING count(*) < {query.bind(count)} OR (count(*) = {query.bind(count)}"
            f" AND {kind.name_column}{collation} > {query.bind(name)})"
        )
    rows: Any = await reader.client.query_raw(
        f"SELECT {kind.name_column} AS name, count(*) AS count FROM {kind.table}"
        f" GROUP BY {kind.name_column}{having}"
        f" ORDER BY count(*) DESC, {kind.name_column}{collation} LIMIT {limit + 1}",
        *query.args,
    )
    names = [NameCount(name=row["name"], count=int(row["count"])) for row in rows]
    shown = names[:limit]
    last = shown[-1] if len(names) > limit else None
    return NamePage(
        names=shown,
        count=len(shown),
        next_cursor=cursors.encode(purpose, [last.count, last.name]) if last else None,
    )


async def rename(writer: Writer, kind: Kind, name: str, new: str) -> NameCount:
    """Raises NameNotFound, NameExists."""
    if await count(writer, kind, name) == 0:
        raise NameNotFound(kind.noun, name)
    if new != name:
        if await count(writer, kind, new):
            raise NameExists(kind.noun, new)
        await _replace(writer, kind, {name}, new)
    return NameCount(name=new, count=await count(writer, kind, new))


async def merge(writer: Writer, kind: Kind, names: Collection[str], into: str) -> NameCount:
    """Raises NameNotFound."""
    for name in names:
        if name != into and await count(writer, kind, name) == 0:
            raise NameNotFound(kind.noun, name)
    await _replace(writer, kind, {*names} - {into}, into)
    return NameCount(name=into, count=await count(writer, kind, into))


async def delete(writer: Writer, kind: Kind, name: str) -> None:
    """Raises NameNotFound."""
    if await count(writer, kind, name) == 0:
        raise NameNotFound(kind.noun, name)
    await _replace(writer, kind, {name}, None)


async def count(writer: Writer, kind: Kind, name: str) -> int:
    found: int = await getattr(writer.client, kind.relation).count(where={kind.column: name})
    return found


async def _replace(writer: Writer, kind: Kind, old: set[str], new: str | None) -> None:
    def edit(record: VideoAnalysis) -> dict[str, Any]:
        names = [new if name in old else name for name in getattr(record, kind.field)]
        return {kind.field: list(dict.fromkeys(name for name in names if name is not None))}

    async def change(video_id: str) -> None:
        async with at_once:
            with contextlib.suppress(VideoAnalysisNotFound):
                await writer.change(video_id, edit)

    at_once = asyncio.Semaphore(AT_ONCE)
    after = ""
    while True:
        rows = await getattr(writer.client, kind.relation).find_many(
            where={kind.column: {"in": sorted(old)}, "analysisId": {"gt": after}},
            include={"analysis": True},
            order={"analysisId": "asc"},
            take=_CHUNK,
        )
        if not rows:
            break
        after = rows[-1].analysisId
        async with asyncio.TaskGroup() as group:
            # A video that was deleted between the two queries of this page has none.
            for video_id in {row.analysis.videoId for row in rows if row.analysis is not None}:
                group.create_task(change(video_id))
    await getattr(writer.client, kind.model).delete_many(
        where={"name": {"in": sorted(old)}, "videos": {"none": {}}}
    )


def _decode(cursor: str, purpose: str) -> tuple[int, str]:
    parts = cursors.decode(cursor, purpose)
    match parts:
        case [int(number), str(name)] if 0 <= number < 2**31 and "\0" not in name:
            with contextlib.suppress(UnicodeEncodeError):
                name.encode()
                return number, name
    raise cursors.refused("This is no cursor that an answer gave as next_cursor")
