"""Many records written by one transaction, each as if it were written by itself.

A record that is refused is told so and leaves the others alone. Rows are made as the writer makes
them (rows.py); here they are read and created by few statements. Names are taken as they are given:
one that is renamed meanwhile is there again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from prisma.errors import DataError, ForeignKeyViolationError, UniqueViolationError

from backend.core.database import is_deadlock
from backend.core.errors import DatabaseUnavailable, InvalidRequest, ServiceError
from backend.core.owners import owned
from backend.engine import cuid, now
from backend.models.schemas import (
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisPatch,
    in_milliseconds,
)
from backend.models.sources import Source
from backend.records import record as records
from backend.records.errors import VideoAnalysisExists
from backend.records.filter_sql import Conditions
from backend.records.filters import Filters
from backend.records.merging import merge
from backend.records.quotas import Quotas
from backend.records.reader import Reader
from backend.records.rows import (
    ROWS,
    Changes,
    Create,
    changed_record,
    changes_of,
    make_names,
    new_record,
    stored_by,
    update_record,
)
from backend.records.sources import sources_of_new
from backend.records.versions import (
    ChangedMeanwhile,
    Expected,
    delete_those,
    last_versions,
    those_videos,
)

if TYPE_CHECKING:
    from prisma import Prisma

IMPORT = Source(kind="import")

Mode = Literal["create", "upsert", "replace", "skip"]
"""What becomes of a video that has a record: refused, changed, replaced, left alone."""
Status = Literal["created", "updated", "unchanged", "skipped", "failed"]

_ATTEMPTS = 20
_MAX_WAIT = timedelta(seconds=30)
_TIMEOUT = timedelta(minutes=2)
_LONGEST = timedelta(hours=2)
"""Of a transaction that holds all records of an import."""
_MOST_ROWS = 16
"""Of one statement. A plan for each number of rows would push out others: powers of two."""
_MOST_RELATED = 64


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be written of a video. `patch`: with the mode upsert, where there is a record."""

    video_id: str
    create: VideoAnalysisCreate | InvalidRequest
    patch: VideoAnalysisPatch | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Status
    error: ServiceError | None = None


Committing = Callable[["Prisma", Sequence[Outcome]], Awaitable[None]]
"""Joins a transaction at its end: what became of those that are given, so far."""


