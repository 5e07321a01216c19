"""What PostgreSQL's search index puts off, done beside the requests.

Two things are cheaper for many documents at once, so triggers and index only note them: how often
each term occurs, and which documents have it. Left alone, one writer of every so many would have to
catch up with all of them, and its request would wait.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from prisma.errors import PrismaError

from backend.core.search.postgresql import UPKEEP

if TYPE_CHECKING:
    from prisma import Prisma

logger = logging.getLogger(__name__)

WRITES = 128
"""After so many there is enough to do."""
IDLE_SECONDS = 0.5
"""Or when nothing was written for so long."""


class Upkeep:
    def __init__(self, client: Prisma) -> None:
        self._client = client
        self._writes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None

    def wrote(self) -> None:
        """A record was written."""
        self._writes += 1
        if self._writes == 1:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(IDLE_SECONDS, self._when_idle, 1)
        elif self._writes == WRITES:
            self._start()

    def _when_idle(self, writes: int) -> None:
        """`writes`: how many there were when it was last looked."""
        if writes == self._writes and self._running is None:
            self._start()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(IDLE_SECONDS, self._when_idle, self._writes)

    def _start(self) -> None:
        if self._running is None:
            self._stop_timer()
            self._writes = 0
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            for statement in UPKEEP:
                await self._client.query_raw(statement)
        except PrismaError as error:
            # PostgreSQL does it in a write's own time then.
            logger.warning("The search index was not kept up: %s", error)
        finally:
            self._running = None
            if self._writes >= WRITES:
                self._start()

    async def stop(self) -> None:
        self._writes = 0
        self._stop_timer()
        running = self._running
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
