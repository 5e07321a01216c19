"""A backup, brought into a database: as a whole, or not at all.

SQLite gets a new file, which takes the place of the old one when it is complete. PostgreSQL gets
all rows by one transaction, with the tables' triggers off, which would log and count each row anew.
The search index is made anew by the service.

The order of the change log is that of its numbers on SQLite, and of (xid, number) on PostgreSQL.
The numbers stay, because the seals hold them; the xids are of the PostgreSQL that made them, and
worth nothing in another. Restored rows get the smallest that keep their order, so that they come
before whatever is written later.
"""

from __future__ import annotations

import shutil
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from backend.engine.datasource import provider_of, sqlite_path, sqlite_settings
from backend.engine.errors import EngineError
from backend.transfer.archive import ArchiveReader, Row
from backend.transfer.backup import LONGEST, copy_database, whole_database
from backend.transfer.errors import BackupError
from backend.transfer.files import whole_file
from backend.transfer.tables import Table, last_migration, portable_tables

_SQLITE = b"SQLite format 3\x00"
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Restored:
    rows: int
    out_of_order: int = 0
    """How often a number of the change log follows upon a greater one, which SQLite cannot keep."""


async def restore(path: Path, url: str, *, schema: Path, force: bool) -> Restored:
    """`force`: whatever is stored at `url` is lost. `schema`: beside the migrations. Raises
    BackupError, EngineError, OSError."""
    with path.open("rb") as file:
        is_copy = file.read(len(_SQLITE)) == _SQLITE
    if provider_of(url) == "sqlite":
        target = sqlite_path(url, folder=schema.parent)
        if target is None:
            raise BackupError("A database in memory would be gone at once")
        if sqlite_settings(url, folder=schema.parent).timestamp_format != "iso8601":
            raise BackupError("Times are restored as timestamp_format=iso8601 has them")
        _refuse_unless_empty(target, force=force)
        if is_copy:
            return await _copy_into_sqlite(path, target, schema)
        with closing(ArchiveReader(path)) as archive:
            archive.verify()
            return await _into_sqlite(archive, target, schema)
    if is_copy:
        raise BackupError("A copy of SQLite's file is for SQLite: restore it, and back that up")
    with closing(ArchiveReader(path)) as archive:
        archive.verify()
        return await _into_postgresql(archive, url, schema, force=force)


# SQLite


async def _copy_into_sqlite(path: Path, target: Path, schema: Path) -> Restored:
    with whole_file(target) as part:
        try:
            copy_database(path, part)
            await _migrate(schema, _url_of(part))
            with closing(sqlite3.connect(part)) as database:
                database.execute("PRAGMA journal_mode = DELETE")
                [(rows,)] = database.execute("SELECT count(*) FROM video_analysis")
        except sqlite3.Error as error:
            raise BackupError(f"{path} cannot be restored: {error}") from error
        _let_go(target, part)
    return Restored(rows)


async def _into_sqlite(archive: ArchiveReader, target: Path, schema: Path) -> Restored:
    with whole_file(target) as part:
        await _migrate(schema, _url_of(part))
        async with whole_database(_url_of(part)) as database:
            _refuse_other_migration(archive, await last_migration(database.client))
            tables = await portable_tables(database.client, "sqlite")
        _refuse_unknown(archive, tables)
        log = _LogOrder()
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            try:
                rows = _fill(connection, archive, tables, log)
            except (sqlite3.Error, OverflowError) as error:
                raise BackupError(f"A row cannot be restored: {error}") from error
        _let_go(target, part)
    return Restored(rows, log.descents)


def _fill(
    connection: sqlite3.Connection,
    archive: ArchiveReader,
    tables: Sequence[Table],
    log: _LogOrder,
) -> int:
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = OFF")  # the whole file is flushed at its end
    connection.execute("BEGIN")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    kept = triggers.fetchall()
    for name, _ in kept:
        connection.execute(f'DROP TRIGGER "{name}"')
    total = 0
    for table in _in_archive(archive, tables):
        names = [column.name for column in table.columns]
        columns = ", ".join(f'"{name}"' for name in [*names, *_made_anew(table)])
        values = ", ".join(["?"] * len(names) + ["''"] * len(_made_anew(table)))
        sql = f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})'
        for row in archive.rows(table.name):
            log.settle(table.name, row, keeps_xid=False)
            connection.execute(sql, [_of_sqlite(table, row, name) for name in names])
            total += 1
    for _, sql in kept:
        connection.execute(sql)
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise BackupError(f"A row of {broken[0]} names one of {broken[2]} that is not there")
    connection.execute("COMMIT")
    return total


def _of_sqlite(table: Table, row: Row, name: str) -> Any:
    value = row.get(name)
    if isinstance(value, str) and _kind(table, name) == "bytes":
        return bytes.fromhex(value)
    return value


def _refuse_unless_empty(target: Path, *, force: bool) -> None:
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


def _let_go(target: Path, successor: Path) -> None:
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


def _url_of(path: Path) -> str:
    return f"file:{quote(str(path.resolve()))}"


# PostgreSQL


