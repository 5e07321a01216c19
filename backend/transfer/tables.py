"""The tables of a database, as it describes them itself, and their rows as JSON has them.

Both databases have the same tables. A value is written the same by both: a time in the form in
which SQLite stores it, bytes in hexadecimal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Literal

import orjson

from backend.engine import Provider, fetch
from backend.transfer.archive import Row
from backend.transfer.errors import BackupError

if TYPE_CHECKING:
    from prisma import Prisma

Values = list[Any]
Kind = Literal["text", "integer", "real", "boolean", "time", "bytes"]

_MADE_ANEW = (
    "search_*", "duplicate_index", "duplicate_record", "duplicate_text", "duplicate_band",
    "duplicate_pair", "sqlite_*", "_prisma_migrations", "change_move",
)  # fmt: skip
"""Tables, or patterns: the indexes, and what each database has of its own."""
_LEFT_OUT = {
    ("video_analysis", "search_terms"),  # the search index's
    ("change_follower", "holder"),  # a lease of a process
    ("change_follower", "held_until"),
    ("twelvelabs_job", "holder"),
    ("twelvelabs_run", "holder"),
}

_TABLES: dict[Provider, str] = {
    "sqlite": """
        SELECT t.name AS "table", c.name AS "name", lower(c.type) AS "type", c.pk AS "place"
        FROM sqlite_master AS t, pragma_table_info(t.name) AS c
        WHERE t.type = 'table' ORDER BY t.name, c.cid
    """,
    "postgresql": """
        SELECT c.relname AS "table", a.attname AS "name",
            format_type(a.atttypid, NULL) AS "type",
            coalesce(array_position(i.indkey::smallint[], a.attnum) + 1, 0) AS "place"
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        ORDER BY c.relname COLLATE "C", a.attnum
    """,
}
_KINDS: Mapping[str, Kind] = {
    "text": "text", "integer": "integer", "bigint": "integer", "smallint": "integer",
    "xid8": "integer",
    "real": "real", "double precision": "real", "boolean": "boolean",
    "datetime": "time", "timestamp without time zone": "time", "blob": "bytes", "bytea": "bytes",
}  # fmt: skip
_MOST_BYTES = 2**20
_FIRST_ROWS = 50
_MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """As the database calls it."""

    @property
    def kind(self) -> Kind:
        return _KINDS[self.type]


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]


async def portable_tables(client: Prisma, provider: Provider) -> list[Table]:
    """Those that a backup has; the change log first, as others name its rows. Raises
    BackupError."""
    found: dict[str, list[tuple[int, Column]]] = {}
    described: Any = await client.query_raw(_TABLES[provider])
    for row in described:
        name = row["table"]
        if any(fnmatch(name, pattern) for pattern in _MADE_ANEW):
            continue
        columns = found.setdefault(name, [])
        if row["type"] not in _KINDS:
            raise BackupError(f"{name}.{row['name']} has a type that no backup has: {row['type']}")
        if (name, row["name"]) not in _LEFT_OUT:
            columns.append((int(row["place"]), Column(row["name"], row["type"])))
    tables = [
        Table(
            name,
            tuple(column for _, column in columns),
            tuple(column for place, column in sorted(columns, key=_place) if place),
        )
        for name, columns in found.items()
    ]
    return sorted(tables, key=lambda table: (table.name != "change_log", table.name))


def _place(placed: tuple[int, Column]) -> int:
    return placed[0]


async def last_migration(client: Prisma) -> str | None:
    found: Any = await client.query_first(
        "SELECT max(migration_name) AS name FROM _prisma_migrations"
        " WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL"
    )
    return None if found is None else found["name"]


class RowReader:
    """The rows of a table, in the order of its key, in portions of up to a megabyte."""

    def __init__(self, client: Prisma, provider: Provider, table: Table) -> None:
        self._client = client
        self._provider = provider
        self._table = table
        self._names = [column.name for column in table.columns]
        converters = _converters(provider)
        self._converted = [
            (place, convert)
            for place, column in enumerate(table.columns)
            if (convert := converters.get(column.type, converters.get(column.kind))) is not None
        ]
        self._selected = ", ".join(self._value(column) for column in table.columns)
        self.limit = _FIRST_ROWS

    def was_written(self, rows: int, size: int) -> None:
        """How many bytes the last portion had: the next has as many rows as fit."""
        self.limit = max(1, min(_MOST_ROWS, 2 * self.limit, rows * _MOST_BYTES // max(size, 1)))

    async def portions(self, *, where: str = "TRUE") -> AsyncIterator[list[Row]]:
        async for found in self.values(where=where):
            yield self._rows(found)

    async def values(self, *, where: str = "TRUE") -> AsyncIterator[list[Values]]:
        """The same, of each row only its values, in the order of the table's columns."""
        key = [self._names.index(column.name) for column in self._table.key]
        names = ", ".join(f't."{column.name}"' for column in self._table.key)
        bound = ", ".join(self._bound(each, place) for place, each in enumerate(self._table.key, 1))
        condition = where
        args: list[Any] = []
        while True:
            limit = self.limit
            found = await self._select(f"WHERE {condition} ORDER BY {names} LIMIT {limit}", *args)
            if found:
                condition = f"{where} AND ({names}) > ({bound})"
                args = [found[-1][place] for place in key]
                yield found
            if len(found) < limit:
                return

    async def of(self, columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> list[Row]:
        """The rows that have one of these combinations of values in these columns."""
        if not values:
            return []
        names = ", ".join(f't."{column.name}"' for column in columns)
        return await self.select(
            f"WHERE ({names}) IN ({chosen(self._provider, columns)})", json_of(values)
        )

    async def select(self, rest: str, *args: Any) -> list[Row]:
        """The rows of the table, called `t`, that the rest of the statement chooses."""
        return self._rows(await self._select(rest, *args))

    def _rows(self, found: Sequence[Values]) -> list[Row]:
        names = self._names
        return [dict(zip(names, values, strict=True)) for values in found]

    async def _select(self, rest: str, *args: Any) -> list[Values]:
        sql = f'SELECT {self._selected} FROM "{self._table.name}" AS t {rest}'
        found = [list(values) for values in await fetch(self._client, sql, *args)]
        for place, convert in self._converted:
            for values in found:
                if values[place] is not None:
                    values[place] = convert(values[place])
        return found

    def _value(self, column: Column) -> str:
        name = f't."{column.name}"'
        if column.type == "xid8":
            return f"CAST({name} AS TEXT)"
        if column.kind == "time" and self._provider == "postgresql":
            return f"""to_char({name}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')"""
        return name

    def _bound(self, column: Column, place: int) -> str:
        if self._provider == "sqlite":
            return "?"
        if column.type == "xid8":
            return f"${place}::bigint::text::xid8"
        if column.kind == "time":
            return f"${place}::text::timestamp"
        return f"${place}"


def json_of(values: Sequence[Sequence[Any]]) -> str:
    """What `chosen` reads."""
    return orjson.dumps(values).decode()


def chosen(provider: Provider, columns: Sequence[Column]) -> str:
    """The SQL that reads combinations of values of these columns, of a JSON text that is its one
    argument."""
    if provider == "sqlite":
        values = ", ".join(f"value ->> {place}" for place in range(len(columns)))
        return f"SELECT {values} FROM json_each(?)"
    values = ", ".join(
        f"(value ->> {place})::{column.type}" for place, column in enumerate(columns)
    )
    return f"SELECT {values} FROM json_array_elements($1::json)"


def _converters(provider: Provider) -> Mapping[str, Callable[[Any], Any]]:
    """By type or kind."""
    if provider == "sqlite":
        return {"boolean": bool, "bytes": bytes.hex, "time": _time}
    return {"xid8": int, "bytes": bytes.hex}


def _time(text: str | int) -> str:
    if isinstance(text, str) and len(text) == 29 and text[10] == "T" and text.endswith("+00:00"):
        return text
    try:
        if isinstance(text, int) or text.isdigit():  # SQLite's other form, in milliseconds
            moment = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:  # another program's, on SQLite: as it is
        return str(text)
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")
