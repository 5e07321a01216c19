"""The connection to the database, and the one place where the Prisma client's errors become the
service's. The packages of the domain build on it: records, search, context."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prisma.engine.errors import EngineConnectionError
from prisma.errors import (
    ClientNotConnectedError,
    DataError,
    TableNotFoundError,
    TransactionError,
)

from backend.core.errors import (
    DatabaseMoved,
    DatabaseNotReady,
    DatabaseUnavailable,
    ServiceError,
    StartupError,
    StorageFull,
)
from backend.core.owners import ROLE, OwnedRows, owned
from backend.engine import Provider, in_process

if TYPE_CHECKING:
    from prisma import Prisma

P = ParamSpec("P")
R = TypeVar("R")

DEADLOCK = "P2034"

AWAY = {
    "P1000",  # authentication failed
    "P1001",  # cannot be reached
    "P1003",  # does not exist
    "P1008",  # timed out
    "P1010",  # access denied
    "P1011",  # TLS
    "P1017",  # connection closed
    "P2024",  # no connection of the pool became free
    DEADLOCK,  # or another write conflict
    "P2037",  # too many connections
}
"""Prisma's codes for what may pass if the caller tries again."""

COLUMN_MISSING = "P2022"

OF_THE_DATABASE = {"P2010", "P2039"}
"""Prisma's codes for an error that has only the database's own code, in `meta`."""

NULL_CONSTRAINT = {"P2011", "1299", "23502"}
"""Prisma's code, and those of SQLite and PostgreSQL for a raw query."""

DEADLOCKS = {"40001", "40P01"}
"""serialization_failure, deadlock_detected: a raw query has no code of Prisma's for it."""

FULL = {"13", "53100"}
"""SQLITE_FULL, disk_full."""

WRITES_REFUSED = "memory_mirror_refuses_writes"
"""What a database says that is moved to another: see transfer/refusing.py."""

CANNOT_STORE = {
    "8",  # SQLITE_READONLY
    "10",  # SQLITE_IOERR
    "25006",  # read_only_sql_transaction
    "53200",  # out_of_memory
    "58030",  # io_error
}
"""The databases' codes for what an administrator mends while the service runs."""


def translated_errors(
    method: Callable[P, Awaitable[R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    @functools.wraps(method)
    async def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except Exception as error:
            first = _first_of(error)
            translation = _translated(first)
            if translation is not None:
                raise translation from first
            if first is not error:
                raise first from error
            raise

    return translated


def _first_of(error: Exception) -> Exception:
    """Tasks that run side by side fail together; the first says why."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _translated(error: Exception) -> ServiceError | None:
    match error:
        case TableNotFoundError():
            return DatabaseNotReady()
        case DataError() if WRITES_REFUSED in str(error.meta.get("message", "")):
            return DatabaseMoved()
        case DataError() if error.code in AWAY or is_deadlock(error):
            return DatabaseUnavailable()
        case DataError() if error.code in OF_THE_DATABASE:
            return _by_the_databases_code(error)
        case DataError() if error.code == COLUMN_MISSING:
            return DatabaseNotReady()
        case EngineConnectionError() | ClientNotConnectedError():
            return DatabaseUnavailable()
        case TransactionError():  # P2028: none began in time, or it took too long
            return DatabaseUnavailable()
    return None


def is_deadlock(error: DataError) -> bool:
    """Whether two transactions waited for each other, and this one was given up."""
    return error.code == DEADLOCK or (
        error.code in OF_THE_DATABASE and error.meta.get("code") in DEADLOCKS
    )


def is_outdated(error: DataError) -> bool:
    """Whether what a transaction was to change is no longer as it was read: it makes NULL then of a
    column that is not NULL, which undoes it."""
    return error.code in NULL_CONSTRAINT or str(error.meta.get("code")) in NULL_CONSTRAINT


def _by_the_databases_code(error: DataError) -> ServiceError | None:
    code = str(error.meta.get("code", ""))
    if code.isdigit() and len(code) < 5:  # SQLite's: the lower byte is the kind, the rest details
        code = str(int(code) & 0xFF)
    if code in FULL:
        return StorageFull()
    if code in CANNOT_STORE:
        return DatabaseUnavailable("The database cannot be written to at present. Try again later.")
    # A raw query, such as those of search, met a table, column or index that is not there.
    if not error.meta.keys().isdisjoint(("table", "column")) or "no such index" in str(error):
        return DatabaseNotReady()
    return None


# PostgreSQL 16 tells apart who is a member from who may take a role.
_MAY_TAKE_ROLE = """
    SELECT 1 AS found FROM pg_roles AS r WHERE rolname = $1
        AND pg_has_role(session_user, r.oid, CASE
            WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER'
        END)
        AND has_schema_privilege(r.oid, current_schema(), 'USAGE')
        AND NOT EXISTS (
            SELECT FROM pg_class AS c
            WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace
                AND NOT has_table_privilege(r.oid, c.oid, 'INSERT')
        )
"""


class Database:
    """One connected Prisma client. `url` as Prisma reads it."""

    def __init__(self, url: str) -> None:
        self.provider: Provider = "sqlite" if url.startswith("file:") else "postgresql"
        self._rows = OwnedRows()
        client = in_process(_generated_client(), scope=self._rows)
        self.client: Prisma = client(datasource={"url": url})
        self._after_write: list[Callable[[], None]] = []
        self._before_disconnect: list[Callable[[], Awaitable[None]]] = []

    def after_write(self, call: Callable[[], None]) -> None:
        """Call this after every change of a record by this process."""
        self._after_write.append(call)

    def before_disconnect(self, call: Callable[[], Awaitable[None]]) -> None:
        """Call this before the connections are closed. It may be called more than once."""
        self._before_disconnect.append(call)

    def record_written(self) -> None:
        for call in self._after_write:
            call()

    async def connect(self) -> None:
        try:
            await self.client.connect()
        except EngineConnectionError as error:
            cure = " Run: memory-mirror migrate deploy" if "P1003" in str(error) else ""
            raise StartupError(f"The database cannot be used. {error}.{cure}") from error
        if self.provider == "postgresql":
            await self.take_role()

    @property
    def has_role(self) -> bool:
        return self._rows.role is not None

    async def take_role(self) -> None:
        """PostgreSQL's role that owns nothing (see role.py), where there is one that may do all
        that the service does."""
        found: Any = await self.client.query_first(_MAY_TAKE_ROLE, ROLE)
        self._rows.role = ROLE if found is not None else None

    async def disconnect(self) -> None:
        """May be called more than once."""
        for stop in self._before_disconnect:
            await stop()
        if self.client.is_connected():
            await self.client.disconnect()

    @translated_errors
    async def check(self) -> None:
        """Read one record, or none, and see that SQLite's file is there and can be written to.
        Raises DatabaseUnavailable or DatabaseNotReady."""
        await self.client.videoanalysis.find_first()
        if self.provider == "sqlite":
            await self.client.execute_raw(
                f"DELETE FROM video_analysis WHERE 0 AND {owned('video_analysis')}"
            )


def _generated_client() -> type[Prisma]:
    try:
        from prisma import Prisma  # not above: the service is imported before it exists, too
    except RuntimeError as error:
        raise StartupError("There is no Prisma client yet. Run: memory-mirror generate") from error
    return Prisma
