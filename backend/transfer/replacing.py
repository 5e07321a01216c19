"""All that is stored in a database, replaced by what a source has: as a whole, or not at all.

SQLite gets a new file, which takes the place of the old one when it is complete. PostgreSQL gets
all rows by one transaction. The search index is made anew by the service.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from prisma.errors import DataError

from backend.core.growth import analyze_grown_tables
from backend.engine.datasource import sqlite_path, sqlite_settings
from backend.engine.errors import EngineError
from backend.transfer.archive import Row
from backend.transfer.errors import BackupError
from backend.transfer.files import whole_file
from backend.transfer.log_order import LogOrder
from backend.transfer.refusing import LOCK_NOT_AVAILABLE, take_writes
from backend.transfer.tables import Table, last_migration, portable_tables
from backend.transfer.targets import (
    PostgreSQLTarget,
    SQLiteTarget,
    Target,
    without_postgresql_triggers,
    without_sqlite_triggers,
)
from backend.transfer.whole import LONGEST, whole_database

_LOCK_WAIT = "10s"


class Source(Protocol):
    @property
    def called(self) -> str:
        """How an error names it."""

    @property
    def migration(self) -> str:
        """The last that was applied to it."""

    @property
    def names(self) -> Collection[str]:
        """Of its tables."""

    def portions(self, table: str) -> AsyncIterator[list[Row]]: ...


class Replacement:
    """What a source has, on its way into a database. `order` is of that database."""

    def __init__(self, source: Source, order: LogOrder) -> None:
        self.source = source
        self.order = order
        self.rows = 0

    def written(self, table: Table, rows: list[Row]) -> None:
        """They are, as they are given here, part of the transaction."""
        self.rows += len(rows)

    async def finish(self, target: Target) -> None:
        """Within the transaction, when all rows are there."""

    async def check(self, client: Any, tables: Iterable[Table]) -> None:
        """`client` sees what was written, before it takes effect. Raises BackupError."""

    async def fill(self, target: Target, tables: Iterable[Table]) -> None:
        for table in tables:
            async for rows in self.source.portions(table.name):
                for row in rows:
                    self.order.settle(table.name, row)
                await target.insert(table, rows)
                self.written(table, rows)

    def here(self, tables: Iterable[Table], migration: str | None) -> list[Table]:
        """Those of the source. Raises BackupError where there are others."""
        if self.source.migration != migration:
            raise BackupError(
                f"{self.source.called} is of migration {self.source.migration}, and this release of"
                f" {migration}. Use the release that made it, and migrate then"
            )
        tables = list(tables)
        unknown = set(self.source.names) - {table.name for table in tables}
        if unknown:
            raise BackupError(f"There are no such tables here: {', '.join(sorted(unknown))}")
        return [table for table in tables if table.name in self.source.names]


# SQLite


def file_of(url: str, schema: Path) -> Path:
    """Raises BackupError."""
    target = sqlite_path(url, folder=schema.parent)
    if target is None:
        raise BackupError("A database in memory would be gone at once")
    if sqlite_settings(url, folder=schema.parent).timestamp_format != "iso8601":
        raise BackupError("Times are restored as timestamp_format=iso8601 has them")
    return target


async def into_sqlite(replacement: Replacement, target: Path, schema: Path) -> None:
    """Raises BackupError, OSError."""
    with whole_file(target) as part:
        url = url_of(part)
        await migrate(schema, url)
        async with whole_database(url) as database:
            tables = replacement.here(
                await portable_tables(database.client, "sqlite"),
                await last_migration(database.client),
            )
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            try:
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = OFF")  # all is flushed at its end
                connection.execute("BEGIN")
                filling = SQLiteTarget(connection)
                with without_sqlite_triggers(connection):
                    await replacement.fill(filling, tables)
                check_keys(connection)
                await replacement.finish(filling)
                connection.execute("COMMIT")
            except (sqlite3.Error, OverflowError) as error:
                raise BackupError(f"A row cannot be stored: {error}") from error
        async with whole_database(url) as database:
            await replacement.check(database.client, tables)
        settle(part)
        let_go(target, part)


def check_keys(connection: sqlite3.Connection) -> None:
    """Raises BackupError."""
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise BackupError(f"A row of {broken[0]} names one of {broken[2]} that is not there")


def refuse_unless_empty(target: Path, *, force: bool) -> None:
    """Raises BackupError."""
    if force or not target.exists():
        return
    try:
        with closing(sqlite3.connect(_uri(target), uri=True)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'change_log'")
            if tables.fetchone() is None and target.stat().st_size == 0:
                return
            full = any(
                database.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is not None
                for name in ("video_analysis", "change_log", "access_key")
            )
    except sqlite3.Error as error:
        raise BackupError(f"{target} is something else ({error}); --force replaces it") from error
    if full:
        raise _not_empty(str(target))


def settle(path: Path) -> None:
    """All of it is in the one file."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")


