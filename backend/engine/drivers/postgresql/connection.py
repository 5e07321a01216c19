"""PostgreSQL behind the engine's seam: a pool of sessions, each doing one thing at a time.

A program outside a transaction runs on one session. A session that dies while it is idle, as all
do when PostgreSQL restarts, is replaced unseen where that is safe: a program is run again only if
no statement of it can have taken effect.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...errors import DriverError
from ..driver import (
    Decoder,
    Driver,
    FieldType,
    IsolationLevel,
    Program,
    Provider,
    Rows,
    SessionSettings,
    Start,
    Statement,
    Transaction,
    no_settings,
)
from . import values
from .connect import Connector, quoted, quoted_text
from .pool import Pool
from .session import Session, backend_of
from .silence import Server
from .url import PostgreSQLSettings

T = TypeVar("T")

_ISOLATION_LEVELS: Mapping[str, str] = {
    "ReadUncommitted": "READ UNCOMMITTED",
    "ReadCommitted": "READ COMMITTED",
    "RepeatableRead": "REPEATABLE READ",
    "Snapshot": "REPEATABLE READ READ ONLY",
    "Serializable": "SERIALIZABLE",
}


class PostgreSQLDriver(Driver):
    provider: Provider = "postgresql"
    max_bind_values = 32766

    def __init__(
        self,
        settings: PostgreSQLSettings,
        *,
        folder: Path,
        session_settings: Callable[[], SessionSettings] = no_settings,
    ) -> None:
        """`folder` holds schema.prisma: certificates are named relative to it."""
        self._settings = settings
        self._session_settings = session_settings
        self._connector = Connector(settings, folder=folder)
        # PgBouncer may hand each transaction to another session of the server.
        server = None if settings.pgbouncer else Server(self._connector)
        self._pool = Pool(self._open, server, limit=settings.connection_limit)

    async def connect(self) -> None:
        for name in self._settings.unknown:
            warnings.warn(
                f"The parameter `{name}` of the database URL is unknown and has no effect.",
                stacklevel=2,
            )
        self._pool.release(await self._acquire())

    async def close(self) -> None:
        await self._pool.close()

    def decoder(self, field_type: FieldType) -> Decoder | None:
        return values.decoder(field_type)

    def json_decoder(self, field_type: FieldType) -> Decoder | None:
        if field_type["type"] == "datetime" and field_type["arity"] != "list":
            return values.json_datetime
        return super().json_decoder(field_type)

    async def run(self, start: Start, *, reads_only: bool, atomic: bool) -> Any:
        # Through PgBouncer, the server's session that prepares a statement is sure to be the one
        # that executes it only within a transaction.
        if atomic or self._settings.pgbouncer:
            return await self._on_session(lambda s: self._run_atomic(s, start), reads_only)
        return await self._on_session(lambda s: _drive(s, start()), reads_only)

    async def execute(
        self, statement: Statement, args: Sequence[Any], *, reads_only: bool
    ) -> Rows | int:
        if self._settings.pgbouncer:
            return await super().execute(statement, args, reads_only=reads_only)
        return await self._on_session(lambda s: s.execute(statement, args), reads_only)

    async def _on_session(self, work: Callable[[Session], Awaitable[T]], reads_only: bool) -> T:
        """Done again on another session where that is safe."""
        settings = self._session_settings()
        while True:
            session = self._pool.take(settings) or await self._acquire()
            try:
                if session.settings is not settings:
                    await self._apply(session, settings)
                return await work(session)
            except DriverError:
                if not session.may_be_replaced(reads_only=reads_only):
                    raise
            finally:
                self._pool.release(session)

    async def begin(
        self, *, isolation_level: IsolationLevel | None, max_wait: float
    ) -> Transaction:
        settings = self._session_settings()
        sql = self._begin(isolation_level, settings)
        async with asyncio.timeout(max_wait):
            if isolation_level == "Snapshot":
                return await self._begin_snapshot(sql, settings)
            while True:
                session = self._pool.take(settings) or await self._pool.acquire(timeout=None)
                try:
                    await self._apply(session, settings)
                    await session.begin(sql)
                except BaseException:
                    replaceable = session.may_be_replaced(reads_only=False)
                    self._pool.release(session)
                    if not replaceable:
                        raise
                else:
                    return PostgreSQLTransaction(session, self._pool)

    async def _begin_snapshot(self, sql: str, settings: SessionSettings) -> PostgreSQLSnapshot:
        """On a session that is not of the pool."""
        session = await self._open()
        try:
            await self._apply(session, settings)
            await session.begin(f"{sql}; SELECT 1")  # the first query is the moment that it sees
        except BaseException:
            await session.close()
            raise
        return PostgreSQLSnapshot(session)

    def describe(self) -> Mapping[str, float]:
        return self._pool.describe()

    async def _apply(self, session: Session, settings: SessionSettings) -> None:
        """PgBouncer may hand each transaction to another session of the server, so there they are
        set at its begin."""
        if not self._settings.pgbouncer:
            await session.apply(settings)

    async def _acquire(self) -> Session:
        timeout = self._settings.pool_timeout
        try:
            return await self._pool.acquire(timeout=timeout)
        except TimeoutError as error:
            limit = self._settings.connection_limit
            raise DriverError("PoolTimeout", timeout=int(timeout or 0), limit=limit) from error

    async def _open(self) -> Session:
        settings = self._settings
        raw = await self._connector.open()
        try:
            backend = (
                None if settings.pgbouncer else await backend_of(raw, settings.connect_timeout)
            )
            await values.prepare_codecs(raw)
        except BaseException:
            raw.terminate()
            raise
        return Session(
            raw,
            backend=backend,
            statement_cache_size=0 if settings.pgbouncer else settings.statement_cache_size,
            timeout=settings.socket_timeout,
        )

    async def _run_atomic(self, session: Session, start: Start) -> Any:
        """A transaction that fails is rolled back by the pool, before it hands the session on."""
        await session.begin(self._begin(None, self._session_settings()))
        result = await _drive(session, start())
        await session.commit()
        return result

    def _begin(self, isolation_level: IsolationLevel | None, settings: SessionSettings) -> str:
        sql = "BEGIN"
        if isolation_level is not None:
            if isolation_level not in _ISOLATION_LEVELS:
                raise DriverError("InvalidIsolationLevel", level=isolation_level)
            sql += f" ISOLATION LEVEL {_ISOLATION_LEVELS[isolation_level]}"
        if self._settings.pgbouncer and self._settings.schema != "public":
            sql += f"; SET LOCAL search_path TO {quoted(self._settings.schema)}"
        if self._settings.pgbouncer:
            for name, value in settings.items():
                call = f"set_config({quoted_text(name)}, {quoted_text(value)}, true)"
                sql += f"; SELECT {call}"
        return sql


class PostgreSQLSnapshot(Transaction):
    """On a session of its own."""

    def __init__(self, session: Session) -> None:
        self._session: Session | None = session

    async def run(self, start: Start) -> Any:
        return await _drive(_not_ended(self._session), start())

    async def commit(self) -> None:
        await self.rollback()

    async def rollback(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class PostgreSQLTransaction(Transaction):
    def __init__(self, session: Session, pool: Pool) -> None:
        self._session: Session | None = session
        self._pool = pool

    async def run(self, start: Start) -> Any:
        return await _drive(_not_ended(self._session), start())

    async def commit(self) -> None:
        session, self._session = _not_ended(self._session), None
        try:
            await session.commit()
        finally:
            self._pool.release(session)

    async def rollback(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        try:
            if not session.is_closed:
                await session.rollback()
        except DriverError:
            session.terminate()  # which rolls back as well
        finally:
            self._pool.release(session)


def _not_ended(session: Session | None) -> Session:
    if session is None:
        raise DriverError("TransactionAlreadyClosed", cause="The transaction has ended.")
    return session


async def _drive(session: Session, program: Program) -> Any:
    """Hand the program its answers until it returns."""
    try:
        statement, args = program.send(None)
        while True:
            try:
                answer = await session.execute(statement, args)
            except DriverError as error:
                statement, args = program.throw(error)
            else:
                statement, args = program.send(answer)
    except StopIteration as done:
        return done.value
    finally:
        program.close()
