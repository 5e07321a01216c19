"""Migrate's connection to SQLite: sqlite3 in one thread of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from backend.engine.drivers.driver import Provider
from backend.engine.errors import DriverError, EngineError
from backend.engine.migrate.cancellation import cancel_later
from backend.engine.migrate.databases.database import Database, Rows, ScriptError, explained
from backend.engine.migrate.statements import ScriptStatement, split

T = TypeVar("T")

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
            if driver_error(error).kind == "SocketTimeout":
                raise explained(driver_error(error)) from error
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
        await self._in_thread(lambda: _Script(self._open_connection(), script).run())

    def undoes(self, script: str) -> bool:
        return _foreign_keys_of_transaction(split(script, "sqlite")) is not None

    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        """An advisory lock on the folder of the file: the system drops it with the process, and
        nothing is left on the disk. (A lock on the database file itself would, when closed, drop
        the locks that SQLite holds there.)"""
        if self.path is None or self._lock_descriptor is not None:
            return
        folder = self.path.parent
        self._lock_descriptor = os.open(folder, os.O_RDONLY)
        deadline = time.monotonic() + timeout
        told = False
        while not _try_lock(self._lock_descriptor):
            if not told:
                told = True
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
            if self._connection is not None:
                self._connection.interrupt()
            await asyncio.wait([running])
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
            raise driver_error(error) from error
        columns = tuple(column[0] for column in cursor.description or ())
        return Rows(columns, (None,) * len(columns), records)

    def _execute(self, sql: str, args: Sequence[Any]) -> int:
        try:
            return max(self._open_connection().execute(sql, args).rowcount, 0)
        except sqlite3.Error as error:
            raise driver_error(error) from error

    def _drop_everything(self) -> None:
        connection = self._open_connection()
        connection.execute("PRAGMA foreign_keys = OFF")
        for kind in ("trigger", "view", "table"):
            names = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = ?"
                " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                (kind,),
            ).fetchall()
            # Virtual tables first: they take their shadow tables with them.
            names.sort(key=lambda found: not _is_virtual(found[1]))
            for name, _ in names:
                quoted = name.replace('"', '""')
                connection.execute(f'DROP {kind} IF EXISTS "{quoted}"')
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("VACUUM")


class _Script:
    """A script, statement by statement: in one transaction where that changes nothing but that a
    failure undoes all, else as Prisma runs it, where what came before a failure stays."""

    def __init__(self, connection: sqlite3.Connection, script: str) -> None:
        self._connection = connection
        self._statements = split(script, "sqlite")
        self._foreign_keys = _foreign_keys_of_transaction(self._statements)

    def run(self) -> None:
        if not self._statements:
            return
        one_transaction = self._foreign_keys is not None
        if one_transaction:
            self._connection.execute(f"PRAGMA foreign_keys = {self._foreign_keys}")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise driver_error(error) from error
        try:
            for number, statement in enumerate(self._statements):
                self._run(statement, number, one_transaction)
            if one_transaction:
                self._commit()
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute("PRAGMA foreign_keys = ON")

    def _run(self, statement: ScriptStatement, number: int, undone: bool) -> None:
        try:
            self._connection.execute(statement.text).fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise ScriptError(
                str(error),
                code=str(getattr(error, "sqlite_errorcode", 1)),
                statement=statement.text,
                line=statement.line,
                undone=undone or number == 0,
                applied=0 if undone else number,
            ) from error

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:  # a deferred foreign key
            raise ScriptError(
                str(error),
                code=str(error.sqlite_errorcode),
                statement="COMMIT",
                line=None,
                undone=True,
            ) from error


_NO_TRANSACTION = frozenset(
    ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM", "ATTACH", "DETACH"]
)
_KEYS_PRAGMA = re.compile(
    r"PRAGMA\s+(?:main\s*\.\s*)?(foreign_keys|defer_foreign_keys)\s*[=(]\s*(\w+)", re.IGNORECASE
)
_BLIND_TO_KEYS = frozenset({"CREATE", "ALTER", "SELECT", "REINDEX", "ANALYZE", "EXPLAIN"})


def _foreign_keys_of_transaction(statements: Sequence[ScriptStatement]) -> str | None:
    """Under which setting of `foreign_keys` the statements may run in one transaction with the
    same effect as one by one: ON, OFF, or None when they may not.

    `PRAGMA foreign_keys` does nothing inside a transaction. Prisma's scripts switch it off to
    rebuild a table, as SQLite's own procedure does; a script whose other statements do not heed
    foreign keys can therefore run with them off from beginning to end."""
    switches = False
    heeding: set[bool] = set()
    enforced = True
    for statement in statements:
        word = statement.words[0] if statement.words else ""
        if word in _NO_TRANSACTION:
            return None
        if word == "PRAGMA":
            pragma = _KEYS_PRAGMA.match(statement.text)
            if pragma is None:
                return None
            if pragma[1].lower() == "foreign_keys":
                enforced = pragma[2].lower() in ("on", "1", "true", "yes")
                switches = True
        elif not _is_blind_to_keys(statement, word):
            heeding.add(enforced)
    if not switches:
        return "ON"
    return "OFF" if heeding <= {False} else None


def _is_blind_to_keys(statement: ScriptStatement, word: str) -> bool:
    return word in _BLIND_TO_KEYS or (word == "DROP" and statement.words[1:2] != ("TABLE",))


def _is_virtual(sql: str | None) -> bool:
    return (sql or "").lstrip().upper().startswith("CREATE VIRTUAL")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def driver_error(error: sqlite3.Error) -> DriverError:
    """The schema engine's kinds for SQLite's errors (adapter-better-sqlite3 7.10, errors.ts)."""
    code = getattr(error, "sqlite_errorcode", None) or 1
    message = str(error)
    original = {"original_code": str(code), "original_message": message}
    fields = [name.split(".")[-1] for name in message.split("constraint failed: ")[-1].split(", ")]
    if code in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
        return DriverError("UniqueConstraintViolation", constraint={"fields": fields}, **original)
    if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL:
        return DriverError("NullConstraintViolation", constraint={"fields": fields}, **original)
    if code in (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER):
        return DriverError(
            "ForeignKeyConstraintViolation", constraint={"foreignKey": {}}, **original
        )
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DriverError("SocketTimeout", **original)
    if message.startswith("no such table"):
        return DriverError("TableDoesNotExist", table=message.split(": ")[-1], **original)
    if message.startswith("no such column"):
        return DriverError("ColumnNotFound", column=message.split(": ")[-1], **original)
    return DriverError("sqlite", extendedCode=code, message=message, **original)
