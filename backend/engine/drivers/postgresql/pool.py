"""The pool of sessions.

asyncpg's own pool costs several times a short query: its reset statement on every release and the
proxies around each connection. Here a session that needs no reset is handed on at once, those
who wait are served in order, and one that is closed never comes back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from ...errors import DriverError
from ..driver import NO_SETTINGS, SessionSettings
from .session import Session
from .silence import Abandoned, Server, Watch


class Pool:
    """At most `limit` sessions, opened when they are first needed. `server`: None where it does not
    know them."""

    def __init__(
        self,
        open_session: Callable[[], Awaitable[Session]],
        server: Server | None,
        *,
        limit: int,
    ) -> None:
        self._open_session = open_session
        self._limit = limit
        self._size = 0  # open, being opened, or promised to one who waits
        self._idle: list[Session] = []  # the one used last is taken first: its caches are warm
        self._busy: set[Session] = set()
        self._waiting: deque[asyncio.Future[Session | None]] = deque()
        self._cleaning: set[asyncio.Task[None]] = set()
        self._watch = Watch(server, self._busy, self._give_up) if server is not None else None
        self._abandoned = Abandoned(server) if server is not None else None
        self._closed = False

    def take(self, settings: SessionSettings = NO_SETTINGS) -> Session | None:
        """An idle session, without waiting; of one with these settings, if there is one. Then
        `release` it, whatever became of it."""
        while self._idle:
            session = self._pop_idle(settings)
            if session.is_closed:
                self._give_up_place()
                continue
            self._begin(session)
            return session
        return None

    def _pop_idle(self, settings: SessionSettings) -> Session:
        if self._idle[-1].settings is not settings:
            for position in range(len(self._idle) - 1, -1, -1):
                if self._idle[position].settings == settings:
                    return self._idle.pop(position)
        return self._idle.pop()

    async def acquire(self, *, timeout: float | None) -> Session:
        """An idle session, or a new one, or the first that is released.

        Raises TimeoutError, or the DriverError of a session that could not be opened."""
        session = self.take()
        if session is not None:
            return session
        if self._closed:
            raise DriverError("ConnectionClosed")
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        if self._size < self._limit:
            self._size += 1
        else:
            session = await self._wait(loop, deadline)
            if session is not None:
                return session
        async with asyncio.timeout_at(deadline):
            return await self._open()

    def release(self, session: Session) -> None:
        if session.is_closed or self._closed:
            self._discard(session)
        elif session.needs_cleaning:
            task = asyncio.get_running_loop().create_task(self._clean(session))
            self._cleaning.add(task)
            task.add_done_callback(self._cleaning.discard)
        else:
            self._hand_on(session)

    async def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            await self._watch.close()
        if self._abandoned is not None:
            await self._abandoned.close()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(DriverError("ConnectionClosed"))
        for task in self._cleaning:
            task.cancel()
        await asyncio.gather(*self._cleaning, return_exceptions=True)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.close() for session in idle))
        for session in self._busy:
            session.terminate()
        await asyncio.sleep(0)  # lets the transports close their sockets

    def describe(self) -> Mapping[str, float]:
        idle = sum(not session.is_closed for session in self._idle)
        busy = len(self._busy)
        return {
            "connections_open": idle + busy,
            "connections_busy": busy,
            "connections_idle": idle,
        }

    async def _wait(
        self, loop: asyncio.AbstractEventLoop, deadline: float | None
    ) -> Session | None:
        """The session that is handed on, or None: there is room to open one."""
        waiter: asyncio.Future[Session | None] = loop.create_future()
        self._waiting.append(waiter)
        # asyncio.timeout would cost as much as a short query.
        timer = None if deadline is None else loop.call_at(deadline, _end_waiting, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return_unused(waiter.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _open(self) -> Session:
        """Of one that is already counted."""
        try:
            session = await self._open_session()
        except BaseException:
            self._give_up_place()
            raise
        self._begin(session)
        return session

    def _begin(self, session: Session) -> None:
        self._busy.add(session)
        if self._watch is not None:
            self._watch.begin()

    def _return_unused(self, session: Session | None) -> None:
        if session is None:
            self._give_up_place()
        else:
            self.release(session)

    def _hand_on(self, session: Session) -> None:
        session.mark_idle()
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(session)
        else:
            self._busy.discard(session)
            self._idle.append(session)

    def _discard(self, session: Session) -> None:
        self._busy.discard(session)
        if session.unanswered is not None:  # for what the server may still work, or wait
            self._abandon(session)
        session.terminate()
        self._give_up_place()

    def _abandon(self, session: Session) -> None:
        if self._abandoned is not None and session.backend is not None and not self._closed:
            self._abandoned.add(session.backend)

    def _give_up(self, silent: Session) -> None:
        """Those that are idle most likely fell silent with it, and each would be found by whoever
        uses it next."""
        silent.terminate()
        idle, self._idle = self._idle, []
        for session in idle:
            self._abandon(session)
            self._discard(session)

    def _give_up_place(self) -> None:
        """Whoever waits first may open a session in it: so all learn soon that the database is
        away, and none waits for a session that will not come back."""
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_result(None)
        else:
            self._size -= 1

    def _next_waiter(self) -> asyncio.Future[Session | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _clean(self, session: Session) -> None:
        """After a cancelled statement, or with a transaction left open."""
        try:
            await session.clean()
        except DriverError:
            self._discard(session)
        except asyncio.CancelledError:
            self._discard(session)
            raise
        else:
            self.release(session)


def _end_waiting(waiter: asyncio.Future[Session | None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
