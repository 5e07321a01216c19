"""Writing records: the row, its relations and its entry of the search index, all or nothing.

The rows themselves are made in rows.py. The index's entry is kept in the row's `searchTerms`, from
where the index takes it in later (see search/indexer.py). It is made of all of a record's words, so
whoever changes a record must have read it first: a change applies only to the version that was
read, and is made anew where another came between. (A description of which nothing else is said
needs no reading: descriptions.py.) The database's own triggers write the change log
(see the migration `change_log`), of which the row's `written` tells whose change it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from prisma.errors import DataError, ForeignKeyViolationError, UniqueViolationError

from backend.core.database import is_deadlock
from backend.core.errors import DatabaseUnavailable
from backend.engine import cuid, now
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate, in_milliseconds
from backend.models.sources import HUMAN, Source
from backend.records import record as records
from backend.records.batches import BatchedCreates
from backend.records.descriptions import (
    BatchedDescriptions,
    answer_of,
    new_description,
    read_description,
)
from backend.records.errors import VersionMismatch, VideoAnalysisExists, VideoAnalysisNotFound
from backend.records.once import Outcomes, current
from backend.records.quotas import Quotas
from backend.records.reader import Reader
from backend.records.renames import (
    PEOPLE,
    TAGS,
    Kind,
    Renames,
    Replacement,
    last_renamed_to,
    replace,
)
from backend.records.rows import (
    Changes,
    Create,
    Update,
    changed_record,
    insert_record,
    new_record,
    update_record,
)
from backend.records.sources import Sources, sources_of_new
from backend.records.versions import Expected, delete_version, last_version

if TYPE_CHECKING:
    from prisma import Prisma

T = TypeVar("T")

ATTEMPTS = 60
_NAMING_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Delete:
    video_id: str
    version: int | None
    """Only this one."""


Mutation = Create | Update | Delete
"""Of one record; a Replacement changes all that have a name."""


class Writer:
    """Writes what `reader` reads. `on_write` is called after each change."""

    def __init__(
        self,
        reader: Reader,
        outcomes: Outcomes,
        quotas: Quotas,
        on_write: Callable[[], None],
    ) -> None:
        self.client = reader.client
        self._reader = reader
        self._outcomes = outcomes
        self._quotas = quotas
        self._on_write = on_write
        self._creates = BatchedCreates(self.client.videoanalysis)
        self._descriptions = BatchedDescriptions(self.client, reader.provider)
        self._renames = Renames()

    async def create(self, analysis: VideoAnalysisCreate) -> records.RecordJson:
        """The record as it is answered. Raises VideoAnalysisExists."""
        moment = now()
        sources: Sources = {}
        if analysis.source is not None:
            sources = sources_of_new(analysis, analysis.source, in_milliseconds(moment))
        return await self._create_record(analysis, cuid(), moment, moment, sources)

    async def _create_again(self, record: VideoAnalysis) -> records.RecordJson:
        """One that was deleted."""
        said = {field: getattr(record, field) for field in records.FIELDS}
        analysis = VideoAnalysisCreate.model_construct(video_id=record.video_id, **said)
        return await self._create_record(
            analysis, record.id, record.created_at, now(), record.sources, action="restore"
        )

    async def _create_record(
        self,
        analysis: VideoAnalysisCreate,
        id_: str,
        created_at: datetime,
        moment: datetime,
        sources: Sources,
        *,
        action: str | None = None,
    ) -> records.RecordJson:
        started, version = monotonic(), 1
        for attempt in range(_NAMING_ATTEMPTS):
            names = await self._names(analysis.__dict__, started, tried=attempt > 0)
            if names:
                analysis = analysis.model_copy(update=names)
            create = await new_record(
                analysis,
                id_=id_,
                version=version,
                created_at=created_at,
                moment=moment,
                sources=sources,
                action=action,
            )
            try:
                await self.write(create)
            except UniqueViolationError as error:
                last = await last_version(self.client, self._reader.provider, analysis.video_id)
                if last < version or await self._reader.version(analysis.video_id) is not None:
                    raise VideoAnalysisExists(analysis.video_id) from error
                version = last + 1  # it was deleted, and goes on
            except ForeignKeyViolationError:
                if not names or attempt == _NAMING_ATTEMPTS - 1:
                    raise
                # One of its names was renamed or deleted just now.
            else:
                return create.answer
        raise DatabaseUnavailable("Too many others change this video. Try again shortly.")

    async def describe(
        self,
        video_id: str,
        description: str,
        *,
        expected: Expected | None = None,
        source: Source | None = None,
        override_human: bool = False,
    ) -> records.RecordJson:
        """Replace the description of a record. Raises what `change` raises."""
        version = 0 if expected is None else expected.only
        if version is not None and current.get() is None:
            new = await new_description(
                video_id,
                description,
                source or HUMAN,
                version=version,
                override_human=override_human,
            )
            written = await self._within_quotas(lambda: self._descriptions.write(new))
            if written is not None:
                return answer_of(new, written)
        changed = await self.change(
            video_id,
            lambda _: {"description": description},
            expected=expected,
            source=source,
            override_human=override_human,
        )
        return records.stored_record_json(changed)

    async def change(
        self,
        video_id: str,
        edit: Callable[[VideoAnalysis], Changes],
        *,
        expected: Expected | None = None,
        source: Source | None = None,
        override_human: bool = False,
        action: str | None = None,
    ) -> VideoAnalysis:
        """Read a record, ask `edit` what to change, and write that. `edit` may say where each value
        came from, as `sources`; else `source` does.

        Raises VideoAnalysisNotFound, VersionMismatch, HumanValue."""
        started = monotonic()
        for attempt in range(ATTEMPTS):
            found = await self._reader.find(video_id)
            if found is None:
                raise VideoAnalysisNotFound(video_id)
            read = records.record_of(found)
            if expected is not None and not expected.allows(read.version):
                raise VersionMismatch(video_id, read.version)
            changes = edit(read)
            names = await self._names(changes, started, tried=attempt > 0)
            changes = {**changes, **names}
            update = await changed_record(
                read, changes, source or HUMAN, override_human=override_human, action=action
            )
            try:
                if await self.write(update):
                    return update.record
            except DataError as error:
                if not names or not _comes_from_a_rename(error) or attempt >= _NAMING_ATTEMPTS:
                    raise
            await asyncio.sleep(random.uniform(0, 0.002) * min(attempt, 10))
        raise DatabaseUnavailable("Too many others change this video. Try again shortly.")

    async def restore(
        self, record: VideoAnalysis, *, expected: Expected | None = None
    ) -> records.RecordJson:
        """A new version that says what this one says; where there is no record, it is there again.
        Raises VersionMismatch."""
        said = {field: getattr(record, field) for field in (*records.FIELDS, "sources")}
        for _ in range(_NAMING_ATTEMPTS):
            try:
                changed = await self.change(
                    record.video_id, lambda _: said, expected=expected, action="restore"
                )
                return records.stored_record_json(changed)
            except VideoAnalysisNotFound:
                if expected is not None:
                    raise VersionMismatch(record.video_id, None) from None
            with contextlib.suppress(VideoAnalysisExists):
                return await self._create_again(record)
        raise DatabaseUnavailable("Too many others change this video. Try again shortly.")

    async def delete(self, video_id: str, *, expected: Expected | None = None) -> None:
        """Raises VideoAnalysisNotFound, VersionMismatch."""
        for attempt in range(ATTEMPTS):
            version = None
            if expected is not None:
                version = await self._reader.version(video_id)
                if version is None:
                    raise VideoAnalysisNotFound(video_id)
                if not expected.allows(version):
                    raise VersionMismatch(video_id, version)
            if await self.write(Delete(video_id, version)):
                return
            if expected is None:
                raise VideoAnalysisNotFound(video_id)
            await asyncio.sleep(random.uniform(0, 0.002) * min(attempt, 10))
        raise DatabaseUnavailable("Too many others change this video. Try again shortly.")

    async def replace(self, replacement: Replacement) -> int:
        """How many videos have the new name then. Raises NameNotFound, NameExists."""
        async with self._renames.running(replacement):
            for attempt in range(ATTEMPTS):
                try:
                    found = await replace(
                        self.client, self._reader.provider, replacement, self._store_replaced
                    )
                except DataError as error:
                    if not is_deadlock(error) or attempt == ATTEMPTS - 1:
                        raise
                else:
                    break
        self._on_write()
        return found

    async def _store_replaced(
        self, transaction: Prisma, replacement: Replacement, found: int
    ) -> None:
        new = replacement.new
        done = None if new is None else {"name": new, "count": found}
        await self._outcomes.store_current(transaction, done)

    async def write(self, mutation: Mutation) -> bool:
        """Whether there was such a record, and it is changed now. All changes of one record pass
        here.

        Those that come at the same time and that one statement can write share it (batches.py).
        Raises QuotaExceeded, and what the client raises."""
        return await self._within_quotas(lambda: self._apply(mutation))

    async def _within_quotas(self, write: Callable[[], Awaitable[T]]) -> T:
        await self._quotas.before_write()
        try:
            done = await write()
        except DataError as error:
            refusal = await self._quotas.refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        self._on_write()
        return done

    async def _apply(self, mutation: Mutation) -> bool:
        match mutation:
            case Create():
                await self._create(mutation)
                return True
            case Update():
                return await self._update(mutation)
            case Delete():
                return await self._delete(mutation)

    async def _create(self, mutation: Create) -> None:
        row, once = mutation.row, current.get()
        if not row["hasRelations"] and once is None:
            await self._creates.create(row)
            return
        if once is None:
            await insert_record(self.client, mutation)
            return
        async with self.client.tx() as transaction:
            await insert_record(transaction, mutation)
            await self._outcomes.store(once, {"done": mutation.answer}, transaction)

    async def _delete(self, mutation: Delete) -> bool:
        provider, once = self._reader.provider, current.get()
        if once is None:
            return await delete_version(self.client, provider, mutation.video_id, mutation.version)
        async with self.client.tx() as transaction:
            done = await delete_version(transaction, provider, mutation.video_id, mutation.version)
            if done:
                await self._outcomes.store(once, {"done": None}, transaction)
        return done

    async def _update(self, mutation: Update) -> bool:
        columns, where, changes = mutation.columns, mutation.where, mutation.changes
        once = current.get()
        if once is None and not mutation.relations:
            if changes.keys() == {"description", "sources"}:
                done = await self._descriptions.write(read_description(mutation))
                if done is not None:
                    return True
            # It also waits for who holds the record.
            return await self.client.videoanalysis.update_many(columns, where) == 1

        async with self.client.tx() as transaction:
            if not await update_record(transaction, mutation):
                return False
            if once is not None:
                outcome = {"done": records.stored_record_json(mutation.record)}
                await self._outcomes.store(once, outcome, transaction)
        return True

    async def _names(
        self, values: Mapping[str, Any], since: float, *, tried: bool
    ) -> dict[str, list[str]]:
        """The tags and people of `values`, those anew that were renamed meanwhile. Each has its row
        then, for others to see. `since`: when the write was asked for (monotonic). `tried`: a name
        may be gone that was there when it was tried before."""
        named = [kind for kind in (TAGS, PEOPLE) if values.get(kind.field)]
        found: dict[str, list[str]] = {}
        for kind in named:
            names: list[str] = values[kind.field]
            while True:
                names = await self._renames.current(kind.field, names, since)
                actions = getattr(self.client, kind.model)
                missing = await _without_row(actions, names)
                new = await self._renamed_by_others(kind, missing, since, tried) if missing else {}
                if new:
                    names = list(dict.fromkeys(new.get(name, name) for name in names))
                    missing = await _without_row(actions, names)
                await _make_rows(actions, missing)
                if names == await self._renames.current(kind.field, names, since):
                    break
            found[kind.field] = names
        return found

    async def _renamed_by_others(
        self, kind: Kind, missing: Sequence[str], since: float, tried: bool
    ) -> dict[str, str]:
        """By other processes: what the names without a row have become since then."""
        earliest = None
        if not tried:
            earliest = now() - timedelta(seconds=monotonic() - since)
        return await last_renamed_to(self.client, self._reader.provider, kind, missing, earliest)


def _comes_from_a_rename(error: DataError) -> bool:
    """Of a name that the write uses: it is gone, or both waited for each other."""
    return isinstance(error, ForeignKeyViolationError) or is_deadlock(error)


async def _without_row(actions: Any, names: Iterable[str]) -> list[str]:
    """Those tags, or people, that nobody has had yet."""
    unique = sorted(set(names))
    known = {row.name for row in await actions.find_many(where={"name": {"in": unique}})}
    return [name for name in unique if name not in known]


async def _make_rows(actions: Any, missing: Iterable[str]) -> None:
    for name in missing:
        with contextlib.suppress(UniqueViolationError):  # somebody else just made it
            await actions.create({"name": name})
