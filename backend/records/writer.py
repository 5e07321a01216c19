"""Writing records: the row, its relations and its entry of the search index, all or nothing.

The index's entry is kept in the row's `searchTerms`, from where the index takes it in later (see
search/upkeep.py). It is made of all of a record's words, so whoever changes a record must have
read it first: a change applies only to the record as it was read, told by its `updatedAt`, which
grows with every change, and is made anew where another came between.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from prisma.errors import ForeignKeyViolationError, UniqueViolationError

from backend.core.errors import DatabaseUnavailable, VideoAnalysisExists, VideoAnalysisNotFound
from backend.engine import cuid, now
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate
from backend.records import record as records
from backend.records.batches import GatheredCreates, GatheredUpdates, Update
from backend.records.reader import Reader

if TYPE_CHECKING:
    from prisma import Prisma

T = TypeVar("T")

ATTEMPTS = 60
_UNGUARDED_AFTER = 3
_MILLISECOND = timedelta(milliseconds=1)

Changes = Mapping[str, Any]
"""Fields of VideoAnalysis and their new values."""


class Writer:
    """Writes what `reader` reads."""

    def __init__(self, reader: Reader) -> None:
        self.client = reader.client
        self._reader = reader
        self._creates = GatheredCreates(self.client.videoanalysis)
        gathers = reader.provider == "postgresql"
        self._updates = GatheredUpdates(self.client) if gathers else None

    async def create(self, given: VideoAnalysisCreate) -> records.Answer:
        """The record as it is answered. Raises VideoAnalysisExists."""
        id_, moment = cuid(), now()
        row: Any = {
            "id": id_,
            "videoId": given.video_id,
            "description": given.description,
            "createdAt": moment,
            "updatedAt": moment,
            "hasRelations": _has_relations(given),
            "searchTerms": records.index_entry_of(given),
            **records.plain_columns(
                {name: getattr(given, name) for name in given.model_fields_set}
            ),
        }
        try:
            if row["hasRelations"]:
                made = VideoAnalysis.model_construct(
                    id=id_, created_at=moment, updated_at=moment, **dict(given)
                )
                await self._create_with_relations(made, row)
            else:
                await self._creates.create(row)
        except UniqueViolationError as error:
            raise VideoAnalysisExists(given.video_id) from error
        return records.answer(given, id_=id_, created_at=moment, updated_at=moment)

    async def _create_with_relations(self, made: VideoAnalysis, row: Any) -> None:
        async def write() -> None:
            await _name_all(self.client, made.tags, made.people)
            batch = self.client.batch_()
            batch.videoanalysis.create(row)
            _insert_relations(batch, made, records.RELATIONS)
            await batch.commit()

        await _while_names_last(write)

    async def change(
        self, video_id: str, edit: Callable[[VideoAnalysis], Changes]
    ) -> VideoAnalysis:
        """Read a record, ask `edit` what to change, and write that.

        Raises VideoAnalysisNotFound."""
        unmatched = None
        for attempt in range(ATTEMPTS):
            found = await self._reader.find(video_id)
            if found is None:
                raise VideoAnalysisNotFound(video_id)
            read = records.record(found)
            changes = edit(read)
            moment = max(now(), read.updated_at + _MILLISECOND)
            changed = read.model_copy(update={**changes, "updated_at": moment})
            # A time that another tool wrote in another form never equals ours.
            guarded = unmatched != read.updated_at or attempt < _UNGUARDED_AFTER
            if await self._write(read, changed, changes, guarded=guarded):
                return changed
            unmatched = read.updated_at
            await asyncio.sleep(random.uniform(0, 0.002) * min(attempt, 10))
        raise DatabaseUnavailable("Too many others change this video. Try again shortly.")

    async def _write(
        self, read: VideoAnalysis, changed: VideoAnalysis, changes: Changes, *, guarded: bool
    ) -> bool:
        """Whether the record was still as it was read, and is changed now."""
        columns: Any = records.plain_columns(changes)
        if "description" in changes:
            columns["description"] = changed.description
        columns["hasRelations"] = _has_relations(changed)
        columns["searchTerms"] = records.index_entry_of(changed)
        columns["updatedAt"] = changed.updated_at
        where: Any = {"id": read.id}
        if guarded:
            where["updatedAt"] = read.updated_at
        relations = [name for name in records.RELATIONS if name in changes]
        if not relations:
            if self._updates is not None and guarded and changes.keys() == {"description"}:
                return await self._updates.update(Update(columns, where))
            return await self.client.videoanalysis.update_many(columns, where) == 1

        async def write() -> bool:
            await _name_all(self.client, changes.get("tags", ()), changes.get("people", ()))
            async with self.client.tx() as transaction:
                if await transaction.videoanalysis.update_many(columns, where) != 1:
                    return False
                batch = transaction.batch_()
                for name in relations:
                    _ROWS[name][0](batch).delete_many({"analysisId": read.id})
                _insert_relations(batch, changed, relations)
                await batch.commit()
            return True

        return await _while_names_last(write)


def _has_relations(record: records.Described) -> bool:
    return bool(record.tags or record.people or record.segments)


def _insert_relations(batch: Any, record: VideoAnalysis, relations: Iterable[str]) -> None:
    for name in relations:
        actions, rows_of = _ROWS[name]
        rows = rows_of(record)
        if rows:
            actions(batch).create_many(rows)


_ROWS: dict[str, tuple[Callable[[Any], Any], Callable[[VideoAnalysis], list[dict[str, Any]]]]] = {
    "tags": (lambda b: b.videotag, lambda r: records.tag_rows(r.id, r.created_at, r.tags)),
    "people": (
        lambda b: b.videoperson,
        lambda r: records.person_rows(r.id, r.created_at, r.people),
    ),
    "segments": (lambda b: b.segment, lambda r: records.segment_rows(r.id, r.segments)),
}


async def _name_all(client: Prisma, tags: Iterable[str], people: Iterable[str]) -> None:
    """Make the rows of those tags and people that there are not yet."""
    await _name(client.tag, tags)
    await _name(client.person, people)


async def _name(actions: Any, names: Iterable[str]) -> None:
    wanted = sorted(set(names))
    if not wanted:
        return
    known = {row.name for row in await actions.find_many(where={"name": {"in": wanted}})}
    for name in wanted:
        if name not in known:
            with contextlib.suppress(UniqueViolationError):  # somebody else just made it
                await actions.create({"name": name})


async def _while_names_last(write: Callable[[], Awaitable[T]]) -> T:
    """Write again where somebody deleted a tag or a person between naming and using it."""
    for _ in range(5):
        try:
            return await write()
        except ForeignKeyViolationError:
            continue
    return await write()
