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
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from prisma.errors import DataError, ForeignKeyViolationError, UniqueViolationError

from backend.core.database import is_deadlock
from backend.core.errors import DatabaseUnavailable, InvalidRequest, ServiceError
from backend.core.owners import owned
from backend.engine import cuid, insert, now
from backend.models.schemas import (
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisPatch,
)
from backend.models.sources import Source
from backend.records import record as records
from backend.records.errors import VersionsExist, VideoAnalysisExists
from backend.records.filter_sql import Conditions
from backend.records.filters import Filters
from backend.records.inserts import NewRecord, rows_of
from backend.records.merging import merge
from backend.records.past import Past, take_over
from backend.records.quotas import Quotas
from backend.records.reader import Reader
from backend.records.renames import PEOPLE, TAGS
from backend.records.rows import (
    Changes,
    Update,
    changed_record,
    changes_of,
    make_names,
)
from backend.records.updates import update_records
from backend.records.versions import (
    ChangedMeanwhile,
    Expected,
    Known,
    delete_those,
    known_versions,
    those_videos,
)

if TYPE_CHECKING:
    from prisma import Prisma

T = TypeVar("T")

IMPORT = Source(kind="import")

Mode = Literal["create", "upsert", "replace", "skip"]
"""What becomes of a video that has a record: refused, changed, replaced, left alone."""
Status = Literal["created", "updated", "unchanged", "skipped", "failed"]

_ATTEMPTS = 20
_MAX_WAIT = timedelta(seconds=30)
_TIMEOUT = timedelta(minutes=2)
_LONGEST = timedelta(hours=2)
"""Of a transaction that holds all records of an import."""
_NAMED = {TAGS.field, PEOPLE.field}
_WORTH_A_TURN = 20
"""Records that are looked at before others have their turn: of large ones, a millisecond."""


class Given(NamedTuple):
    """What is to be written of a video. `patch`: with the mode upsert, where there is a record.
    `entry`: of the search index, where it is made of `create` already."""

    video_id: str
    create: VideoAnalysisCreate | InvalidRequest
    patch: VideoAnalysisPatch | None = None
    entry: str | None = None
    past: Past | None = None
    """To be taken over with the record."""


class Outcome(NamedTuple):
    status: Status
    error: ServiceError | None = None


Committing = Callable[["Prisma", Sequence[Outcome]], Awaitable[None]]
"""Joins a transaction at its end: what became of those that are given, so far."""
Deleting = Callable[["Prisma", Any], Awaitable[None]]
"""The same of a deletion: what it answers, as JSON."""


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

    async def delete(self, video_ids: Sequence[str], committing: Deleting) -> set[str]:
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
            if not found or not await delete_those(transaction, self._provider, narrow):
                return False
            await committing(transaction, sorted(found))
            return True

        await self._until_done(work)
        return found

    async def delete_matching(self, filters: Filters, confirmed: int, committing: Deleting) -> int:
        """How many records `filters` name. They are deleted if it is as many as `confirmed`."""
        deleted = 0

        async def work(transaction: Prisma) -> bool:
            nonlocal deleted
            deleted = await delete_those(
                transaction, self._provider, lambda query: query.add(filters)
            )
            if deleted != confirmed:
                return False
            await committing(transaction, deleted)
            return True

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
        self._creates: list[NewRecord] = []
        """To be inserted."""
        self._updates: list[Update] = []
        """To be written."""
        self._pending: set[str] = set()
        """The videos that these are of."""

    async def write(self, given: Sequence[Given]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while len(outcomes) < len(given):
            outcomes += await self._write_part(given[len(outcomes) :])
        return outcomes

    async def _write_part(self, given: Sequence[Given]) -> list[Outcome]:
        """As many of them, from the first on, as have stored records that fit in memory."""
        self._moment = now()
        ids = list(dict.fromkeys([each.video_id for each in given]))
        known = await known_versions(self._transaction, self._provider, ids)
        stored: dict[str, VideoAnalysis | NewRecord | None] = {
            id_: None for id_, version in known.items() if version.is_stored
        }
        if stored and self._mode in ("upsert", "replace"):
            there = list(stored)
            found, read = await self._reader.by_video_ids(there)
            async for id_ in _in_turns(found):
                stored[id_] = records.record_of(found[id_])
            if read < len(there):
                unread = set(there[read:])
                given = list(takewhile(lambda each: each.video_id not in unread, given))
        outcomes: list[Outcome] = []
        async for each in _in_turns(given):
            try:
                outcomes.append(Outcome(await self._write_one(each, stored, known)))
            except ServiceError as error:
                outcomes.append(Outcome("failed", error))
        await self._flush()
        return outcomes

    async def _write_one(
        self,
        given: Given,
        stored: dict[str, VideoAnalysis | NewRecord | None],
        known: Mapping[str, Known],
    ) -> Status:
        """`stored`: what there is of each video by now; None: it need not be known."""
        id_ = given.video_id
        if id_ not in stored:
            if isinstance(given.create, InvalidRequest):
                raise given.create
            if given.past is not None:
                if id_ in known:
                    raise VersionsExist(id_)
                await self._take_over(given.past)
                stored[id_] = None
                return "created"
            version = known[id_].last + 1 if id_ in known else 1
            source = given.create.source or IMPORT
            new = NewRecord(given.create, source, cuid(), version, self._moment, given.entry)
            self._creates.append(new)
            self._pending.add(id_)
            stored[id_] = new
            return "created"
        if self._mode == "create":
            raise VideoAnalysisExists(id_)
        if self._mode == "skip":
            return "skipped"
        read = stored[id_]
        if isinstance(read, NewRecord):
            read = read.stored()
        assert read is not None
        stored[id_] = changed = await self._change(given, read) or read
        return "unchanged" if changed is read else "updated"

    async def _take_over(self, past: Past) -> None:
        await self._flush()
        await make_names(self._transaction, self._provider, [past.analysis])
        await take_over(self._transaction, self._provider, past)

    async def _change(self, given: Given, read: VideoAnalysis) -> VideoAnalysis | None:
        """None: it says nothing new."""
        changes, source = _changes(given, read)
        if all(getattr(read, field) == value for field, value in changes.items()):
            return None
        if read.video_id in self._pending:
            await self._flush()
        update = await changed_record(
            read, changes, source or IMPORT, override_human=self._override_human
        )
        self._updates.append(update)
        self._pending.add(read.video_id)
        return update.record

    async def _flush(self) -> None:
        """Write what is to be inserted, and then what is to be changed."""
        creates, self._creates = self._creates, []
        updates, self._updates = self._updates, []
        self._pending.clear()
        named: list[records.Described] = [new.analysis for new in creates]
        named += [u.record for u in updates if not _NAMED.isdisjoint(u.relations)]
        await make_names(self._transaction, self._provider, named)
        if creates:
            await insert(self._transaction, await asyncio.to_thread(rows_of, creates))
        if updates and not await update_records(self._transaction, self._provider, updates):
            raise ChangedMeanwhile


async def _in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    for number, each in enumerate(items):
        if number % _WORTH_A_TURN == 0:
            await asyncio.sleep(0)
        yield each


def _changes(given: Given, read: VideoAnalysis) -> tuple[Changes, Source | None]:
    """Of the record, and where they come from."""
    if given.patch is not None:
        return changes_of(given.patch, read), given.patch.source
    if isinstance(given.create, InvalidRequest):
        raise given.create
    said = {field: getattr(given.create, field) for field in records.FIELDS}
    return said, given.create.source
