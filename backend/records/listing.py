"""One page of the videos that filters name, in an order, from a cursor on.

A page is found by the position where the last one ended, not by counting, so it costs the same at
any depth, and what others insert or delete meanwhile neither repeats nor hides a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from backend.core import cursors
from backend.engine import Provider, fetch
from backend.records import filter_sql as dialect
from backend.records.filter_sql import RELATION_TABLES, Conditions
from backend.records.filters import Filters
from backend.records.reader import MOST_BYTES, ROWS_AT_ONCE, Reader, how_many_fit

Order = Literal[
    "-created_at", "created_at", "-updated_at", "updated_at", "-recorded_date", "recorded_date"
]


async def page(
    reader: Reader,
    filters: Filters,
    *,
    order: Order,
    limit: int,
    cursor: str | None,
    include_total: bool,
    most_bytes: int = MOST_BYTES,
) -> dict[str, Any]:
    """What VideoAnalysisList describes, as JSON has it. A page of large records ends early."""
    query = f"list {order} {filters.digest()}"
    position = _decode(cursor, query, order) if cursor is not None else None
    if position is None and not filters and order == "-created_at" and limit <= ROWS_AT_ONCE:
        # The commonest of all lists needs nothing that Prisma cannot say.
        rows = await reader.rows.find_many(
            take=limit + 1, order=[{"createdAt": "desc"}, {"id": "desc"}]
        )
    else:
        rows = await _rows(
            reader, await _ids(reader, filters, order, limit + 1, position, most_bytes)
        )
    fitting = min(limit, how_many_fit((row["size"] for row in rows), most=most_bytes))
    more = len(rows) > fitting
    rows = rows[:fitting]
    next_cursor = cursors.encode(query, _position_of(rows[-1], order)) if more else None
    return {
        "analyses": await reader.answers(rows),
        "count": len(rows),
        "next_cursor": next_cursor,
        "total": await total(reader, filters) if include_total else None,
    }


async def total(reader: Reader, filters: Filters) -> int:
    """How many videos the filters name."""
    sql, args = dialect.count(reader.provider, filters)
    row: Any = await reader.client.query_first(sql, *args)
    return int(row["found"])


async def _rows(reader: Reader, ids: list[str]) -> list[dict[str, Any]]:
    """In the order of the ids. One that was deleted meanwhile is left out."""
    if not ids:
        return []
    found = {row["id"]: row for row in await reader.rows_of(ids)}
    return [found[id_] for id_ in ids if id_ in found]


# Positions


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page: its key in the order (None: it has none) and its id."""

    key: datetime | str | None
    id: str


def _position_of(row: Mapping[str, Any], order: Order) -> list[Any]:
    return [row[order.removeprefix("-")], row["id"]]


def _decode(cursor: str, query: str, order: Order) -> Position:
    position = cursors.decode(cursor, query)
    try:
        key, id_ = position
        if not isinstance(id_, str) or "\0" in id_:
            raise ValueError
        id_.encode()
        if order.endswith("recorded_date"):
            if key is not None:
                if not isinstance(key, str) or "\0" in key:
                    raise ValueError
                key.encode()
        else:
            key = datetime.fromisoformat(key)
            if key.tzinfo is None:
                raise ValueError
            key = key.astimezone(UTC)  # OverflowError beyond the years 1 to 9999
    except (ValueError, TypeError, OverflowError) as error:
        raise cursors.refused("This is no cursor that an answer gave as next_cursor") from error
    return Position(key, id_)


# SQL


async def _ids(
    reader: Reader,
    filters: Filters,
    order: Order,
    limit: int,
    position: Position | None,
    most_bytes: int,
) -> list[str]:
    """Also of one record more than fit in a response, so that it is seen that there are more."""
    found: list[Sequence[Any]] = []
    for sql, args in statements(reader.provider, filters, order, limit, position):
        if len(found) < limit:
            found += await fetch(reader.client, sql, *args[:-1], limit - len(found))
    fitting = how_many_fit((size for _, size in found), most=most_bytes)
    return [id_ for id_, _ in found[: fitting + 1]]


def statements(
    provider: Provider, filters: Filters, order: Order, limit: int, position: Position | None
) -> list[tuple[str, list[Any]]]:
    """The SQL of a page, one statement after the other until it is full. The limit is the last
    argument. Videos without a recorded date come last, whatever the direction."""
    if not order.endswith("recorded_date"):
        return [_statement(provider, filters, order, limit, position)]
    both = []
    if position is None or position.key is not None:
        both.append(_statement(provider, filters, order, limit, position, known=True))
    rest = position if position is not None and position.key is None else None
    both.append(_statement(provider, filters, order, limit, rest, known=False))
    return both


def _statement(
    provider: Provider,
    filters: Filters,
    order: Order,
    limit: int,
    position: Position | None,
    *,
    known: bool | None = None,
) -> tuple[str, list[Any]]:
    direction = "DESC" if order.startswith("-") else "ASC"
    query = Conditions(provider)
    source, key, id_ = "video_analysis AS v", f"v.{order.removeprefix('-')}", "v.id"
    query.own("v")
    driving = filters.relation() if order.endswith("created_at") else None
    if driving:
        # The relation's own index has its videos in this order. CROSS: SQLite keeps the order.
        table, column = RELATION_TABLES[driving[0]]
        source = f"{table} AS d CROSS JOIN video_analysis AS v"
        key, id_ = "d.created_at", "d.analysis_id"
        query.own("d")
        query.conditions += ["v.id = d.analysis_id", f"d.{column} = {query.bind(driving[1])}"]
    bound = f"{order.removeprefix('-').partition('_')[0]}_{'to' if direction == 'DESC' else 'from'}"
    query.add(
        filters,
        skip=driving,
        each_by_itself=driving is not None,
        passed=bound if position is not None else None,
    )
    if known is not None:
        query.conditions.append(f"{key} IS {'NOT ' if known else ''}NULL")
    sign = "<" if direction == "DESC" else ">"
    if position is not None and known is False:
        query.conditions.append(f"{id_} {sign} {query.bind(position.id)}")
    elif position is not None:
        query.conditions.append(
            f"({key}, {id_}) {sign} ({query.bind(position.key)}, {query.bind(position.id)})"
        )
    ordering = f"{id_} {direction}" if known is False else f"{key} {direction}, {id_} {direction}"
    sql = (
        f"SELECT {id_} AS id, v.size FROM {source}{query.where()} ORDER BY {ordering}"
        f" LIMIT {query.bind(limit)}"
    )
    return sql, query.args
