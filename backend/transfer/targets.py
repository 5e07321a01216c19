"""A database that rows are brought into, by one transaction: SQLite's and PostgreSQL's.

The triggers of its tables are off meanwhile: they would log and count each row anew. Rows are as
tables.py has them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from backend.core.database import Database
from backend.engine import Provider
from backend.transfer.archive import Row
from backend.transfer.errors import BackupError
from backend.transfer.tables import Column, Table, chosen, json_of
from backend.transfer.whole import LONGEST

_OF_SEARCH = "search_"
_BUSY_SECONDS = 30.0
_MADE_ANEW = {"video_analysis": "search_terms"}
"""Of a table a column that the search index is made of: '' is an entry to be made."""


class Target(Protocol):
    async def insert(self, table: Table, rows: Sequence[Row]) -> None: ...

    async def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert them, or change those whose key is there."""

    async def delete(
        self, table: Table, columns: Sequence[Column], values: Sequence[Sequence[Any]]
    ) -> None:
        """Those that have one of these combinations of values in these columns."""

    async def execute(self, sql: str) -> None: ...

    async def query(self, sql: str) -> list[dict[str, Any]]: ...


class SQLiteTarget:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        self._write(table, rows, "")

    async def replace(self, table: Table, rows: Sequence[Row]) -> None:
        self._write(table, rows, _or_change(table))

    def _write(self, table: Table, rows: Sequence[Row], or_change: str) -> None:
        names = ", ".join(f'"{name}"' for name in _written(table))
        values = ", ".join(["?"] * len(table.columns) + ["''"] * (table.name in _MADE_ANEW))
        self._connection.executemany(
            f'INSERT INTO "{table.name}" ({names}) VALUES ({values}){or_change}',
            [[_of_sqlite(each, row.get(each.name)) for each in table.columns] for row in rows],
        )

    async def delete(
        self, table: Table, columns: Sequence[Column], values: Sequence[Sequence[Any]]
    ) -> None:
        self._connection.execute(
            f'DELETE FROM "{table.name}" WHERE ({_names(columns)}) IN'
            f" ({chosen('sqlite', columns)})",
            (json_of(values),),
        )

    async def execute(self, sql: str) -> None:
        self._connection.execute(sql)

    async def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class PostgreSQLTarget:
    def __init__(self, transaction: Any) -> None:
        self.transaction = transaction

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        await self._write(table, rows, "")

    async def replace(self, table: Table, rows: Sequence[Row]) -> None:
        await self._write(table, rows, _or_change(table))

    async def _write(self, table: Table, rows: Sequence[Row], or_change: str) -> None:
        names = ", ".join(f'"{name}"' for name in _written(table))
        values = ", ".join(
            [f'"{column.name}"' for column in table.columns] + ["''"] * (table.name in _MADE_ANEW)
        )
        if names_of_bytes := [each.name for each in table.columns if each.kind == "bytes"]:
            rows = [row | {n: _of_postgresql(row.get(n)) for n in names_of_bytes} for row in rows]
        await self.transaction.execute_raw(
            f'INSERT INTO "{table.name}" ({names}) OVERRIDING SYSTEM VALUE SELECT {values}'
            f' FROM json_populate_recordset(NULL::"{table.name}", $1::json){or_change}',
            orjson.dumps(rows).decode(),
        )

    async def delete(
        self, table: Table, columns: Sequence[Column], values: Sequence[Sequence[Any]]
    ) -> None:
        await self.transaction.execute_raw(
            f'DELETE FROM "{table.name}" WHERE ({_names(columns)}) IN'
            f" ({chosen('postgresql', columns)})",
            json_of(values),
        )

    async def execute(self, sql: str) -> None:
        await self.transaction.execute_raw(sql)

    async def query(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.transaction.query_raw(sql)
        return found


def _written(table: Table) -> list[str]:
    names = [column.name for column in table.columns]
    return [*names, _MADE_ANEW[table.name]] if table.name in _MADE_ANEW else names


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


def _or_change(table: Table) -> str:
    key = {column.name for column in table.key}
    changed = ", ".join(
        f'"{name}" = excluded."{name}"' for name in _written(table) if name not in key
    )
    return f" ON CONFLICT ({_names(table.key)}) DO " + (
        f"UPDATE SET {changed}" if changed else "NOTHING"
    )


def _of_sqlite(column: Column, value: Any) -> Any:
    return bytes.fromhex(value) if column.kind == "bytes" and value is not None else value


def _of_postgresql(value: str | None) -> str | None:
    return None if value is None else f"\\x{value}"


# Triggers


@contextmanager
def without_sqlite_triggers(
    connection: sqlite3.Connection, *, but: str | None = None
) -> Iterator[None]:
    """Within its transaction. `but`: those whose names begin so stay on."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = [each for each in found.fetchall() if but is None or not each[0].startswith(but)]
    for name, _ in triggers:
        connection.execute(f'DROP TRIGGER "{name}"')
    yield
    for _, sql in triggers:
        connection.execute(sql)


_TRIGGERS = """
    SELECT tgname AS name, relname AS "table" FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
    WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace
"""


@asynccontextmanager
async def without_postgresql_triggers(
    transaction: Any, *, but: str | None = None
) -> AsyncIterator[None]:
    found: Sequence[Mapping[str, str]] = await transaction.query_raw(_TRIGGERS)
    tables: dict[str, list[str]] = {}
    for each in found:
        if but is None or not each["name"].startswith(but):
            tables.setdefault(each["table"], []).append(each["name"])
    await _alter_triggers(transaction, "DISABLE", tables)
    yield
    await _alter_triggers(transaction, "ENABLE", tables)


async def _alter_triggers(
    transaction: Any, change: str, tables: Mapping[str, Sequence[str]]
) -> None:
    statements = []
    for table, names in tables.items():
        changes = ", ".join(f'{change} TRIGGER "{name}"' for name in names)
        statements.append(f'ALTER TABLE "{table}" {changes};')
    await transaction.execute_raw(f"DO $do$ BEGIN {' '.join(statements)} END $do$")


# A database that is there already


@dataclass(frozen=True, slots=True)
class Place:
    """`database` is connected. `file`: SQLite's."""

    database: Database
    file: Path | None

    @property
    def provider(self) -> Provider:
        return self.database.provider

    @asynccontextmanager
    async def transaction(self, *, triggers: bool = True) -> AsyncIterator[Target]:
        """With the triggers of its tables; or without, but for those of search. Raises
        BackupError."""
        if self.file is not None:
            with _sqlite_transaction(self.file) as connection:
                if triggers:
                    yield SQLiteTarget(connection)
                else:
                    with without_sqlite_triggers(connection, but=_OF_SEARCH):
                        yield SQLiteTarget(connection)
            return
        client: Any = self.database.client
        async with client.tx(timeout=LONGEST) as transaction:
            if triggers:
                yield PostgreSQLTarget(transaction)
            else:
                async with without_postgresql_triggers(transaction, but=_OF_SEARCH):
                    yield PostgreSQLTarget(transaction)


@contextmanager
def _sqlite_transaction(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(
            sqlite3.connect(file, isolation_level=None, timeout=_BUSY_SECONDS)
        ) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA defer_foreign_keys = ON")
            yield connection
            connection.execute("COMMIT")
    except (sqlite3.Error, OverflowError) as error:
        raise BackupError(f"{file} cannot be written: {error}") from error
