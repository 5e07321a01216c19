"""The search index, brought up to what the records noted.

A write only notes, in its own transaction, which videos it changed (search_tray; see the migration
`search_tray`). The index takes them in many at a time, which costs a fraction of taking in each by
itself: beside the requests, after some writes or when nothing more is written, and before a search
is answered, so that it finds what was written before it. What is noted is taken in, and the note
removed, by one transaction; whoever dies on the way leaves both as they were.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prisma import Prisma

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
"""Take in when nothing was written for so long, or after ENOUGH writes (see sqlite.py)."""


class Upkeep:
    """`sql` is the module of the client's database: sqlite.py or postgresql.py."""

    def __init__(self, client: Prisma, sql: ModuleType) -> None:
        self._client = client
        self._sql = sql
        self._writes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        """Begins when the one that is running has ended."""
        self._settling: asyncio.Task[None] | None = None

    async def waiting(self) -> int:
        """How many notes there are."""
        row: Any = await self._client.query_first(self._sql.WAITING)
        return int(row["waiting"])

    async def catch_up(self) -> None:
        """When this returns, the index holds all that was committed before it was called."""
        if await self.waiting():
            # Shared with others, who want it still when this caller has left.
            await asyncio.shield(self._take_in_soon())

    def wrote(self) -> None:
        """A record was written, or may have been."""
        self._writes += 1
        if self._writes % self._sql.ENOUGH == 0:
            self._take_in_soon().add_done_callback(_say_if_failed)
        if self._timer is None:
            self._look_later()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tasks = [task for task in (self._settling, self._running, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(IDLE_SECONDS, self._look, self._writes)

    def _look(self, writes: int) -> None:
        """`writes`: how many there were when it was last looked."""
        if writes == self._writes:
            self._timer = None
            self._settling = asyncio.get_running_loop().create_task(self._settle())
            self._settling.add_done_callback(_say_if_failed)
        else:
            self._look_later()

    async def _settle(self) -> None:
        await self.catch_up()
        await self._sql.tidy(self._client)

    def _take_in_soon(self) -> asyncio.Task[None]:
        """One that has not begun: what is running may not see what was written just now."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._take_in(self._running))
        return self._next

    async def _take_in(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        for _ in range(math.ceil(await self.waiting() / self._sql.MOST_TAKEN)):
            await self._run(self._sql.TAKE_IN)

    async def _run(self, statements: Sequence[str]) -> None:
        """As one transaction."""
        if len(statements) == 1:
            await self._client.execute_raw(statements[0])
            return
        batch = self._client.batch_()
        for statement in statements:
            batch.execute_raw(statement)
        await batch.commit()


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("The search index was not kept up: %s", error)
