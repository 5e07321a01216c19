"""All records that filters name, as they were at one moment, whoever writes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from prisma.errors import PrismaError

from backend.core.database import translated_errors
from backend.records.filters import Filters
from backend.records.listing import page
from backend.records.past import with_changes
from backend.records.reader import Reader
from backend.records.record import RecordJson

LONGEST = timedelta(hours=1)
"""That a snapshot is held: a database keeps all that it sees."""

_AT_ONCE = 200
"""Records that are read together, fewer where they are large."""
_MOST_BYTES = 4 * 2**20
"""Of them: in memory they take some three times as much, for each snapshot."""
_BY_INDEX = "SET LOCAL enable_sort = off"
"""Each page is read from an index in its order. Of a table that was filled just now PostgreSQL
knows too little, and would sort all that is left for each page."""


class Snapshot:
    """`reader` is of a transaction that sees one moment; `pages` are shared with other readers."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def pages(self, filters: Filters) -> AsyncGenerator[list[RecordJson]]:
        """The oldest first. The next page is read while one is used."""
        reading = asyncio.create_task(self._page(filters, None))
        try:
            while True:
                records, cursor = await reading
                if cursor is not None:
                    reading = asyncio.create_task(self._page(filters, cursor))
                yield records
                if cursor is None:
                    return
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()  # nobody asks for it any more

    def with_changes(self, records: Sequence[RecordJson]) -> AsyncIterator[list[dict[str, Any]]]:
        """Of each record its changes, and then the record."""
        return with_changes(self._reader.client, self._reader.provider, records)

    @translated_errors
    async def _page(
        self, filters: Filters, cursor: str | None
    ) -> tuple[list[RecordJson], str | None]:
        async with self._reader.pages:
            found = await page(
                self._reader,
                filters,
                order="created_at",
                limit=_AT_ONCE,
                cursor=cursor,
                include_total=False,
                most_bytes=_MOST_BYTES,
            )
        return found["analyses"], found["next_cursor"]


@asynccontextmanager
async def snapshot_of(reader: Reader) -> AsyncIterator[Snapshot]:
    """Of the database that it reads, as it is now."""
    client: Any = reader.client
    transaction = client.tx(isolation_level="SNAPSHOT", timeout=LONGEST)
    reading = Reader(await translated_errors(transaction.start)(), reader.provider)
    reading.pages = reader.pages
    try:
        if reader.provider == "postgresql":
            await translated_errors(reading.client.execute_raw)(_BY_INDEX)
        yield Snapshot(reading)
    finally:
        with contextlib.suppress(PrismaError):  # its time is over, or the database is away
            await transaction.rollback()
