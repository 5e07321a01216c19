"""The records that filters name, streamed: as they were at one moment, the oldest first.

Two pages of them are in memory at a time: the next is read while whoever asked takes this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager

from backend.core.errors import RETRY_SOON, FieldError, InvalidRequest, ServiceError
from backend.records import DatabaseService, Filters, RecordJson, Snapshot, snapshot_of
from backend.transfer.forms import FORMS, ExportFormat, Form, records_among

AT_ONCE = 4
"""Exports, of this process: each holds a snapshot of the database."""
_PART_BYTES = 256 * 1024
"""Of records that are written in one go: a millisecond, and others have their turn."""


_NOTHING: RecordJson = {"description": "", "segments": []}


class TooManyExports(ServiceError):
    status = 429
    kind = "too-many-exports"
    title = "Too many exports"
    headers = RETRY_SOON

    def __init__(self) -> None:
        super().__init__(f"{AT_ONCE} exports are running. Ask again when one has ended.")


class ExportService:
    """`guards_csv`: CSV has nothing in it that a spreadsheet runs."""

    def __init__(self, database: DatabaseService, *, guards_csv: bool = True) -> None:
        self._reader = database.reader
        self._guards_csv = guards_csv
        self._running = 0

    @asynccontextmanager
    async def export(
        self,
        filters: Filters,
        format_: ExportFormat,
        note: Callable[[int], None] = lambda _: None,
        *,
        with_history: bool = False,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The export's bytes, which can be had as long as the context lasts. `note` is told of how
        many records they are, time and again. `with_history`: before each record its changes, as
        NDJSON alone has them. Raises TooManyExports, InvalidRequest."""
        if with_history and format_ != "ndjson":
            reason = "Only NDJSON has the history of records"
            raise InvalidRequest([FieldError(("query", "with_history"), reason, "not_ndjson")])
        form = FORMS[format_].make(self._guards_csv)
        if self._running == AT_ONCE:
            raise TooManyExports
        self._running += 1
        try:
            async with (
                snapshot_of(self._reader) as records,
                aclosing(records.pages(filters)) as pages,
            ):
                told = _with_history(records, pages) if with_history else pages
                yield _written(told, form, note)
        finally:
            self._running -= 1


async def _with_history(
    snapshot: Snapshot, pages: AsyncIterator[list[RecordJson]]
) -> AsyncIterator[list[RecordJson]]:
    async for page in pages:
        async for portion in snapshot.with_changes(page):
            yield portion


async def _written(
    pages: AsyncIterator[Sequence[RecordJson]], form: Form, note: Callable[[int], None]
) -> AsyncIterator[bytes]:
    yield form.begin()
    async for page in pages:
        for part in _parts(page):
            if data := form.part(part):
                yield data
            note(records_among(part))
            await asyncio.sleep(0)
    yield form.end()


def _parts(records: Sequence[RecordJson]) -> Iterator[Sequence[RecordJson]]:
    """As many records as make _PART_BYTES, about."""
    start = size = 0
    for end, record in enumerate(records, 1):
        said = record if "description" in record else record["before"] or _NOTHING
        size += len(said["description"]) + 200 * len(said["segments"])
        if size >= _PART_BYTES:
            yield records[start:end]
            start, size = end, 0
    if start < len(records):
        yield records[start:]
