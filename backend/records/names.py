"""The tags, or the people, of all videos together. Renaming, merging and deleting change all videos
in one transaction (renames.py)."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

from backend.core import cursors
from backend.models.names import NameCount, NamePage
from backend.records.errors import NameNotFound
from backend.records.filter_sql import Conditions
from backend.records.reader import Reader
from backend.records.renames import Kind, Replacement
from backend.records.writer import Writer


async def page(reader: Reader, kind: Kind, *, limit: int, cursor: str | None) -> NamePage:
    """The commonest first; of equal number by their code points."""
    purpose = f"names {kind.field}"
    query = Conditions(reader.provider)
    collation = "" if reader.provider == "sqlite" else ' COLLATE "C"'
    having = ""
    query.own("t")
    if cursor is not None:
        count, name = _decode(cursor, purpose)
        having = (
            f" HAVING count(*) < {query.bind(count)} OR (count(*) = {query.bind(count)}"
            f" AND {kind.name_column}{collation} > {query.bind(name)})"
        )
    rows: Any = await reader.client.query_raw(
        f"SELECT {kind.name_column} AS name, count(*) AS count"
        f" FROM {kind.table} AS t{query.where()} GROUP BY {kind.name_column}{having}"
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
    if new == name:
        found = await count(writer, kind, name)
        if not found:
            raise NameNotFound(kind.noun, name)
    else:
        found = await writer.replace(Replacement(kind, frozenset({name}), new, is_new=True))
    return NameCount(name=new, count=found)


async def merge(writer: Writer, kind: Kind, names: Collection[str], into: str) -> NameCount:
    """Raises NameNotFound."""
    old = frozenset(names) - {into}
    if old:
        found = await writer.replace(Replacement(kind, old, into))
    else:
        found = await count(writer, kind, into)
    return NameCount(name=into, count=found)


async def delete(writer: Writer, kind: Kind, name: str) -> None:
    """Raises NameNotFound."""
    await writer.replace(Replacement(kind, frozenset({name}), None))


async def count(writer: Writer, kind: Kind, name: str) -> int:
    found: int = await getattr(writer.client, kind.relation).count(where={kind.column: name})
    return found


def _decode(cursor: str, purpose: str) -> tuple[int, str]:
    parts = cursors.decode(cursor, purpose)
    match parts:
        case [int(number), str(name)] if 0 <= number < 2**31 and "\0" not in name:
            with contextlib.suppress(UnicodeEncodeError):
                name.encode()
                return number, name
    raise cursors.refused("This is no cursor that an answer gave as next_cursor")
