"""Rows of the change log, in their order: the newest first, from a cursor on.

Both databases have the same columns. On PostgreSQL numbers are not committed in their order, so
there the transaction's number comes first (see the migration `change_log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.core import cursors
from backend.engine import Provider
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

VIDEO = "video"
_MOST_NUMBER = 2**63


@dataclass(frozen=True, slots=True)
class Position:
    """Of a row in the log."""

    xid: int
    """0 on SQLite."""
    number: int


Row = dict[str, Any]
"""A row's columns, and its Position as `position`."""


async def rows(
    client: Prisma,
    query: Conditions,
    *,
    columns: Sequence[str],
    limit: int,
    before: Position | None,
) -> list[Row]:
    """Those of `query`, which calls the log `c`, the newest first."""
    key = _key(query.provider)
    order = ", ".join(f"{column} DESC" for column in key)
    if before is not None and query.provider == "sqlite":
        query.conditions.append(f"c.number < {query.bind(before.number)}")
    elif before is not None:
        xid, number = query.bind(str(before.xid)), query.bind(before.number)
        query.conditions.append(f"(c.xid, c.number) < ({xid}::text::xid8, {number})")
    xid = "0" if query.provider == "sqlite" else "c.xid::text"
    found: Any = await client.query_raw(
        f"SELECT {xid} AS xid, c.number, {', '.join(columns)} FROM change_log AS c{query.where()}"
        f" ORDER BY {order} LIMIT {limit}",
        *query.args,
    )
    return [{**row, "position": Position(int(row["xid"]), int(row["number"]))} for row in found]


def encode(purpose: str, position: Position) -> str:
    """A cursor that leads on after this row."""
    return cursors.encode(purpose, [position.xid, position.number])


def decode(cursor: str | None, purpose: str) -> Position | None:
    """Raises InvalidRequest."""
    if cursor is None:
        return None
    match cursors.decode(cursor, purpose):
        case [int(xid), int(number)] if 0 <= xid < _MOST_NUMBER and 0 <= number < _MOST_NUMBER:
            return Position(xid, number)
    raise cursors.refused("This is no cursor that an answer gave as next_cursor")


def _key(provider: Provider) -> Sequence[str]:
    return ("c.number",) if provider == "sqlite" else ("c.xid", "c.number")
