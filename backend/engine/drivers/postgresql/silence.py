"""Sessions that fell silent: what they asked is answered by nobody, and nothing closes them.

So it is when the server fails over, or when a proxy or a NAT on the way forgets the connection. TCP
finds out where nobody acknowledges what is sent (see connect.py), but a proxy may acknowledge it
and then forward nothing, and a long statement looks the same from here. So the server is asked,
over a new connection, whether it still works on what is waited for. A statement may thus take as
long as it works.

The server does not hear that a silent session was given up, and keeps it, with its transaction and
its locks, for hours. So it is told, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...errors import DriverError
from .connect import Connector, RawConnection
from .errors import FAILURES, translate
from .session import Backend, Session

LOOK_SECONDS = 1.0

_OVERDUE = 2
"""Looks that find a statement unanswered before the server is asked about it."""

_DENIALS = 2
"""How often in succession the server must not work on it: its answer may be on the way."""

_LEFT_ALONE = 5
"""Looks that a statement on which the server works is left alone."""

_ASKING_SECONDS = 2.0


class Server:
    """Asked over a connection that is new each time. Methods raise DriverError, TimeoutError."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def working_for(self, sessions: Collection[Session]) -> Set[Session]:
        """Those of them for which it works, rather than wait for us."""
        pids = [session.backend.pid for session in sessions if session.backend is not None]
        async with self._connected() as raw:
            rows = await raw.fetch(
                "SELECT pid, backend_start FROM pg_stat_activity"
                " WHERE pid = ANY($1::int[]) AND wait_event_type IS DISTINCT FROM 'Client'",
                pids,
            )
        backends = {Backend(*row) for row in rows}
        return {session for session in sessions if session.backend in backends}

    async def end(self, backends: Collection[Backend]) -> None:
        """End those that there are still."""
        async with self._connected() as raw:
            await raw.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (pid, backend_start)"
                " IN (SELECT * FROM unnest($1::int[], $2::timestamptz[]))",
                [backend.pid for backend in backends],
                [backend.started for backend in backends],
            )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[RawConnection]:
        async with asyncio.timeout(_ASKING_SECONDS):
            raw = await self._connector.open()
            try:
                yield raw
            except FAILURES as error:
                raise translate(error) from error
            finally:
                raw.terminate()


class Abandoned:
    """Sessions that we gave up, and that the server is to end as soon as it can be reached."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._backends: set[Backend] = set()
        self._ending: asyncio.Task[None] | None = None

    def add(self, backend: Backend) -> None:
        self._backends.add(backend)
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def close(self) -> None:
        """May be called more than once."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.wait([self._ending])

    async def _end(self) -> None:
        while self._backends:
            backends = frozenset(self._backends)
            try:
                await self._server.end(backends)
            except (DriverError, TimeoutError):
                await asyncio.sleep(LOOK_SECONDS)
            else:
                self._backends -= backends
        self._ending = None


@dataclass(slots=True)
class _Wait:
    """For the answer to one statement."""

    statement: int
    looks: int = 0
    denials: int = 0


class Watch:
    """Looks after the sessions in `busy` as long as there are any; `found` is called with each
    that is silent."""

    def __init__(
        self, server: Server, busy: Set[Session], found: Callable[[Session], None]
    ) -> None:
        self._server = server
        self._busy = busy
        self._found = found
        self._waits: dict[Session, _Wait] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """There are busy sessions. It may have begun."""
        # Looks are counted, not seconds: a process that was stopped for a while has not read yet
        # what came meanwhile.
        if self._timer is None and self._asking is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    async def close(self) -> None:
        """May be called more than once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def _look(self) -> None:
        self._timer = None
        before, self._waits = self._waits, {}
        for session in self._busy:
            statement = session.unanswered
            if statement is not None:
                wait = before.get(session)
                if wait is None or wait.statement != statement:
                    wait = _Wait(statement)
                wait.looks += 1
                self._waits[session] = wait
        overdue = [session for session, wait in self._waits.items() if wait.looks > _OVERDUE]
        if overdue:
            self._asking = asyncio.get_running_loop().create_task(self._ask(overdue))
            self._asking.add_done_callback(self._asked)
        elif self._busy:
            self.begin()

    async def _ask(self, overdue: Collection[Session]) -> None:
        for session in await self._without_server(overdue):
            wait = self._waits[session]
            if session.unanswered == wait.statement:
                wait.denials += 1
                if wait.denials == _DENIALS:
                    self._found(session)

    async def _without_server(self, overdue: Collection[Session]) -> Collection[Session]:
        """Those for which the server does not work."""
        try:
            working = await self._server.working_for(overdue)
        except TimeoutError:
            return overdue
        except DriverError as error:
            # One that refuses us, as it has too many connections, may well work for the others.
            return overdue if error.kind == "DatabaseNotReachable" else ()
        for session in working:
            self._waits[session] = _Wait(self._waits[session].statement, _OVERDUE - _LEFT_ALONE)
        return [session for session in overdue if session not in working]

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if self._busy and not task.cancelled():
            self.begin()
