"""One session on the server, with its prepared statements."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

import asyncpg

from ...errors import DriverError
from ..driver import NO_SETTINGS, Rows, SessionSettings, Statement
from .connect import RawConnection, quoted_text
from .errors import FAILURES, translate
from .values import Encoder, encoders, raw_columns

CLEANING_SECONDS = 5
"""How long PostgreSQL may take to give up a cancelled statement."""

_OUTDATED = (
    asyncpg.InvalidCachedStatementError,  # a table has changed since it was prepared
    asyncpg.InvalidSQLStatementNameError,  # somebody's DEALLOCATE or DISCARD
)


class Backend(NamedTuple):
    """A session as the server names it. A pid alone may be another's, after a failover."""

    pid: int
    started: datetime


async def backend_of(raw: RawConnection, timeout: float | None) -> Backend:
    """As the server says: what asyncpg was told may be a number of a pooler's in between. Raises
    DriverError."""
    own = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    try:
        [row] = await raw.fetch(own, timeout=timeout)
    except FAILURES as error:
        raise translate(error) from error
    return Backend(*row)


class Session:
    """`raw` keeps no statements of its own: those here know the encoders of their arguments."""

    def __init__(
        self,
        raw: RawConnection,
        *,
        backend: Backend | None,
        statement_cache_size: int,
        timeout: float | None,
    ) -> None:
        """`backend`: None where it may be another with each transaction."""
        self.backend = backend
        self._raw = raw
        self._timeout = timeout
        self._cache_size = statement_cache_size
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()
        self._counter = 0
        self._is_interrupted = False
        self._asked = 0  # how often
        self._was_idle = False
        self._met_stale_plan = False
        self._sent: Literal["nothing", "prisma", "raw"] = "nothing"
        self.settings: SessionSettings = NO_SETTINGS

    @property
    def is_closed(self) -> bool:
        closed: bool = self._raw.is_closed()
        return closed

    @property
    def is_in_transaction(self) -> bool:
        within: bool = self._raw.is_in_transaction()
        return within

    @property
    def needs_cleaning(self) -> bool:
        return self._is_interrupted or self.is_in_transaction

    @property
    def unanswered(self) -> int | None:
        """The number of the request to the server that has no answer yet."""
        return self._asked if self._is_interrupted else None

    def mark_idle(self) -> None:
        """Its next user knows nothing of its last one."""
        self._was_idle = True
        self._met_stale_plan = False
        self._sent = "nothing"

    def may_be_replaced(self, *, reads_only: bool) -> bool:
        """After an error: whether the work can be done again on another session, as none of it
        can have taken effect and the fault was this session's."""
        if self._met_stale_plan:
            return True
        if not (self._was_idle and self.is_closed):
            return False
        # Raw SQL that begins with SELECT may still call a function that writes.
        return self._sent == "nothing" or (reads_only and self._sent == "prisma")

    async def execute(self, statement: Statement, args: Sequence[Any]) -> Rows | int:
        prepared = self._prepared.get(statement.sql)
        if prepared is None:
            prepared = await self._prepare(statement)
        else:
            self._prepared.move_to_end(statement.sql)
        try:
            return await self._execute(prepared, statement, args)
        except _OUTDATED as error:  # nothing was executed
            self._prepared.clear()
            if self.is_in_transaction:
                self._met_stale_plan = True
                raise _transaction_with_stale_plan() from error
            return await self._execute(await self._prepare(statement), statement, args)

    async def apply(self, settings: SessionSettings) -> None:
        """Let `current_setting` answer these from now on, and nothing of those before."""
        if settings is self.settings or settings == self.settings:
            return
        now = {**dict.fromkeys(self.settings, ""), **settings}
        calls = [
            f"set_config({quoted_text(name)}, {quoted_text(value)}, false)"
            for name, value in now.items()
        ]
        await self._command(f"SELECT {', '.join(calls)}")
        self.settings = settings

    async def begin(self, sql: str = "BEGIN") -> None:
        await self._command(sql)

    async def commit(self) -> None:
        """Raises where PostgreSQL rolled back instead, as it does after a failed statement."""
        self._sent = "prisma"
        if await self._command("COMMIT") != "COMMIT":
            raise DriverError(
                "postgres",
                original_code="25P02",
                original_message="current transaction is aborted: commit was a rollback",
            )

    async def rollback(self) -> None:
        await self._command("ROLLBACK")

    async def clean(self) -> None:
        """Wait until a cancelled statement has ended, and leave an open transaction."""
        try:
            async with asyncio.timeout(CLEANING_SECONDS):
                if self._is_interrupted:
                    await self._wait_for_cancelled()
                if self.is_in_transaction:
                    await self.rollback()
        except TimeoutError as error:
            raise translate(error) from error

    async def _wait_for_cancelled(self) -> None:
        """asyncpg sends nothing before the server has ended what was cancelled."""
        try:
            await self._command("SELECT 1")
        except DriverError as error:
            if error.original_code != "25P02":  # in a transaction that the cancellation aborted
                raise

    async def close(self) -> None:
        self._prepared.clear()
        try:
            await self._raw.close(timeout=CLEANING_SECONDS)
        except FAILURES:
            self._raw.terminate()

    def terminate(self) -> None:
        self._prepared.clear()
        if not self._raw.is_closed():
            self._raw.terminate()

    async def _command(self, sql: str) -> str:
        self._is_interrupted = True
        self._asked += 1
        try:
            status: str = await self._raw.execute(sql, timeout=self._timeout)
        except FAILURES as error:
            raise self._failed(error) from error
        self._is_interrupted = False
        return status

    async def _execute(
        self, prepared: _Prepared, statement: Statement, args: Sequence[Any]
    ) -> Rows | int:
        encoded = prepared.encode(statement, args)
        sent_before = self._sent
        if not self.is_in_transaction:
            self._sent = "raw" if statement.raw else "prisma"
        self._is_interrupted = True
        self._asked += 1
        try:
            records = await prepared.fetch(*encoded, timeout=self._timeout)
        except _OUTDATED:
            self._is_interrupted = False
            raise
        except FAILURES as error:
            if self._refused_to_send(error):
                self._sent = sent_before
            raise self._failed(error) from error
        self._is_interrupted = False
        return prepared.answer(statement, records)

    async def _prepare(self, statement: Statement) -> _Prepared:
        if self._cache_size == 0:
            name = ""  # gone with the next statement
        else:
            self._counter += 1
            name = f"s{self._counter}"
        self._is_interrupted = True
        self._asked += 1
        try:
            raw = await self._raw.prepare(statement.sql, name=name, timeout=self._timeout)
        except FAILURES as error:
            raise self._failed(error) from error
        self._is_interrupted = False
        prepared = _Prepared(raw)
        if self._cache_size > 0:
            while len(self._prepared) >= self._cache_size:
                self._prepared.popitem(last=False)  # asyncpg then closes it on the server
            self._prepared[statement.sql] = prepared
        return prepared

    def _failed(self, error: Exception) -> DriverError:
        if isinstance(error, asyncpg.OutdatedSchemaCacheError):
            self._prepared.clear()
        # asyncpg tells the loss of a connection by a PostgresError, too.
        answered = isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError))
        self._is_interrupted = self.is_closed or not answered
        if self._refused_to_send(error):
            return DriverError("ConnectionClosed", original_message=str(error))
        return translate(error)

    def _refused_to_send(self, error: Exception) -> bool:
        """The statement did not reach the server whole, so it has no effect. Either asyncpg found
        the connection closed, or the server's word that it soon will be, before it wrote
        (`_ensure_connected` and `_set_state` of its protocol); or the kernel refused the bytes."""
        if isinstance(error.__cause__, BrokenPipeError):
            return True
        is_own = isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError))
        is_later = isinstance(error, (asyncpg.ProtocolError, asyncpg.OutdatedSchemaCacheError))
        return is_own and not is_later and self.is_closed


