"""The one thread that writes to an SQLite database.

SQLite lets one connection write at a time, so one thread owns the writing connection and takes
writes from a queue, first come first served. Writes that wait together are committed together:
each runs in a savepoint of one `BEGIN IMMEDIATE` transaction, so each is still all or nothing,
and one flush to the disk makes them all durable before any caller hears of success. An
interactive transaction takes the thread for itself until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from ...errors import DriverError
from ..driver import NO_SETTINGS, Program, SessionSettings, Start
from .errors import translate
from .running import Running, Worker, end_of
from .statements import Execute, drive

_GROUP = 128
"""At most this many writes share a transaction, so that a reader of the log sees an end."""


def _nothing() -> Program:
    yield from ()


class _Job:
    """A program to run, and the task that waits for its result."""

    def __init__(self, start: Start = _nothing, settings: SessionSettings = NO_SETTINGS) -> None:
        self.start = start
        self.queued = monotonic()
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.abandoned = False
        self.running = Running(settings)
        self.result: Any = None
        self.error: BaseException | None = None

    async def outcome(self) -> Any:
        """The program's result, once it is committed. If the waiting task is cancelled before
        the commit, the program is interrupted and undone."""
        try:
            return await self.future
        except asyncio.CancelledError:
            self.abandoned = True
            self.running.is_cancelled = True
            raise

    def drive(self, worker: Worker) -> None:
        """Run the program, in the writer's thread."""
        try:
            with worker.working_for(self.running):
                self.result = drive(self.start(), worker.execute)
        except BaseException as error:  # noqa: BLE001  its task raises it
            self.error = error


class Session:
    """The writing connection, lent to one interactive transaction."""

    def __init__(self, settings: SessionSettings) -> None:
        self.orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self.opened = _Job()
        self._settings = settings

    async def run(self, start: Start) -> Any:
        return await self._order(_Order(start, settings=self._settings))

    async def end(self, statement: str) -> None:
        """COMMIT or ROLLBACK, after which the session must not be used."""
        await self._order(_Order(None, statement))

    async def _order(self, order: _Order) -> Any:
        self.orders.put(order)
        return await order.outcome()


class _Order(_Job):
    """What a session is to do: run a program, or end with this statement."""

    def __init__(
        self,
        start: Start | None,
        end: str | None = None,
        settings: SessionSettings = NO_SETTINGS,
    ) -> None:
        super().__init__(start or _nothing, settings)
        self.end = end


