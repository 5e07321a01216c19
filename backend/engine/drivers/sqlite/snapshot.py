"""A transaction that only reads the database as it was when it began, whoever writes meanwhile.

It has a connection and a thread of its own, so it keeps nobody waiting. As long as it lasts, the
log keeps what it reads, and grows by what is written.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from ...errors import DriverError
from ..driver import SessionSettings, Start, Transaction
from .errors import translate
from .running import Running, Worker
from .statements import Execute, drive

T = TypeVar("T")


class SQLiteSnapshot(Transaction):
    """`open_connection` opens a connection that only reads, `execute` runs statements on it."""

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        execute: Callable[[sqlite3.Connection], Execute],
        settings: SessionSettings,
    ) -> None:
        self._open_connection = open_connection
        self._execute = execute
        self._settings = settings
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="sqlite-snapshot")
        self._worker: Worker | None = None
        self._has_ended = False
        self._ending: Future[None] | None = None

    async def begin(self) -> None:
        """Raises DriverError."""
        try:
            await self._in_thread(self._begin)
        except BaseException:
            await self.rollback()
            raise

    async def run(self, start: Start) -> Any:
        worker = self._worker
        if worker is None or self._has_ended:
            raise DriverError("TransactionAlreadyClosed", cause="The transaction has ended.")
        running = Running(self._settings)

        def work() -> Any:
            with worker.working_for(running):
                return drive(start(), worker.execute)

        try:
            return await self._in_thread(work)
        except asyncio.CancelledError:
            running.is_cancelled = True
            raise

    async def commit(self) -> None:
        await self.rollback()

    async def rollback(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._ending = self._executor.submit(self._end)
            self._executor.shutdown(wait=False)

    async def close(self) -> None:
        """Roll it back, if it has not ended; a read that runs is stopped. When this returns, its
        connection is closed."""
        worker = self._worker
        if worker is not None:
            worker.is_closing = True
        await self.rollback()
        if self._ending is not None:
            await asyncio.wrap_future(self._ending)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _begin(self) -> None:
        connection = self._open_connection()
        self._worker = Worker(connection, self._execute(connection))
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # the first read is it
        except sqlite3.Error as error:
            raise translate(error) from error

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.connection.close()
