"""The search index, brought up to date with the records.

A write puts the video_ids that it changed into a queue (search_queue), by triggers, in its own
transaction. The index applies many entries at a time, which costs a fraction of applying each by
itself: beside the requests, after some writes or when nothing more is written, and before a search
is answered, so that it finds what was written before it. Entries are applied and removed by one
transaction; a process that dies on the way leaves both as they were. Where a write has marked a
record's entry as one to be made anew, that is done first. Each owner has an index of its own.
"""

from __future__ import annotations

import asyncio
import logging
from types import ModuleType
from typing import Any

from backend.core.caller import ALL_OWNERS, acting_for, owner
from backend.core.growth import analyze_grown_tables
from backend.records import Reader
from backend.search.changes import apply_some
from backend.search.entries import make_marked_entries
from backend.search.merging import merge_what_is_due

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
"""The queue is applied when nothing was written for so long, or after APPLY_AFTER writes (see
sqlite.py)."""


_MOST_IDLE = 256
_WAITING = "SELECT DISTINCT owner FROM search_queue LIMIT 1000"
_TOTALS = """
    SELECT (SELECT count(*) FROM search_queue)
        + (SELECT count(*) FROM video_analysis WHERE search_terms = '') AS waiting,
        (SELECT coalesce(sum(documents), 0) FROM search_total) AS documents,
        (SELECT count(*) FROM video_analysis) AS records
"""


class Indexers:
    """The index of each owner. `sql` is the module of the reader's database: sqlite.py or
    postgresql.py."""

    def __init__(self, reader: Reader, sql: ModuleType) -> None:
        self._reader = reader
        self._sql = sql
        self._each: dict[str, Indexer] = {}

    def own(self) -> Indexer:
        """Of the owner who is acted for."""
        name = owner.get()
        found = self._each.get(name)
        if found is None:
            if len(self._each) >= _MOST_IDLE:
                self._each = {of: one for of, one in self._each.items() if one.is_busy}
            found = self._each[name] = Indexer(self._reader, self._sql)
        return found

    def record_written(self) -> None:
        """A record of this owner was written, or may have been."""
        self.own().record_written()

    async def is_behind(self) -> bool:
        """Whether there are fewer entries than records, those counted that are still in the queue.
        What others left there is applied soon."""
        client = self._reader.client
        with acting_for(ALL_OWNERS):
            waiting: Any = await client.query_raw(_WAITING)
            totals: Any = await client.query_first(_TOTALS)
        for row in waiting:
            with acting_for(row["owner"]):
                self.record_written()
        return int(totals["documents"]) + int(totals["waiting"]) < int(totals["records"])

    async def stop(self) -> None:
        for one in self._each.values():
            await one.stop()


class Indexer:
    """Of one owner. What it does later is done for the owner for whom it was called."""

    def __init__(self, reader: Reader, sql: ModuleType) -> None:
        self._reader = reader
        self._client = reader.client
        self._sql = sql
        self._writes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        """Begins when the one that is running has ended."""
        self._settling: asyncio.Task[None] | None = None
        self._merging: asyncio.Task[None] | None = None

    async def pending(self) -> int:
        """How many entries the queue has."""
        row: Any = await self._client.query_first(self._sql.PENDING)
        return int(row["pending"])

    async def catch_up(self) -> None:
        """When this returns, the index holds all that was committed before it was called."""
        if await self.pending():
            # Shared with others, who want it still when this caller has left.
            await asyncio.shield(self._apply_soon())

    @property
    def is_busy(self) -> bool:
        tasks = (self._settling, self._running, self._next, self._merging)
        return self._timer is not None or any(task and not task.done() for task in tasks)

    def record_written(self) -> None:
        """A record was written, or may have been."""
        self._writes += 1
        if self._writes % self._sql.APPLY_AFTER == 0:
            self._apply_soon().add_done_callback(_say_if_failed)
        if self._timer is None:
            self._look_later()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        each = (self._settling, self._running, self._next, self._merging)
        tasks = [task for task in each if task is not None]
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
            self._settling = asyncio.get_running_loop().create_task(self.catch_up())
            self._settling.add_done_callback(_say_if_failed)
        else:
            self._look_later()

    def _apply_soon(self) -> asyncio.Task[None]:
        """One that has not begun: what is running may not see what was written just now."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._apply(self._running))
        return self._next

    async def _apply(self, running: asyncio.Task[None] | None) -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._next = self._next, None
        await make_marked_entries(self._reader, self._sql)
        while await apply_some(self._client, self._sql):
            await analyze_grown_tables(self._client, self._reader.provider)
        self._merge_soon()

    def _merge_soon(self) -> None:
        """Beside all else: nobody waits for it."""
        if self._merging is None or self._merging.done():
            merging = merge_what_is_due(self._client, self._sql)
            self._merging = asyncio.get_running_loop().create_task(merging)
            self._merging.add_done_callback(_say_if_failed)


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("The search index was not kept up: %s", error)