async def _into_postgresql(
    archive: ArchiveReader, url: str, schema: Path, *, force: bool
) -> Restored:
    await _migrate(schema, url)
    async with whole_database(url) as database:
        client: Any = database.client
        async with client.tx(timeout=LONGEST) as transaction:
            _refuse_other_migration(archive, await last_migration(transaction))
            tables = await portable_tables(transaction, "postgresql")
            _refuse_unknown(archive, tables)
            names = ", ".join(f'"{table.name}"' for table in tables)
            await transaction.execute_raw(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
            if not force and await _has_rows(transaction, tables):
                raise _not_empty("The database")
            # Its triggers empty the search index too.
            await transaction.execute_raw(f"TRUNCATE {names}")
            for table in tables:
                await transaction.execute_raw(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
            log = _LogOrder()
            rows = 0
            parents = await transaction.query_raw(_PARENTS)
            for table in _parents_first(_in_archive(archive, tables), parents):
                rows += await _insert(transaction, archive, table, log)
            await _refuse_late(transaction, log)
            for table in tables:
                await transaction.execute_raw(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')
            await transaction.query_raw(_GO_ON)
    return Restored(rows)


_PARENTS = """
    SELECT conrelid::regclass::text AS child, confrelid::regclass::text AS parent
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
"""
_GO_ON = """
    SELECT setval(pg_get_serial_sequence('change_log', 'number'),
        (SELECT coalesce(max(number), 0) + 1 FROM change_log), false)::text AS next
"""


async def _has_rows(transaction: Any, tables: Iterable[Table]) -> bool:
    for table in tables:
        if await transaction.query_first(f'SELECT 1 AS found FROM "{table.name}" LIMIT 1'):
            return True
    return False


async def _insert(transaction: Any, archive: ArchiveReader, table: Table, log: _LogOrder) -> int:
    names = [f'"{column.name}"' for column in table.columns]
    made_anew = _made_anew(table)
    columns = ", ".join([*names, *made_anew])
    values = ", ".join([*names, *("''" for _ in made_anew)])
    sql = (
        f'INSERT INTO "{table.name}" ({columns}) OVERRIDING SYSTEM VALUE'
        f' SELECT {values} FROM json_populate_recordset(NULL::"{table.name}", $1::json)'
    )
    kinds = {column.name: column.kind for column in table.columns}
    total = 0
    rows = archive.rows(table.name)
    while portion := list(islice(rows, _ROWS_AT_ONCE)):
        for row in portion:
            log.settle(table.name, row, keeps_xid=True)
            for name, value in row.items():
                if value is not None and kinds.get(name) == "bytes":
                    row[name] = f"\\x{value}"
        await transaction.execute_raw(sql, orjson.dumps(portion).decode())
        total += len(portion)
    return total


def _parents_first(tables: Iterable[Table], found: Iterable[Any]) -> Iterator[Table]:
    parents: dict[str, set[str]] = {}
    for row in found:
        if row["child"] != row["parent"]:
            parents.setdefault(row["child"], set()).add(row["parent"])
    waiting = list(tables)
    while waiting:
        names = {table.name for table in waiting}
        ready = [each for each in waiting if not parents.get(each.name, set()) & names]
        if not ready:
            raise BackupError(f"These tables name each other's rows: {', '.join(sorted(names))}")
        yield from ready
        waiting = [each for each in waiting if each not in ready]


async def _refuse_late(transaction: Any, log: _LogOrder) -> None:
    row = await transaction.query_first("SELECT pg_current_xact_id()::text AS xid")
    if log.descents >= int(row["xid"]):
        raise BackupError(
            "This PostgreSQL has run too few transactions yet for the order of the change log. "
            f"Run {log.descents} there first, or restore into SQLite"
        )


# Both


class _LogOrder:
    """The order of the change log, in the xids that rows get: one more wherever a number follows
    upon a greater one."""

    def __init__(self) -> None:
        self._begins: list[tuple[int, int]] = []
        """The first (xid, number) of each xid but 0, as the backup has them."""
        self._last = 0

    @property
    def descents(self) -> int:
        return len(self._begins)

    def settle(self, table: str, row: Row, *, keeps_xid: bool) -> None:
        """Of the change log's rows, which come first, and of those that name one."""
        if table == "change_log":
            position = (row.get("xid") or 0, row["number"])
            if position[1] < self._last:
                self._begins.append(position)
            self._last = position[1]
        for xid, number in _POSITIONS.get(table, ()):
            at = (row.get(xid) or 0, row[number])
            row[xid] = bisect_right(self._begins, at) if keeps_xid else 0


_POSITIONS = {
    "change_log": (("xid", "number"),),
    "change_seal": (("first_xid", "first_number"), ("last_xid", "last_number")),
    "change_follower": (("xid", "number"),),
}


async def _migrate(schema: Path, url: str) -> None:
    from backend.engine.migrate import deploy  # not above: the service loads nothing of it

    try:
        await deploy(schema, url, log=lambda _: None)
    except EngineError as error:
        raise BackupError(str(error)) from error


def _in_archive(archive: ArchiveReader, tables: Iterable[Table]) -> list[Table]:
    return [table for table in tables if table.name in archive.manifest.tables]


def _refuse_unknown(archive: ArchiveReader, tables: Iterable[Table]) -> None:
    unknown = archive.manifest.tables.keys() - {table.name for table in tables}
    if unknown:
        raise BackupError(f"There are no such tables here: {', '.join(sorted(unknown))}")


def _refuse_other_migration(archive: ArchiveReader, here: str | None) -> None:
    there = archive.manifest.migration
    if there != here:
        raise BackupError(
            f"The backup is of migration {there}, and this release of {here}. Restore it by the "
            "release that made it, and migrate then"
        )


def _made_anew(table: Table) -> list[str]:
    """Columns that the search index is made of: '' is an entry to be made."""
    return ["search_terms"] if table.name == "video_analysis" else []


def _kind(table: Table, name: str) -> str:
    return next(column.kind for column in table.columns if column.name == name)


def _not_empty(what: str) -> BackupError:
    return BackupError(f"{what} is not empty. --force replaces all that is stored there")
