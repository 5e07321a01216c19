"""The tables of a database, as it describes them itself, and their rows as JSON has them.

Both databases have the same tables. A value is written the same by both: a time in the form in
which SQLite stores it, bytes in hexadecimal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Literal

from backend.engine import Provider
from backend.transfer.archive import Row
from backend.transfer.errors import BackupError

if TYPE_CHECKING:
    from prisma import Prisma

Kind = Literal["text", "integer", "real", "boolean", "time", "bytes"]

_MADE_ANEW = (
    "search_*", "duplicate_index", "duplicate_record", "duplicate_text", "duplicate_band",
    "duplicate_pair", "sqlite_*", "_prisma_migrations",
)  # fmt: skip
"""Tables, or patterns: the indexes, and what each database has of its own."""
_LEFT_OUT = {
    ("video_analysis", "search_terms"),  # the search index's
    ("change_follower", "holder"),  # a lease of a process
    ("change_follower", "held_until"),
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
_MOST_BYTES = 4 * 2**20
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
    """The rows of a table, in the order of its key, in portions of some megabytes."""

    def __init__(self, client: Prisma, provider: Provider, table: Table) -> None:
        self._client = client
        self._provider = provider
        self._table = table
        self.limit = _FIRST_ROWS

    def was_written(self, rows: int, size: int) -> None:
        """How many bytes the last portion had: the next has as many rows as fit."""
        self.limit = max(1, min(_MOST_ROWS, 2 * self.limit, rows * _MOST_BYTES // max(size, 1)))

    async def portions(self) -> AsyncIterator[list[Row]]:
        last: Row | None = None
        while True:
            limit = self.limit
            rows = [self._portable(row) for row in await self._rows(last, limit)]
            if rows:
                yield rows
                last = rows[-1]
            if len(rows) < limit:
                return

    async def _rows(self, last: Row | None, limit: int) -> Any:
        table, key = self._table, self._table.key
        selected = ", ".join(f'{self._selected(each)} AS "{each.name}"' for each in table.columns)
        names = ", ".join(f't."{each.name}"' for each in key)
        args = [] if last is None else [last[each.name] for each in key]
        where = ""
        if last is not None:
            bound = ", ".join(self._bound(each, place) for place, each in enumerate(key, 1))
            where = f" WHERE ({names}) > ({bound})"
        return await self._client.query_raw(
            f'SELECT {selected} FROM "{table.name}" AS t{where} ORDER BY {names} LIMIT {limit}',
            *args,
        )

    def _selected(self, column: Column) -> str:
        name = f't."{column.name}"'
        if column.kind == "bytes":
            written = f"hex({name})" if self._provider == "sqlite" else f"encode({name}, 'hex')"
            return f"CASE WHEN {name} IS NOT NULL THEN {written} END"
        if column.kind in ("real", "boolean"):
            return name
        if column.kind == "integer" and column.type != "xid8":
            return name
        return f"CAST({name} AS TEXT)"

    def _bound(self, column: Column, place: int) -> str:
        if self._provider == "sqlite":
            return "?"
        if column.type == "xid8":
            return f"${place}::bigint::text::xid8"
        if column.kind == "time":
            return f"${place}::text::timestamp"
        return f"${place}"

    def _portable(self, row: Mapping[str, Any]) -> Row:
        return {
            each.name: None if row[each.name] is None else _portable(each.kind, row[each.name])
            for each in self._table.columns
        }


def _portable(kind: Kind, value: Any) -> Any:
    if kind == "integer":
        return int(value)
    if kind == "real":
        return float(value)
    if kind == "boolean":
        return bool(value)
    return _time(value) if kind == "time" else value


def _time(text: str) -> str:
    try:
        if text.isdigit():  # SQLite's other form, in milliseconds
            moment = datetime.fromtimestamp(int(text) / 1000, UTC)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:  # another program's, on SQLite: as it is
        return text
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")
