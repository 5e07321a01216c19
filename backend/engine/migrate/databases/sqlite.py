"""Migrate's connection to SQLite: sqlite3 in one thread of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ...drivers.driver import Provider
from ...drivers.sqlite.errors import translate
from ...errors import DriverError, EngineError
from ..cancellation import cancel_later, to_the_end
from ..statements import split
from .database import Database, Rows, explained
from .sqlite_script import SqliteScript, foreign_keys_of_transaction

T = TypeVar("T")

_BETWEEN_INTERRUPTS = 0.05
BUSY_TIMEOUT = 5.0

CREATE_HISTORY = """\
CREATE TABLE "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
)"""


class SqliteDatabase(Database):
    provider: Provider = "sqlite"

    def __init__(self, path: Path | None) -> None:
        """`path` of the file, which is created when there is none; None: a database in memory."""
        self.path = path
        self.name = ":memory:" if path is None else path.name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="migrate-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._lock_descriptor: int | None = None

    async def connect(self) -> None:
        """Raises EngineError (P1003) when the file cannot be opened or is no database."""
        try:
            await self._in_thread(self._open)
        except sqlite3.Error as error:
            await self.close()
            if translate(error).kind == "SocketTimeout":
                raise explained(translate(error)) from error
            raise EngineError(
                "P1003",
                f"Database `{self.name}` cannot be opened: {error}",
                {"path": str(self.path)},
            ) from error

    async def query(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        return await self._in_thread(lambda: self._query(sql, args))

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        return await self._in_thread(lambda: self._execute(sql, args))

    async def run_script(self, script: str) -> None:
        await self._in_thread(lambda: SqliteScript(self._open_connection(), script).run())

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncIterator[None]:
        """With foreign keys off, as the engine wants them for its steps: inside a transaction
        they cannot be switched."""
        await self.execute("PRAGMA foreign_keys = OFF")
        await self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            await to_the_end(self._rollback())
            raise
        await to_the_end(self._commit())

    async def _commit(self) -> None:
        await self.execute("COMMIT")
        await self.execute("PRAGMA foreign_keys = ON")

    async def _rollback(self) -> None:
        with suppress(DriverError):  # a failed statement may have ended the transaction already
            await self.execute("ROLLBACK")
        await self.execute("PRAGMA foreign_keys = ON")

    def undoes(self, script: str) -> bool:
        return foreign_keys_of_transaction(split(script, "sqlite")) is not None

    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        """An advisory lock on the folder of the file: the system drops it with the process, and
        nothing is left on the disk. (A lock on the database file itself would, when closed, drop
        the locks that SQLite holds there.)"""
        if self.path is None or self._lock_descriptor is not None:
            return
        folder = self.path.parent
        self._lock_descriptor = os.open(folder, os.O_RDONLY)
        deadline = time.monotonic() + timeout
        reported = False
        while not _try_lock(self._lock_descriptor):
            if not reported:
                reported = True
                waiting()
            if time.monotonic() > deadline:
                raise EngineError(
                    "P1002",
                    f"The database `{self.name}` was reached but timed out.\n\nContext: Timed out "
                    "trying to acquire the lock that keeps two migrations apart (flock on "
                    f"{folder}). Timeout: {timeout * 1000:.0f}ms.",
                )
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._in_thread(connection.close)
        self._thread.shutdown(wait=True)
        descriptor, self._lock_descriptor = self._lock_descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def parameter(self, number: int) -> str:
        return f"?{number}"

    def moment(self, when: datetime) -> int:
        return int(when.timestamp() * 1000)

    def parse_moment(self, value: Any) -> datetime | None:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        if isinstance(value, str):  # the column's default, CURRENT_TIMESTAMP
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        return None

    async def has_history(self) -> bool:
        found = await self.query(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_prisma_migrations'"
        )
        return bool(found.records)

    async def create_history(self) -> None:
        await self.execute(CREATE_HISTORY.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))

    async def foreign_objects(self) -> list[str]:
        found = await self.query(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name <> '_prisma_migrations' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " ORDER BY name"
        )
        return [record[0] for record in found.records]

    async def virtual_tables(self) -> list[str]:
        found = await self.query(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name"
        )
        return [record[0] for record in found.records]

    async def drop_everything(self) -> None:
        """What `migrate reset` needs: no table, view, index or trigger is left."""
        await self._in_thread(self._drop_everything)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Cancelled, it interrupts the statement and waits until the thread is free. Where the
        work was done all the same, it says so, and the cancellation comes later."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # Again and again: between two statements there is nothing to interrupt.
            while not running.done():
                if self._connection is not None:
                    self._connection.interrupt()
                await asyncio.wait([running], timeout=_BETWEEN_INTERRUPTS)
            if running.exception() is not None:
                raise
            cancel_later()
            return running.result()

    def _open(self) -> None:
        connection = sqlite3.connect(
            self.path or ":memory:",
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection = connection
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise DriverError("ConnectionClosed")
        return self._connection

    def _query(self, sql: str, args: Sequence[Any]) -> Rows:
        try:
            cursor = self._open_connection().execute(sql, args)
            records = cursor.fetchall()
        except sqlite3.Error as error:
            raise translate(error) from error
        columns = tuple(column[0] for column in cursor.description or ())
        return Rows(columns, (None,) * len(columns), records)

    def _execute(self, sql: str, args: Sequence[Any]) -> int:
        try:
            return max(self._open_connection().execute(sql, args).rowcount, 0)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _drop_everything(self) -> None:
        connection = self._open_connection()
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("BEGIN IMMEDIATE")
            for kind in ("trigger", "view", "table"):
                _drop_all(connection, kind)
            connection.execute("COMMIT")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise translate(error) from error


def _drop_all(connection: sqlite3.Connection, kind: str) -> None:
    names = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = ?"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        (kind,),
    ).fetchall()
    # Virtual tables first: they take their shadow tables with them.
    names.sort(key=lambda found: not (found[1] or "").upper().startswith("CREATE VIRTUAL"))
    for name, _ in names:
        quoted = name.replace('"', '""')
        connection.execute(f'DROP {kind} IF EXISTS "{quoted}"')


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
