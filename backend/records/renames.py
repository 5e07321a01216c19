"""A tag or a person replaced in all videos, by one transaction; and who writes it meanwhile.

The videos' entries of the search index are not made in that transaction, which would hold up other
writers for as long as it takes to read every text: it marks them, and the index makes them anew
before the next search (search/entries.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from backend.core.caller import owner
from backend.core.owners import OWNER, owned
from backend.engine import Provider, now
from backend.records.errors import NameExists, NameNotFound
from backend.records.filter_sql import Conditions
from backend.records.log_rows import log, log_row
from backend.records.versions import written_in_sql

if TYPE_CHECKING:
    from prisma import Prisma

ENTRY_TO_MAKE = ""
"""What `searchTerms` is of a record whose entry is to be made anew."""

_TIMEOUT = timedelta(minutes=10)
"""Of the transaction: 100,000 videos that have the name take some seconds."""
_MOST_REMEMBERED = 1_000

NameField = Literal["tags", "people"]


@dataclass(frozen=True, slots=True)
class Kind:
    field: NameField
    """Of a record."""
    noun: str
    model: str
    """In the client: the names."""
    relation: str
    """In the client: which video has which name."""
    column: str
    names: str
    """Table of the names."""
    table: str
    """Table of which video has which name."""
    name_column: str


TAGS = Kind("tags", "tag", "tag", "videotag", "tagName", "tag", "video_tag", "tag_name")
PEOPLE = Kind(
    "people", "person", "person", "videoperson", "personName", "person", "video_person",
    "person_name",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Replacement:
    kind: Kind
    old: frozenset[str]
    """Each is the name of some video, or NameNotFound is raised."""
    new: str | None
    """None: the names are taken away."""
    is_new: bool = False
    """NameExists is raised where a video has the new name already."""


async def replace(
    client: Prisma,
    provider: Provider,
    replacement: Replacement,
    also: Callable[[Prisma, Replacement, int], Awaitable[None]],
) -> int:
    """How many videos have the new name then. `also` joins the transaction, at its end. Raises
    NameNotFound, NameExists."""
    kind, new = replacement.kind, replacement.new
    old = sorted(replacement.old)
    async with client.tx(timeout=_TIMEOUT) as transaction:
        if provider == "postgresql":
            await _lock(transaction, kind, old, new)
        relation = getattr(transaction, kind.relation)
        videos: dict[str, int] = {}
        for name in old:
            videos[name] = await relation.count(where={kind.column: name})
            if not videos[name]:
                raise NameNotFound(kind.noun, name)
        if replacement.is_new and await relation.count(where={kind.column: new}, take=1):
            raise NameExists(kind.noun, str(new))
        await _mark_videos(transaction, provider, kind, old)
        if new is not None:
            await _put_in_place(transaction, provider, kind, old, new)
        # With the names go what videos still have of them.
        await getattr(transaction, kind.model).delete_many({"name": {"in": old}})
        found: int = await relation.count(where={kind.column: new}) if new is not None else 0
        await also(transaction, replacement, found)
        await _log(transaction, provider, replacement, videos)  # last: its time is when it ends
        return found


async def _log(
    transaction: Prisma, provider: Provider, replacement: Replacement, videos: Mapping[str, int]
) -> None:
    """One row for each name that goes, besides those of the videos: what became of it, and how many
    videos had it."""
    kind = replacement.kind
    action = "delete" if replacement.new is None else "rename" if replacement.is_new else "merge"
    rows = []
    for name, number in sorted(videos.items()):
        image = orjson.dumps({"to": replacement.new, "videos": number}).decode()
        rows.append(log_row(kind.noun, name, action, image=image))
    await log(transaction, provider, rows)


async def last_renamed_to(
    client: Prisma, provider: Provider, kind: Kind, names: Sequence[str], since: datetime | None
) -> dict[str, str]:
    """What those of the names became that were renamed or merged when they last went, by whatever
    process; those that have gone since that time, if one is given."""
    query = Conditions(provider)
    query.own("c")
    query.conditions.append(f"kind = {query.bind(kind.noun)}")
    query.conditions.append(f"name IN ({', '.join(query.bind(name) for name in names)})")
    if since is not None:
        query.conditions.append(f"at >= {query.bind(since)}")
    rows: Any = await client.query_raw(
        f"SELECT name, image FROM change_log AS c{query.where()} ORDER BY number", *query.args
    )
    last = {row["name"]: orjson.loads(row["image"])["to"] for row in rows}
    return {name: new for name, new in last.items() if new is not None}


async def _lock(transaction: Prisma, kind: Kind, old: Sequence[str], new: str | None) -> None:
    """The videos first, as whoever changes a video does; then the names, so that no other video is
    given them from then on. Who waits for a name finds it gone (ForeignKeyViolationError)."""
    await transaction.query_first(
        f"SELECT count(*) FROM (SELECT 1 FROM video_analysis AS v WHERE {owned('v')} AND id IN"
        f" (SELECT analysis_id FROM {kind.table} AS t WHERE {owned('t')}"
        f" AND {kind.name_column} = ANY ($1::text[])) ORDER BY id FOR UPDATE) AS locked",
        old,
    )
    await transaction.query_first(
        f"SELECT count(*) FROM (SELECT 1 FROM {kind.names} AS n WHERE {owned('n')}"
        " AND name = ANY ($1::text[]) ORDER BY name FOR UPDATE) AS locked",
        old if new is None else [*old, new],
    )


async def _mark_videos(
    transaction: Prisma, provider: Provider, kind: Kind, old: Sequence[str]
) -> None:
    """As changed: whoever has read one of them before cannot write it."""
    where: Any = {kind.field: {"some": {"owner": owner.get(), kind.column: {"in": old}}}}
    last = await transaction.videoanalysis.find_first(where=where, order={"updatedAt": "desc"})
    assert last is not None
    moment = max(now(), last.updatedAt + timedelta(milliseconds=1))
    # SQLite binds by order.
    query = Conditions(provider)
    note = written_in_sql(query, "update")
    await transaction.execute_raw(
        f"UPDATE video_analysis SET written = {note}, version = version + 1,"
        f" search_terms = '{ENTRY_TO_MAKE}', updated_at = {query.bind(moment)}"
        f" WHERE {owned('video_analysis')} AND id IN (SELECT analysis_id FROM {kind.table} AS t"
        f" WHERE {owned('t')} AND {kind.name_column} IN"
        f" ({', '.join(query.bind(name) for name in old)}))",
        *query.args,
    )


async def _put_in_place(
    transaction: Prisma, provider: Provider, kind: Kind, old: Sequence[str], new: str
) -> None:
    """A video that has several of the names keeps the first one's place."""
    sign = "?" if provider == "sqlite" else "$"
    names = ", ".join(f"{sign}{number}" for number in range(1, len(old) + 2))
    await transaction.execute_raw(
        f"INSERT INTO {kind.names} (owner, name) VALUES ({OWNER}, {sign}1) ON CONFLICT DO NOTHING",
        new,
    )
    await transaction.execute_raw(
        f"DELETE FROM {kind.table} WHERE {owned(kind.table)} AND {kind.name_column} IN ({names})"
        f" AND EXISTS (SELECT 1 FROM {kind.table} AS other"
        f" WHERE {owned('other')} AND other.analysis_id = {kind.table}.analysis_id"
        f" AND other.{kind.name_column} IN ({names}) AND (other.position, other.{kind.name_column})"
        f" < ({kind.table}.position, {kind.table}.{kind.name_column}))",
        *old,
        new,
    )
    await getattr(transaction, kind.relation).update_many(
        {kind.column: new}, {kind.column: {"in": old}}
    )


