"""The connections that only read.

A short read, by key or of one page, costs some 10 microseconds in SQLite and 50 more to hand to a
thread, so it runs on the event loop's own thread, on a connection of its own, with a budget: when
SQLite has worked for longer, it is stopped and run again in a thread. It never waits for a lock
there either. What goes to the threads can be interrupted when its task is cancelled.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, thread_time
from typing import Any

from ...errors import DriverError
from ..driver import Program, SessionSettings, Start, Statement
from .running import Running, Worker, end_of
from .settings import CurrentSettings
from .statements import Execute, Prepared, drive_on

INLINE_BUDGET = 0.005
"""Seconds of work for which a read may hold the event loop: as long as Python lets any thread (its
switch interval). What is stopped has cost that much for nothing."""

INLINE_WAIT = 0.05
"""Seconds for which it may hold it in all. Others had the processor then, and would have had it
beside a thread too; or the disk was slow."""

_INSTRUCTIONS_BETWEEN_CHECKS = 2000
_RUNS_TO_SKIP = 100

_FOR_A_THREAD = (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Readers:
    """`open_connection` opens a connection that only reads, `execute` runs statements on it."""

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        execute: Callable[[sqlite3.Connection], Execute],
        threads: int,
    ) -> None:
        self._open_connection = open_connection
        self._make_execute = execute
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._workers: list[Worker] = []
        self._inline: sqlite3.Connection | None = None
        self._execute_inline: Execute | None = None
        self._settings_inline: CurrentSettings | None = None
        self._started = 0.0
        self._work_began: float | None = None
        """By this thread's processor time, at the first check: no short read comes so far."""

    def open(self) -> None:
        """Open the event loop's connection. Raises DriverError."""
        connection = self._open_connection()
        connection.execute("PRAGMA busy_timeout = 0")
        connection.set_progress_handler(self._is_overdue, _INSTRUCTIONS_BETWEEN_CHECKS)
        self._inline = connection
        self._settings_inline = CurrentSettings(connection)
        self._execute_inline = self._make_execute(connection)

    async def close(self) -> None:
        """End the threads and close the connections."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.is_closing = True
        # Reads that are stopped end at once; a thread waits for them, so that the loop need not.
        ending = threading.Thread(target=self._executor.shutdown, name="sqlite-readers-end")
        ending.start()
        await end_of(ending)
        for worker in self._workers:
            worker.connection.close()
        self._workers.clear()
        if self._inline is not None:
            self._inline.close()
        self._inline = self._execute_inline = None

    def _is_overdue(self) -> bool:
        if self._work_began is None:
            self._work_began = thread_time()
            return False
        held = perf_counter() - self._started
        if held <= INLINE_BUDGET:
            return False
        return held > INLINE_WAIT or thread_time() - self._work_began > INLINE_BUDGET

    def _begin_inline(self) -> None:
        self._started = perf_counter()
        self._work_began = None

    async def run(self, start: Start, settings: SessionSettings) -> Any:
        execute = self._inline_for(settings)
        program = start()
        try:
            statement, args = next(program)
            self._begin_inline()
            while True:
                if (prepared := statement.prepared) is not None and prepared.runs_to_skip_inline:
                    prepared.runs_to_skip_inline -= 1
                    break
                try:
                    answer = execute(statement, args)
                except DriverError as error:
                    if _is_for_a_thread(error):
                        _remember_as_slow(statement)
                        break
                    statement, args = program.throw(error)
                else:
                    statement, args = program.send(answer)
        except StopIteration as end:
            return end.value
        return await self._run_in_thread(program, (statement, args), settings)

    async def execute(
        self, statement: Statement, args: Sequence[Any], settings: SessionSettings
    ) -> Any:
        """As `run` does a program of this one statement."""
        execute = self._inline_for(settings)
        prepared: Prepared | None = statement.prepared
        if prepared is None or not prepared.runs_to_skip_inline:
            self._begin_inline()
            try:
                return execute(statement, args)
            except DriverError as error:
                if not _is_for_a_thread(error):
                    raise
                _remember_as_slow(statement)
        else:
            prepared.runs_to_skip_inline -= 1

        def program() -> Program:
            return (yield statement, args)

        running = program()
        return await self._run_in_thread(running, next(running), settings)

    def _inline_for(self, settings: SessionSettings) -> Execute:
        """What runs statements on the event loop's connection. It has these settings until the
        event loop goes on with something else."""
        if self._execute_inline is None or self._settings_inline is None:
            raise DriverError("ConnectionClosed")
        self._settings_inline.values = settings
        return self._execute_inline

    async def _run_in_thread(
        self, program: Program, at: tuple[Statement, Sequence[Any]], settings: SessionSettings
    ) -> Any:
        """Go on with the program in a thread, from this statement."""
        running = Running(settings)

        def work() -> Any:
            worker = self._worker_of_thread()
            with worker.working_for(running):
                return drive_on(program, lambda _: at, worker.execute)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except asyncio.CancelledError:
            running.is_cancelled = True
            raise

    def _worker_of_thread(self) -> Worker:
        if not hasattr(self._local, "worker"):
            connection = self._open_connection()
            worker = Worker(connection, self._make_execute(connection))
            self._workers.append(worker)
            self._local.worker = worker
        kept: Worker = self._local.worker
        return kept


def _is_for_a_thread(error: DriverError) -> bool:
    code = error.original_code or ""
    return code.isdigit() and int(code) & 0xFF in _FOR_A_THREAD


def _remember_as_slow(statement: Statement) -> None:
    prepared: Prepared | None = statement.prepared
    if prepared is not None:
        prepared.runs_to_skip_inline = _RUNS_TO_SKIP