class Writer:
    """The thread. `open_connection`, `execute`, `check` at the begin of each transaction and
    `changed` after it run in it. `check` raises DriverError where nothing must be written.
    `busy_timeout`: seconds that a write waits in all, its place in the queue included, for another
    process that writes."""

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        execute: Callable[[sqlite3.Connection], Execute],
        check: Callable[[], None],
        changed: Callable[[sqlite3.Connection], None],
        busy_timeout: float,
    ) -> None:
        self._open_connection = open_connection
        self._make_execute = execute
        self._check = check
        self._changed = changed
        self._busy_timeout = busy_timeout
        self._wait = busy_timeout
        """What the connection waits at present."""
        self._queue: queue.SimpleQueue[_Job | Session | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._session: Session | None = None
        self._closed = False

    async def open(self) -> None:
        """Start the thread and open the connection. Raises DriverError."""
        ready = _Job()
        # A daemon, so that a client that is never disconnected does not keep the process.
        self._thread = threading.Thread(
            target=self._main, args=(ready,), name="sqlite-writer", daemon=True
        )
        self._thread.start()
        await ready.future

    async def close(self) -> None:
        """End the open transaction, if any, let waiting writes finish, and end the thread."""
        thread = self._thread
        if thread is None or self._closed:
            return
        self._closed = True
        if self._session is not None:
            self._session.orders.put(_Order(None, "ROLLBACK"))
        self._queue.put(None)
        await end_of(thread)

    async def run(self, start: Start, settings: SessionSettings) -> Any:
        self._refuse_if_closed()
        job = _Job(start, settings)
        self._queue.put(job)
        return await job.outcome()

    async def begin(self, max_wait: float, settings: SessionSettings) -> Session:
        """A session, when it is its turn. Raises TimeoutError, DriverError."""
        self._refuse_if_closed()
        session = Session(settings)
        self._queue.put(session)
        try:
            async with asyncio.timeout(max_wait):
                await session.opened.outcome()
        except BaseException:
            # It may have been opened just now: then this ends it at once.
            session.orders.put(_Order(None, "ROLLBACK"))
            raise
        return session

    @property
    def is_busy(self) -> bool:
        return self._session is not None or not self._queue.empty()

    def _refuse_if_closed(self) -> None:
        if self._closed or self._thread is None:
            raise DriverError("ConnectionClosed")

    # In the thread

    def _main(self, ready: _Job) -> None:
        try:
            connection = self._open_connection()
        except DriverError as error:
            ready.error = error
            _deliver([ready])
            return
        _deliver([ready])
        worker = Worker(connection, self._make_execute(connection))
        try:
            waiting: _Job | Session | None = self._queue.get()
            while waiting is not None:
                if isinstance(waiting, Session):
                    self._serve(waiting, worker)
                    self._changed(connection)
                    waiting = self._queue.get()
                else:
                    waiting = self._write_group(waiting, worker)
        finally:
            connection.close()

    def _write_group(self, first: _Job, worker: Worker) -> _Job | Session | None:
        """Write this job and those that wait behind it; what waits next."""
        jobs = [first]
        last: _Job | Session | None = first
        while len(jobs) < _GROUP and not self._queue.empty():
            last = self._queue.get()
            if not isinstance(last, _Job):
                break
            jobs.append(last)
        self._write(jobs, worker)
        self._changed(worker.connection)
        return self._queue.get() if isinstance(last, _Job) else last

    def _write(self, jobs: Sequence[_Job], worker: Worker) -> None:
        """Run each job, commit them all, and tell their tasks."""
        connection = worker.connection
        jobs = self._begin(jobs, connection)
        if not jobs:
            return
        try:
            _write_in_transaction(jobs, worker)
        except BaseException as error:  # noqa: BLE001  its task raises it
            if connection.in_transaction:
                _do(connection, "ROLLBACK")
            if len(jobs) == 1:
                jobs[0].error = jobs[0].error or error
            else:
                # One spoilt it for all (a deferred constraint, a full disk): each by itself.
                for job in jobs:
                    job.error = job.result = None
                    self._write([job], worker)
                return
        _deliver(jobs)

    def _begin(self, jobs: Sequence[_Job], connection: sqlite3.Connection) -> Sequence[_Job]:
        """Those whose transaction has begun. The others, which is all or those whose time is over,
        are told why not."""
        while jobs := [job for job in jobs if not job.abandoned]:
            try:
                self._wait_until(min(job.queued for job in jobs) + self._busy_timeout, connection)
                _do(connection, "BEGIN IMMEDIATE")
                self._check()  # not before, as another process may have kept us waiting
                break
            except DriverError as error:
                if connection.in_transaction:
                    _do(connection, "ROLLBACK")
                latest = monotonic() - self._busy_timeout
                busy = error.kind == "SocketTimeout"
                refused = [job for job in jobs if not busy or job.queued <= latest]
                for job in refused:
                    job.error = error
                _deliver(refused)
                jobs = [job for job in jobs if job.error is None]
        return jobs

    def _wait_until(self, moment: float, connection: sqlite3.Connection) -> None:
        """For the file, at most so long. Told only where it differs: mostly nobody has waited."""
        wait = max(round(moment - monotonic(), 1), 0.0)
        if wait != self._wait:
            self._wait = wait
            connection.execute(f"PRAGMA busy_timeout = {wait * 1000:.0f}")

    def _serve(self, session: Session, worker: Worker) -> None:
        """One interactive transaction, from BEGIN to COMMIT or ROLLBACK."""
        connection = worker.connection
        if not self._begin([session.opened], connection):
            return
        self._session = session
        try:
            _deliver([session.opened])
            self._follow_orders(session, worker)
        finally:
            self._session = None
            if connection.in_transaction:
                _do(connection, "ROLLBACK")

    def _follow_orders(self, session: Session, worker: Worker) -> None:
        connection = worker.connection
        ended = False
        while not ended:
            order = session.orders.get()
            ended = order.end is not None
            if not connection.in_transaction and order.end != "ROLLBACK":
                cause = "SQLite has rolled the transaction back after an error."
                order.error = DriverError("TransactionAlreadyClosed", cause=cause)
            elif order.end is None:
                order.drive(worker)
            elif connection.in_transaction:
                try:
                    _do(connection, order.end)
                except DriverError as error:
                    order.error = error
            _deliver([order])


class _RolledBackError(Exception):
    """SQLite has rolled back the whole transaction because of one statement."""


def _write_in_transaction(jobs: Sequence[_Job], worker: Worker) -> None:
    connection = worker.connection
    shared = len(jobs) > 1
    for job in jobs:
        if shared:
            _do(connection, "SAVEPOINT job")
        job.drive(worker)
        if shared and not connection.in_transaction:
            raise _RolledBackError
        if (job.error is not None or job.abandoned) and connection.in_transaction:
            _do(connection, "ROLLBACK TO job" if shared else "ROLLBACK")
        if shared:
            _do(connection, "RELEASE job")
    if connection.in_transaction:
        _do(connection, "COMMIT")


def _do(connection: sqlite3.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        raise translate(error) from error


def _deliver(jobs: Sequence[_Job]) -> None:
    """Wake the tasks that wait for these jobs, with one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, its_jobs in by_loop.items():
        # A loop that was closed meanwhile refuses; nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, its_jobs)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