class _Prepared:
    """A statement as the server knows it."""

    __slots__ = (
        "_attributes",
        "_columns",
        "_encoders",
        "_encodes_for",
        "_parameters",
        "_raw",
        "fetch",
    )

    def __init__(self, raw: asyncpg.prepared_stmt.PreparedStatement) -> None:
        self._raw = raw
        self.fetch = raw.fetch
        self._parameters = raw.get_parameters()
        self._encodes_for: Statement | None = None
        self._encoders: Sequence[Encoder] = ()
        self._attributes = raw.get_attributes()
        self._columns = tuple(attribute.name for attribute in self._attributes)

    def encode(self, statement: Statement, args: Sequence[Any]) -> Sequence[Any]:
        if statement is not self._encodes_for:  # the same text may come with other types
            self._encoders = encoders(self._parameters, statement.arg_types)
            self._encodes_for = statement
        if len(self._encoders) != len(args):
            return args  # asyncpg says so
        try:
            return [
                None if value is None else encode(value)
                for encode, value in zip(self._encoders, args, strict=True)
            ]
        except (ValueError, TypeError, ArithmeticError) as error:
            raise DriverError("InvalidInputValue", message=str(error)) from error

    def answer(self, statement: Statement, records: list[asyncpg.Record]) -> Rows | int:
        if not statement.returns_rows:
            return _affected_rows(self._raw.get_statusmsg())
        if not statement.raw:
            return Rows(self._columns, cast(Sequence[Sequence[Any]], records))
        columns = raw_columns([attribute.type for attribute in self._attributes])
        types = tuple(name for name, _ in columns)
        decoders = [decode for _, decode in columns]
        rows = [
            [
                value if value is None or decode is None else decode(value)
                for decode, value in zip(decoders, record, strict=True)
            ]
            for record in records
        ]
        return Rows(self._columns, rows, types)


def _transaction_with_stale_plan() -> DriverError:
    """The statement aborted its transaction, which can be run again as it was."""
    message = "the statement has to be prepared again, for a changed table"
    return DriverError("TransactionWriteConflict", original_code="0A000", original_message=message)


def _affected_rows(status: str | None) -> int:
    """From `INSERT 0 3`, `UPDATE 3`, ...; other commands, such as `CREATE TABLE`, name none."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0
