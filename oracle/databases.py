"""Two equal databases: one for our engine, one for Prisma's. Seeded, read whole, put back."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg

Row = tuple[Any, ...]
Tables = dict[str, tuple[tuple[str, ...], list[Row]]]
"""For each table its columns and its rows."""


class Database(ABC):
    """One side's database, seen from outside: no engine is involved."""

    url: str

    @abstractmethod
    async def create(self, ddl: str) -> None: ...

    @abstractmethod
    async def read(self) -> Tables: ...

    @abstractmethod
    async def keep(self) -> None:
        """Remember the present rows and counters as the state that `restore` goes back to."""

    @abstractmethod
    async def copy_from(self, other: Any) -> None:
        """Take over the rows and counters of the other side's database."""

    @abstractmethod
    async def restore(self, tables: Sequence[str]) -> None:
        """Put the rows of these tables, and every counter, back."""

    @abstractmethod
    async def close(self) -> None: ...


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class SqliteDatabase(Database):
    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.db"
        self.url = f"file:{self.path}"
        self._kept = folder / f"{name}.kept.db"
        self._tables: list[str] = []

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=10, isolation_level=None)

    async def create(self, ddl: str) -> None:
        with closing(self._connect()) as db:
            db.executescript(ddl)
            names = db.execute(
                "SELECT name FROM sqlite_master"
                " WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
            self._tables = [name for (name,) in names]

    async def read(self) -> Tables:
        with closing(self._connect()) as db:
            tables: Tables = {}
            for table in self._tables:
                cursor = db.execute(f"SELECT * FROM {_quoted(table)}")
                columns = tuple(column[0] for column in cursor.description)
                tables[table] = columns, cursor.fetchall()
            return tables

    async def keep(self) -> None:
        with closing(self._connect()) as db, closing(sqlite3.connect(self._kept)) as kept:
            db.backup(kept)

    async def copy_from(self, other: SqliteDatabase) -> None:
        with closing(other._connect()) as source, closing(self._connect()) as target:
            source.backup(target)
        await self.keep()

    async def restore(self, tables: Sequence[str]) -> None:
        with closing(self._connect()) as db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("ATTACH ? AS kept", (str(self._kept),))
            db.execute("BEGIN IMMEDIATE")
            for table in (*tables, "sqlite_sequence"):
                db.execute(f"DELETE FROM main.{_quoted(table)}")
                db.execute(f"INSERT INTO main.{_quoted(table)} SELECT * FROM kept.{_quoted(table)}")
            db.execute("COMMIT")

    async def close(self) -> None:
        pass


class PostgresqlDatabase(Database):
    """Columns are read as text: what psql would show."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection: asyncpg.Connection[Any] | None = None
        self._columns: Mapping[str, Sequence[str]] = {}
        self._sequences: Sequence[str] = ()

    @property
    def _db(self) -> asyncpg.Connection[Any]:
        assert self._connection is not None
        return self._connection

    async def create(self, ddl: str) -> None:
        self._connection = await asyncpg.connect(self.url)
        await self._db.execute(ddl)
        columns: dict[str, list[str]] = {}
        for table, column in await self._db.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        ):
            columns.setdefault(table, []).append(column)
        self._columns = columns
        sequences = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
        self._sequences = [name for (name,) in await self._db.fetch(sequences)]

    async def read(self) -> Tables:
        tables: Tables = {}
        for table, columns in self._columns.items():
            selected = ", ".join(f"{_quoted(column)}::text" for column in columns)
            rows = await self._db.fetch(f"SELECT {selected} FROM {_quoted(table)}")
            tables[table] = tuple(columns), [tuple(row) for row in rows]
        return tables

    async def keep(self) -> None:
        for table in self._columns:
            await self._db.execute(
                f"CREATE SCHEMA IF NOT EXISTS kept; DROP TABLE IF EXISTS kept.{_quoted(table)};"
                f" CREATE TABLE kept.{_quoted(table)} AS TABLE public.{_quoted(table)}"
            )

    async def copy_from(self, other: PostgresqlDatabase) -> None:
        await self._db.execute("SET session_replication_role = replica")  # no foreign key checks
        for table, columns in self._columns.items():
            selected = ", ".join(f"{_quoted(column)}::text" for column in columns)
            casts = await self._casts(table)
            values = ", ".join(
                f"${n}::text::{casts[column]}" for n, column in enumerate(columns, 1)
            )
            rows = await other._db.fetch(f"SELECT {selected} FROM {_quoted(table)}")
            await self._db.executemany(
                f"INSERT INTO {_quoted(table)} VALUES ({values})", [tuple(row) for row in rows]
            )
        await self._db.execute("RESET session_replication_role")
        await self.keep()

    async def _casts(self, table: str) -> Mapping[str, str]:
        rows = await self._db.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = $1::regclass AND attnum > 0",
            f"public.{_quoted(table)}",
        )
        return dict(rows)

    async def restore(self, tables: Sequence[str]) -> None:
        work = ["SET session_replication_role = replica"]
        for table in tables:
            name = _quoted(table)
            work.append(f"DELETE FROM public.{name}")
            work.append(f"INSERT INTO public.{name} SELECT * FROM kept.{name}")
        # Every counter continues at 1001: far from any seeded id, and equal on both sides.
        work += [f"SELECT setval('public.{_quoted(name)}', 1000)" for name in self._sequences]
        work.append("RESET session_replication_role")
        await self._db.execute("; ".join(work))

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
