"""Who has read what, in the change log: rows of kind `read`, written beside the requests.

A read never waits for them. Where they come faster than they can be written, some are lost; a row
with the action `lost` then says how many.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

from prisma.errors import PrismaError

from backend.core.caller import actor
from backend.core.logs import request_id
from backend.engine import now
from backend.records import Conditions, DatabaseService

logger = logging.getLogger(__name__)

READ = "read"
MOST_WAITING = 10_000

_DELAY_SECONDS = 1.0
_WRITTEN_AT_ONCE = 100


class _Read(NamedTuple):
    at: object
    actor: str
    action: str
    request_id: str | None
    name: str


class ReadLog:
    def __init__(self, database: DatabaseService) -> None:
        self._database = database
        self._waiting: list[_Read] = []
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        database.before_disconnect(self.stop)

    def note(self, path: str) -> None:
        """This path was read by the request that runs."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(_Read(now(), actor.get(), READ, request_id.get(), path))
        if self._timer is None and self._task is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_DELAY_SECONDS, self._write_soon)

    async def stop(self) -> None:
        """Write what waits. May be called more than once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._waiting:
            await self._write_all()

    def _write_soon(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting or self._lost:
                reads, lost = self._waiting[:_WRITTEN_AT_ONCE], 0
                if self._lost:
                    lost, self._lost = self._lost, 0
                    logger.warning("%d reads are not in the change log: too many at once", lost)
                    reads = [*reads, _Read(now(), actor.get(), "lost", None, f"{lost} reads")]
                del self._waiting[:_WRITTEN_AT_ONCE]
                await self._write(reads)
        finally:
            self._task = None

    async def _write(self, reads: Sequence[_Read]) -> None:
        query = Conditions(self._database.provider)
        rows = ", ".join(
            f"({', '.join(query.bind(value) for value in read)}, '{READ}')" for read in reads
        )
        try:
            await self._database.client.execute_raw(
                f"INSERT INTO change_log (at, actor, action, request_id, name, kind) VALUES {rows}",
                *query.args,
            )
        except PrismaError as error:
            logger.warning("%d reads are not in the change log: %s", len(reads), error)