def let_go(target: Path, successor: Path) -> None:
    """Bring its log into it: beside another file it would be taken for that one's. Raises
    BackupError where a process uses it."""
    if not target.exists():
        return
    shutil.copymode(target, successor)
    try:
        with closing(sqlite3.connect(_uri(target), uri=True, timeout=1)) as database:
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise BackupError(f"{target} is in use ({error}): stop the service first") from error
    except sqlite3.DatabaseError:  # no database: it has no log
        return


def _uri(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=rw"


def url_of(path: Path) -> str:
    return f"file:{quote(str(path.resolve()))}"


# PostgreSQL


async def into_postgresql(replacement: Replacement, url: str, schema: Path, *, force: bool) -> None:
    """Raises BackupError."""
    await migrate(schema, url)
    async with whole_database(url) as database:
        client: Any = database.client
        async with client.tx(timeout=LONGEST) as transaction:
            migration = await last_migration(transaction)
            tables = await portable_tables(transaction, "postgresql")
            chosen = replacement.here(tables, migration)
            names = ", ".join(f'"{table.name}"' for table in tables)
            await _lock(transaction, names)
            if not force and await _has_rows(transaction, tables):
                raise _not_empty("The database")
            filling = PostgreSQLTarget(transaction)
            await take_writes(filling, "postgresql", tables)
            # Its triggers empty the search index too.
            await transaction.execute_raw(f"TRUNCATE {names}")
            async with without_postgresql_triggers(transaction):
                await replacement.fill(filling, await parents_first(transaction, chosen))
                await refuse_late(transaction, replacement.order)
            await go_on(transaction)
            await replacement.finish(filling)
            await analyze_grown_tables(transaction, "postgresql")
            await replacement.check(transaction, chosen)


_PARENTS = """
    SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
_GO_ON = """
    SELECT setval(pg_get_serial_sequence('change_log', 'number'),
        (SELECT coalesce(max(number), 0) + 1 FROM change_log), false)::text AS next
"""


async def _lock(transaction: Any, names: str) -> None:
    await transaction.execute_raw(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
    try:
        await transaction.execute_raw(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    except DataError as error:
        if error.meta.get("code") != LOCK_NOT_AVAILABLE:
            raise
        raise BackupError("The database is in use: stop the service first") from error


async def go_on(transaction: Any) -> None:
    """The next row of the change log has a number that none has."""
    await transaction.query_raw(_GO_ON)


async def _has_rows(transaction: Any, tables: Iterable[Table]) -> bool:
    for table in tables:
        if await transaction.query_first(f'SELECT 1 AS found FROM "{table.name}" LIMIT 1'):
            return True
    return False


async def parents_first(transaction: Any, tables: Iterable[Table]) -> list[Table]:
    """Raises BackupError."""
    parents: dict[str, set[str]] = {}
    for row in await transaction.query_raw(_PARENTS):
        if row["child"] != row["parent"]:
            parents.setdefault(row["child"], set()).add(row["parent"])
    return list(_parents_first(tables, parents))


def _parents_first(tables: Iterable[Table], parents: dict[str, set[str]]) -> Iterator[Table]:
    waiting = list(tables)
    while waiting:
        names = {table.name for table in waiting}
        ready = [each for each in waiting if not parents.get(each.name, set()) & names]
        if not ready:
            raise BackupError(f"These tables name each other's rows: {', '.join(sorted(names))}")
        yield from ready
        waiting = [each for each in waiting if each not in ready]


async def refuse_late(transaction: Any, order: LogOrder) -> None:
    """Raises BackupError."""
    row = await transaction.query_first("SELECT pg_current_xact_id()::text AS xid")
    if order.descents >= int(row["xid"]):
        raise BackupError(
            "This PostgreSQL has run too few transactions yet for the order of the change log. "
            f"Run {order.descents} there first, or use SQLite"
        )


# Both


async def migrate(schema: Path, url: str) -> None:
    """Raises BackupError."""
    from backend.engine.migrate import deploy  # not above: the service loads nothing of it

    try:
        await deploy(schema, url, log=lambda _: None)
    except EngineError as error:
        raise BackupError(str(error)) from error


def _not_empty(what: str) -> BackupError:
    return BackupError(f"{what} is not empty. --force replaces all that is stored there")
