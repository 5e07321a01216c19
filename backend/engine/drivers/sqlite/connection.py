"""SQLite as a server wants it: many readers, one writer, durable, never in the loop's way.

The database is in WAL mode, so that readers and the writer do not wait for each other. Reads run
on connections that cannot write (`readers.py`), writes in one thread (`writer.py`); a plain query
therefore never sees or joins another task's open transaction. A third kind of thread keeps the log
short (`checkpoints.py`). What is read for long, and is to be of one moment, has a connection of its
own (`snapshot.py`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from weakref import WeakSet

from ...errors import DriverError
from ..driver import (
    Decoder,
    Driver,
    FieldType,
    IsolationLevel,
    Rows,
    SessionSettings,
    Start,
    Statement,
    Transaction,
    no_settings,
)
from . import values
from .checkpoints import LONGEST_LOG, Checkpoints
from .declared_types import DeclaredTypes, TablesInMemory
from .errors import translate
from .readers import Readers
from .snapshot import SQLiteSnapshot
from .statements import Execute, execute
from .writer import Session, Writer

_OLDEST = (3, 35, 0)
"""The first SQLite with RETURNING, which Prisma's plans need."""

_KEPT_STATEMENTS = 256

_WRITER_CACHE_KIB = 16384
"""A transaction of hundreds of new rows touches as many pages of each index: with 2 MiB it writes
and reads them again and again, which takes a quarter of its time on a table of 100,000 rows."""

_READER_CACHE_KIB = 4096
"""SQLite's own 2 MiB hold too few pages for queries that fetch hundreds of rows by key."""


@dataclass(frozen=True, slots=True)
class SQLiteSettings:
    """A `file:` URL, read (see `datasource.py`)."""

    path: Path | None
    """None: a database in memory, gone when it is closed."""
    readers: int = 4
    busy_timeout: float = 5.0
    """Seconds that a write waits for another process that writes, in all."""
    synchronous: Literal["full", "normal", "off"] = "full"
    timestamp_format: values.TimestampFormat = "iso8601"