class BulkWriter:
    """Writes what `reader` reads. `on_write` is called after each transaction."""

    def __init__(self, reader: Reader, quotas: Quotas, on_write: Callable[[], None]) -> None:
        self._client = reader.client
        self._provider = reader.provider
        self._quotas = quotas
        self._on_write = on_write

    async def write(
        self,
        given: Sequence[Given],
        mode: Mode,
        *,
        override_human: bool = False,
        committing: Committing | None = None,
        within: Prisma | None = None,
        done: Sequence[Outcome] = (),
    ) -> list[Outcome]:
        """In their order, by one transaction, or by several where a quota refuses some. `within`: a
        transaction that all of it joins. `done`: what became already of the first of them."""
        chosen = given[len(done) :]
        if not chosen:
            return list(done)
        await self._quotas.before_write()
        for attempt in range(_ATTEMPTS):
            try:
                async with self._unit(within) as transaction:
                    batch = _Batch(transaction, self._provider, mode, override_human)
                    outcomes = [*done, *await batch.write(chosen)]
                    if committing is not None:
                        await committing(transaction, outcomes)
            except (ChangedMeanwhile, UniqueViolationError, ForeignKeyViolationError):
                pass
            except DataError as error:
                if (refusal := await self._quotas.refusal(error)) is not None:
                    break
                if not is_deadlock(error):
                    raise
            else:
                if within is None:
                    self._on_write()
                return outcomes
            await asyncio.sleep(random.uniform(0, 0.01) * min(attempt, 10))
        else:
            raise DatabaseUnavailable("Too many others change these videos. Try again shortly.")
        if len(chosen) == 1:
            return [*done, Outcome("failed", refusal)]
        for end in (len(done) + len(chosen) // 2, len(given)):
            done = await self.write(
                given[:end],
                mode,
                override_human=override_human,
                committing=committing,
                within=within,
                done=done,
            )
        return list(done)

    async def in_one_transaction(self, work: Callable[[Prisma], Awaitable[bool]]) -> None:
        """Committed where `work` says so."""
        await self._quotas.before_write()
        try:
            async with self._client.tx(max_wait=_MAX_WAIT, timeout=_LONGEST) as transaction:
                if not await work(transaction):
                    raise _Undone
        except _Undone:
            return
        self._on_write()

    async def delete(self, video_ids: Sequence[str]) -> set[str]:
        """Those of them that there were."""
        found: set[str] = set()

        def narrow(query: Conditions) -> None:
            those_videos(query, video_ids)

        async def work(transaction: Prisma) -> bool:
            query = Conditions(self._provider)
            query.conditions.append(owned("v"))
            narrow(query)
            # In one order, so that two transactions do not wait for each other.
            lock = " ORDER BY v.video_id FOR UPDATE" if self._provider == "postgresql" else ""
            rows: Any = await transaction.query_raw(
                f"SELECT v.video_id FROM video_analysis AS v{query.where()}{lock}", *query.args
            )
            found.clear()
            found.update(row["video_id"] for row in rows)
            return bool(found) and await delete_those(transaction, self._provider, narrow) > 0

        await self._until_done(work)
        return found

    async def delete_matching(self, filters: Filters, confirmed: int) -> int:
        """How many records `filters` name. They are deleted if it is as many as `confirmed`."""
        deleted = 0

        async def work(transaction: Prisma) -> bool:
            nonlocal deleted
            deleted = await delete_those(
                transaction, self._provider, lambda query: query.add(filters)
            )
            return deleted == confirmed

        await self._until_done(work)
        return deleted

    async def merge(
        self,
        keep: str,
        others: Sequence[str],
        expected: Expected | None,
        storing: Callable[[Prisma, VideoAnalysis], Awaitable[None]],
    ) -> VideoAnalysis:
        """See merging.py. `storing` joins the transaction at its end."""
        merged: list[VideoAnalysis] = []

        async def work(transaction: Prisma) -> bool:
            merged[:] = [await merge(transaction, self._provider, keep, others, expected)]
            await storing(transaction, merged[0])
            return True

        await self._until_done(work)
        return merged[0]

    async def _until_done(self, work: Callable[[Prisma], Awaitable[bool]]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                await self.in_one_transaction(work)
            except (ChangedMeanwhile, UniqueViolationError, ForeignKeyViolationError):
                pass
            except DataError as error:
                if (refusal := await self._quotas.refusal(error)) is not None:
                    raise refusal from error
                if not is_deadlock(error):
                    raise
            else:
                return
            await asyncio.sleep(random.uniform(0, 0.01) * min(attempt, 10))
        raise DatabaseUnavailable("Too many others change these videos. Try again shortly.")

    @asynccontextmanager
    async def _unit(self, within: Prisma | None) -> AsyncIterator[Prisma]:
        if within is None:
            async with self._client.tx(max_wait=_MAX_WAIT, timeout=_TIMEOUT) as transaction:
                yield transaction
            return
        await within.execute_raw("SAVEPOINT bulk")
        try:
            yield within
        except (DataError, ChangedMeanwhile):
            await within.execute_raw("ROLLBACK TO SAVEPOINT bulk")
            raise
        await within.execute_raw("RELEASE SAVEPOINT bulk")


class _Undone(Exception):
    """What a transaction has done is not to be kept."""


class _Batch:
    """The part of a transaction that writes some records. Raises what the client raises, and
    ChangedMeanwhile."""

    def __init__(
        self, transaction: Prisma, provider: Any, mode: Mode, override_human: bool
    ) -> None:
        self._transaction = transaction
        self._provider = provider
        self._mode = mode
        self._override_human = override_human
        self._reader = Reader(transaction, provider)
        self._creates: list[Create] = []
        """To be inserted."""

    async def write(self, given: Sequence[Given]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while len(outcomes) < len(given):
            rest = given[len(outcomes) :]
            ids = list(dict.fromkeys(each.video_id for each in rest))
            found, read = await self._reader.by_video_ids(ids)
            stored = {id_: records.record_of(answer) for id_, answer in found.items()}
            outcomes += await self._write_part(list(_of_videos(rest, set(ids[:read]))), stored)
        return outcomes

    async def _write_part(
        self, given: Sequence[Given], found: dict[str, VideoAnalysis]
    ) -> list[Outcome]:
        new = [each.video_id for each in given if each.video_id not in found]
        last = await last_versions(self._transaction, self._provider, new) if new else {}
        outcomes = []
        for each in given:
            read = found.get(each.video_id)
            try:
                if read is None:
                    found[each.video_id] = await self._create(each, last.get(each.video_id, 0) + 1)
                    status: Status = "created"
                elif self._mode == "create":
                    raise VideoAnalysisExists(each.video_id)
                elif self._mode == "skip":
                    status = "skipped"
                else:
                    changed = await self._change(each, read)
                    found[each.video_id] = changed or read
                    status = "updated" if changed else "unchanged"
            except ServiceError as error:
                outcomes.append(Outcome("failed", error))
            else:
                outcomes.append(Outcome(status))
        await self._insert()
        return outcomes

    async def _create(self, given: Given, version: int) -> VideoAnalysis:
        analysis = given.create
        if isinstance(analysis, InvalidRequest):
            raise analysis
        moment = now()
        source = analysis.source or IMPORT
        create = await new_record(
            analysis,
            id_=cuid(),
            version=version,
            created_at=moment,
            moment=moment,
            sources=sources_of_new(analysis, source, in_milliseconds(moment)),
        )
        self._creates.append(create)
        return stored_by(create)

    async def _change(self, given: Given, read: VideoAnalysis) -> VideoAnalysis | None:
        """None: it says nothing new."""
        changes, source = _changes(given, read)
        if all(getattr(read, field) == value for field, value in changes.items()):
            return None
        update = await changed_record(
            read, changes, source or IMPORT, override_human=self._override_human
        )
        await self._insert()  # it may be one of them
        await make_names(self._transaction, self._provider, [update.record])
        if not await update_record(self._transaction, update):
            raise ChangedMeanwhile
        return update.record

    async def _insert(self) -> None:
        creates, self._creates = self._creates, []
        if not creates:
            return
        made = [stored_by(create) for create in creates]
        await make_names(self._transaction, self._provider, made)
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for create in creates:
            row = {name: value for name, value in create.row.items() if value is not None}
            by_columns.setdefault(tuple(row), []).append(row)
        for rows in by_columns.values():
            await _create_many(self._transaction.videoanalysis, rows, _MOST_ROWS)
        for actions, rows_of in ROWS.values():
            related = [row for record in made for row in rows_of(record)]
            await _create_many(actions(self._transaction), related, _MOST_RELATED)


def _of_videos(given: Iterable[Given], video_ids: Collection[str]) -> Iterator[Given]:
    """Up to the first that is of none of these."""
    return takewhile(lambda each: each.video_id in video_ids, given)


def _changes(given: Given, read: VideoAnalysis) -> tuple[Changes, Source | None]:
    """Of the record, and where they come from."""
    if given.patch is not None:
        return changes_of(given.patch, read), given.patch.source
    if isinstance(given.create, InvalidRequest):
        raise given.create
    said = {field: getattr(given.create, field) for field in records.FIELDS}
    return said, given.create.source


async def _create_many(actions: Any, rows: Sequence[Any], most: int) -> None:
    while rows:
        count = min(1 << (len(rows).bit_length() - 1), most)
        await actions.create_many(rows[:count])
        rows = rows[count:]
