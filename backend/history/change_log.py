"""Rows of the change log, in their order, and positions in it.

Both databases have the same columns. On PostgreSQL numbers are not committed in their order, so
there the transaction's number comes first (see the migration `change_log`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from backend.core import cursors
from backend.engine import Provider
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

VIDEO = "video"
SETTLED: Mapping[Provider, str | None] = {
    "sqlite": None,
    "postgresql": "c.xid < pg_snapshot_xmin(pg_current_snapshot())",
}
"""The condition of rows before which none comes any more."""
_MOST_NUMBER = 2**63

Order = Literal["log", "version"]
"""`version`: of the rows of one video, which have an index by it."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Of a row in the log."""

    xid: int
    """0 on SQLite."""
    number: int
    """In the order of versions: the version."""

    @property
    def next(self) -> Position:
        """The first that is after this one."""
        return Position(self.xid, self.number + 1)


START = Position(0, 0)

Row = dict[str, Any]
"""A row's columns, and its Position as `position`."""


async def rows(
    client: Prisma,
    query: Conditions,
    *,
    columns: Sequence[str],
    limit: int,
    since: Position | None = None,
    before: Position | None = None,
    skip: int = 0,
    order: Order = "log",
    oldest_first: bool = False,
) -> list[Row]:
    """Those of `query`, which calls the log `c`, from `since` on and before `before`; the newest
    first."""
    key = _key(query.provider, order)
    between(query, since=since, before=before, order=order)
    direction = "ASC" if oldest_first else "DESC"
    found: Any = await client.query_raw(
        f"SELECT {', '.join([*_position_columns(query.provider, order), *columns])}"
        f" FROM change_log AS c{query.where()}"
        f" ORDER BY {', '.join(f'{column} {direction}' for column in key)}"
        f" LIMIT {limit} OFFSET {skip}",
        *query.args,
    )
    return [
        {**row, "position": Position(int(row["at_xid"]), int(row["at_number"]))} for row in found
    ]


def of_video(provider: Provider, video_id: str) -> Conditions:
    """The rows, called `c`, of one video."""
    query = Conditions(provider)
    query.own("c")
    query.conditions += [f"c.kind = '{VIDEO}'", f"c.name = {query.bind(video_id)}"]
    return query


def settled(provider: Provider) -> Conditions:
    """The rows, called `c`, of all owners, before which none comes any more."""
    query = Conditions(provider)
    if (condition := SETTLED[provider]) is not None:
        query.conditions.append(condition)
    return query


def between(
    query: Conditions,
    *,
    since: Position | None = None,
    before: Position | None = None,
    order: Order = "log",
) -> None:
    """Conditions on `c`: from `since` on, and before `before`."""
    key = ", ".join(_key(query.provider, order))
    for operator, position in ((">=", since), ("<", before)):
        if position is not None:
            values = bound(query, position) if "," in key else query.bind(position.number)
            query.conditions.append(f"({key}) {operator} ({values})")


def bound(query: Conditions, position: Position) -> str:
    """The values of the columns `xid, number`."""
    if query.provider == "sqlite":
        return f"{query.bind(position.xid)}, {query.bind(position.number)}"
    return f"{query.bind(str(position.xid))}::text::xid8, {query.bind(position.number)}"


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


def _key(provider: Provider, order: Order) -> Sequence[str]:
    if order == "version":
        return ("c.version",)
    return ("c.number",) if provider == "sqlite" else ("c.xid", "c.number")


def _position_columns(provider: Provider, order: Order) -> Sequence[str]:
    if order == "version":
        return ("0 AS at_xid", "c.version AS at_number")
    xid = "0" if provider == "sqlite" else "c.xid::text"
    return (f"{xid} AS at_xid", "c.number AS at_number")
