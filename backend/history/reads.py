"""Who has read what, in the change log: rows of kind `read`, written beside the requests.

A read never waits for them. Where they come faster than they can be written, some are lost; a row
with the action `lost` then says how many.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from prisma.errors import PrismaError

from backend.core.caller import ALL_OWNERS, acting_for, actor, owner
from backend.core.later import Later
from backend.engine import now
from backend.records import DatabaseService, LogRow, log, log_row

logger = logging.getLogger(__name__)

READ = "read"
MOST_WAITING = 10_000

_DELAY_SECONDS = 1.0
_WRITTEN_AT_ONCE = 100


class ReadLog:
    def __init__(self, database: DatabaseService) -> None:
        self._database = database
        self._waiting: list[LogRow] = []
        self._lost: Counter[str] = Counter()
        """How many, of each owner."""
        self._writing = Later(self._write_all, seconds=_DELAY_SECONDS)
        database.before_disconnect(self._writing.stop)

    def note(self, path: str) -> None:
        """This path was read by the request that runs."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost[owner.get()] += 1
            return
        self._waiting.append(log_row(READ, path, READ))
        self._writing.ask()

    async def _write_all(self) -> None:
        while self._waiting or self._lost:
            reads = self._waiting[:_WRITTEN_AT_ONCE]
            for of, lost in self._lost.items():
                logger.warning("%d reads are not in the change log: too many at once", lost)
                reads.append(LogRow(of, now(), actor.get(), "lost", None, READ, f"{lost} reads"))
            self._lost.clear()
            del self._waiting[:_WRITTEN_AT_ONCE]
            await self._write(reads)

    async def _write(self, reads: Sequence[LogRow]) -> None:
        try:
            with acting_for(ALL_OWNERS):  # they are several owners'
                await log(self._database.client, self._database.provider, reads)
        except PrismaError as error:
            logger.warning("%d reads are not in the change log: %s", len(reads), error)