class SQLiteDriver(Driver):
    provider = "sqlite"
    max_bind_values = 999

    def __init__(
        self,
        settings: SQLiteSettings,
        session_settings: Callable[[], SessionSettings] = no_settings,
    ) -> None:
        self._settings = settings
        self._session_settings = session_settings
        self._checkpoints = Checkpoints(self._open_for_checkpoints)
        self._writer = Writer(
            self._open_writing,
            self._execute_on,
            self._raise_if_replaced,
            self._checkpoints.changed,
            settings.busy_timeout,
        )
        self._readers: Readers | None = None
        self._snapshots: WeakSet[SQLiteSnapshot] = WeakSet()
        self._tables = TablesInMemory()
        self._file: tuple[int, int] | None = None
        """Device and inode of the file that was opened."""
        self._is_open = False

    async def connect(self) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            needed = ".".join(map(str, _OLDEST))
            message = (
                f"SQLite {needed} or newer is needed, this Python has {sqlite3.sqlite_version}"
            )
            raise DriverError("sqlite", original_code="version", original_message=message)
        await self._writer.open()
        if self._settings.path is not None:
            self._readers = Readers(self._open_reading, self._execute_on, self._settings.readers)
            try:
                self._readers.open()
                self._checkpoints.open()
            except BaseException:
                await self.close()
                raise
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False
        readers, self._readers = self._readers, None
        if readers is not None:
            await readers.close()
        for snapshot in list(self._snapshots):
            await snapshot.close()
        await self._checkpoints.close()
        # Last, so that its close finds nobody else and folds the log into the database.
        await self._writer.close()
        self._tables.close()

    def decoder(self, field_type: FieldType) -> Decoder | None:
        return values.decoder(field_type)

    def json_decoder(self, field_type: FieldType) -> Decoder | None:
        if field_type["type"] == "datetime":  # SQLite has no lists
            return values.json_datetime
        return super().json_decoder(field_type)

    async def run(self, start: Start, *, reads_only: bool, atomic: bool) -> Any:
        if reads_only and self._readers is not None:
            return await self._readers.run(start, self._session_settings())
        # All that the writer runs is in a transaction, whether it must be or not.
        return await self._writer.run(start, self._session_settings())

    async def execute(
        self, statement: Statement, args: Sequence[Any], *, reads_only: bool
    ) -> Rows | int:
        if reads_only and self._readers is not None:
            settings = self._session_settings()
            answer: Rows | int = await self._readers.execute(statement, args, settings)
            return answer
        return await super().execute(statement, args, reads_only=reads_only)

    async def begin(
        self, *, isolation_level: IsolationLevel | None, max_wait: float
    ) -> Transaction:
        if isolation_level == "Snapshot" and self._readers is not None:
            snapshot = SQLiteSnapshot(
                self._open_reading, self._execute_on, self._session_settings()
            )
            self._snapshots.add(snapshot)
            await snapshot.begin()
            return snapshot
        if isolation_level not in (None, "Serializable"):
            raise DriverError("InvalidIsolationLevel", level=isolation_level)
        return SQLiteTransaction(await self._writer.begin(max_wait, self._session_settings()))

    def describe(self) -> Mapping[str, float]:
        busy = float(self._writer.is_busy)
        total = float(self._is_open) * 2
        return {
            "connections_open": total,
            "connections_busy": busy,
            "connections_idle": max(total - busy, 0.0),
        }

    # Connections

    def _open_writing(self) -> sqlite3.Connection:
        log = ("journal_mode = WAL", f"wal_autocheckpoint = {LONGEST_LOG}")
        in_file = self._settings.path is not None
        others = ("foreign_keys = ON", f"cache_size = -{_WRITER_CACHE_KIB}")
        connection = self._open(*(log if in_file else ()), self._synchronous, *others)
        self._file = _identity(self._settings.path) if self._settings.path else None
        return connection

    def _raise_if_replaced(self) -> None:
        """A file that was deleted or replaced is written to as before, and all of that is lost when
        it is closed."""
        path = self._settings.path
        if path is not None and _identity(path) != self._file:
            gone = f"{path} (deleted or replaced since it was opened; restart the service)"
            raise DriverError("DatabaseDoesNotExist", db=gone)

    def _open_reading(self) -> sqlite3.Connection:
        return self._open("query_only = ON", f"cache_size = -{_READER_CACHE_KIB}")

    def _open_for_checkpoints(self) -> sqlite3.Connection:
        # Whether the disk has the database before the log goes.
        return self._open(self._synchronous)

    @property
    def _synchronous(self) -> str:
        return f"synchronous = {self._settings.synchronous.upper()}"

    def _open(self, *pragmas: str) -> sqlite3.Connection:
        path = self._settings.path
        if path is not None and not path.exists():
            raise DriverError("DatabaseDoesNotExist", db=str(path))
        try:
            connection = sqlite3.connect(
                # rw: never create a database by mistake; that is for the migrations to do
                ":memory:" if path is None else f"file:{quote(str(path))}?mode=rw",
                uri=path is not None,
                timeout=self._settings.busy_timeout,
                isolation_level=None,
                cached_statements=_KEPT_STATEMENTS,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise self._naming_the_file(error) from error
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            connection.close()
            raise self._naming_the_file(error) from error
        return connection

    def _naming_the_file(self, error: sqlite3.Error) -> DriverError:
        found = translate(error)
        if found.kind != "DatabaseNotReachable":
            return found
        return DriverError(
            found.kind,
            original_code=found.original_code,
            original_message=found.original_message,
            file=str(self._settings.path),
            reason=str(error),
        )

    def _execute_on(self, connection: sqlite3.Connection) -> Execute:
        types = DeclaredTypes(connection, self._tables)
        return partial(_execute, connection, self._settings.timestamp_format, types)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _execute(
    connection: sqlite3.Connection,
    timestamps: values.TimestampFormat,
    types: DeclaredTypes,
    statement: Statement,
    args: Sequence[Any],
) -> Any:
    return execute(connection, statement, args, timestamps, types)


class SQLiteTransaction(Transaction):
    def __init__(self, session: Session) -> None:
        self._session: Session | None = session

    async def run(self, start: Start) -> Any:
        if self._session is None:
            raise DriverError("TransactionAlreadyClosed", cause="The transaction has ended.")
        return await self._session.run(start)

    async def commit(self) -> None:
        session, self._session = self._session, None
        if session is None:
            raise DriverError("TransactionAlreadyClosed", cause="The transaction has ended.")
        await session.end("COMMIT")

    async def rollback(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.end("ROLLBACK")