class _Renamed(NamedTuple):
    owner: str
    at: float
    field: NameField
    old: frozenset[str]
    new: str


class Renames:
    """What this process renames, and has renamed lately. Who writes a name at the same moment is to
    write the new one."""

    def __init__(self) -> None:
        self._running: set[tuple[str, Replacement, asyncio.Future[None]]] = set()
        self._recent: deque[_Renamed] = deque(maxlen=_MOST_REMEMBERED)

    @asynccontextmanager
    async def running(self, replacement: Replacement) -> AsyncIterator[None]:
        """While this is under way. Where it fails, the names stay."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (owner.get(), replacement, ended)
        self._running.add(entry)
        try:
            yield
            if replacement.new is not None:
                said = (replacement.kind.field, replacement.old, replacement.new)
                self._recent.append(_Renamed(owner.get(), monotonic(), *said))
        finally:
            self._running.discard(entry)
            ended.set_result(None)

    async def current(self, field: NameField, names: Iterable[str], since: float) -> list[str]:
        """The names, those anew that were renamed after `since` (monotonic)."""
        found, own = list(names), owner.get()
        for of, replacement, ended in list(self._running):
            if (of, replacement.kind.field) != (own, field):
                continue
            if not replacement.old.isdisjoint(found):
                await asyncio.shield(ended)
        for renamed in self._recent:
            if renamed.at >= since and (renamed.owner, renamed.field) == (own, field):
                found = [renamed.new if name in renamed.old else name for name in found]
        return list(dict.fromkeys(found))
