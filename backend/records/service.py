"""The stored descriptions, as the endpoints and commands call them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from backend.core.database import Database, translated_errors
from backend.core.errors import FieldError, InvalidRequest
from backend.core.growth import analyze_grown_tables
from backend.models.names import NameCount, NamePage
from backend.models.schemas import (
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisPatch,
    VideoAnalysisUpdate,
)
from backend.models.sources import HUMAN
from backend.models.stats import Stats
from backend.records import listing, names
from backend.records import record as records
from backend.records.bulk import BulkWriter, Committing, Given, Mode, Outcome
from backend.records.errors import (
    CountChanged,
    VersionMismatch,
    VideoAnalysisExists,
    VideoAnalysisNotFound,
)
from backend.records.filters import ALL, Filters
from backend.records.once import Once, Outcomes, Progress, current
from backend.records.quotas import Quotas
from backend.records.reader import MOST_BYTES, Reader
from backend.records.renames import Kind
from backend.records.rows import changes_of
from backend.records.stats import stats
from backend.records.versions import Expected
from backend.records.writer import Writer

if TYPE_CHECKING:
    from prisma import Prisma


class DatabaseService(Database):
    """Its errors are those of core/errors.py and records/errors.py."""

    def __init__(
        self,
        url: str,
        *,
        max_description_length: int = 65_535,
        outcomes_kept: timedelta = timedelta(hours=24),
        quota_records: int = 0,
        quota_bytes: int = 0,
    ) -> None:
        super().__init__(url)
        self.reader = Reader(self.client, self.provider)
        self._outcomes = Outcomes(self.client, self.provider, outcomes_kept)
        self._quotas = Quotas(
            self.client, self.provider, most_records=quota_records, most_bytes=quota_bytes
        )
        self._writer = Writer(self.reader, self._outcomes, self._quotas, self.record_written)
        self._bulk = BulkWriter(self.reader, self._quotas, self.record_written)
        self._max_description_length = max_description_length

    @translated_errors
    async def begin_quotas(self) -> None:
        """When the service starts."""
        await self._quotas.begin()

    @translated_errors
    async def once(self, once: Once, work: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """The outcome of `work`, or that of the request with the same key that was done before;
        and whether it was. Raises KeyReused, StillRunning."""
        return await self._outcomes.run(once, work)

    @translated_errors
    async def create_video_analysis(self, analysis: VideoAnalysisCreate) -> records.RecordJson:
        self.check_length(analysis.description)
        return await self._writer.create(analysis)

    @translated_errors
    async def get_video_analysis(self, video_id: str) -> records.RecordJson:
        found = await self.reader.find(video_id)
        if found is None:
            raise VideoAnalysisNotFound(video_id)
        return found

    @translated_errors
    async def get_version(self, video_id: str) -> int | None:
        """Of the record; None: there is none."""
        return await self.reader.version(video_id)

    @translated_errors
    async def update_video_analysis(
        self,
        video_id: str,
        update: VideoAnalysisUpdate,
        *,
        expected: Expected | None = None,
        override_human: bool = False,
    ) -> records.RecordJson:
        self.check_length(update.description)
        return await self._writer.describe(
            video_id,
            update.description,
            expected=expected,
            source=update.source,
            override_human=override_human,
        )

    @translated_errors
    async def create_by_put(self, video_id: str, update: VideoAnalysisUpdate) -> records.RecordJson:
        """Raises VersionMismatch where there is a record."""
        self.check_length(update.description)
        try:
            return await self._writer.create(
                VideoAnalysisCreate(
                    video_id=video_id,
                    description=update.description,
                    source=update.source or HUMAN,
                )
            )
        except VideoAnalysisExists as error:
            raise VersionMismatch(video_id, await self.reader.version(video_id)) from error

    @translated_errors
    async def patch_video_analysis(
        self,
        video_id: str,
        patch: VideoAnalysisPatch,
        *,
        expected: Expected | None = None,
        override_human: bool = False,
    ) -> records.RecordJson:
        """RFC 7396. Raises InvalidRequest where the merged record would not be valid."""
        if patch.description is not None and patch.model_fields_set <= {"description", "source"}:
            update = VideoAnalysisUpdate.model_construct(
                description=patch.description, source=patch.source
            )
            return await self.update_video_analysis(
                video_id, update, expected=expected, override_human=override_human
            )
        self.check_length(patch.description)
        changed = await self._writer.change(
            video_id,
            lambda record: changes_of(patch, record),
            expected=expected,
            source=patch.source,
            override_human=override_human,
        )
        return records.stored_record_json(changed)

    @translated_errors
    async def delete_video_analysis(
        self, video_id: str, *, expected: Expected | None = None
    ) -> None:
        await self._writer.delete(video_id, expected=expected)

    @translated_errors
    async def write_many(
        self,
        given: Sequence[Given],
        mode: Mode,
        *,
        override_human: bool = False,
        progress: Committing | None = None,
        within: Prisma | None = None,
    ) -> list[Outcome]:
        """Each as if it were sent by itself, in this order. `progress` joins each transaction that
        it takes; `within`: one that all of it joins."""
        return await self._bulk.write(
            given,
            mode,
            override_human=override_human,
            committing=progress,
            within=within,
        )

    @translated_errors
    async def note_growth(self, within: Prisma | None) -> None:
        """Between the portions of very many records."""
        await analyze_grown_tables(within or self.client, self.provider)

    @translated_errors
    async def delete_many(self, video_ids: Sequence[str]) -> list[str]:
        """All by one transaction. Those that there were."""
        return sorted(await self._bulk.delete(video_ids, self._outcomes.store_current))

    @translated_errors
    async def merge_videos(
        self, keep: str, others: Sequence[str], *, expected: Expected | None = None
    ) -> records.RecordJson:
        """The record of `keep`, which gets the tags, people and segments of the others; their
        records are deleted, by the same transaction. Raises VideoAnalysisNotFound, VersionMismatch,
        InvalidRequest."""

        async def store(transaction: Prisma, merged: VideoAnalysis) -> None:
            if (once := current.get()) is not None:
                outcome = {"done": records.stored_record_json(merged)}
                await self._outcomes.store(once, outcome, transaction)

        merged = await self._bulk.merge(keep, others, expected, store)
        return records.stored_record_json(merged)

    @translated_errors
    async def count(self, filters: Filters) -> int:
        return await listing.total(self.reader, filters)

    @translated_errors
    async def count_of(self, video_ids: Sequence[str]) -> int:
        """How many of them have a record."""
        return await self.client.videoanalysis.count(where={"videoId": {"in": list(video_ids)}})

    @translated_errors
    async def delete_matching(self, filters: Filters, confirmed: int) -> int:
        """All by one transaction. Raises CountChanged where there are not so many."""
        found = await self._bulk.delete_matching(filters, confirmed, self._outcomes.store_current)
        if found != confirmed:
            raise CountChanged(found)
        return found

    @translated_errors
    async def in_one_transaction(self, work: Callable[[Prisma], Awaitable[bool]]) -> None:
        """What `work` does is committed where it returns true, else undone."""
        await self._bulk.in_one_transaction(work)

    @asynccontextmanager
    async def progress(self, once: Once, *, anew: bool = False) -> AsyncIterator[Progress]:
        """As far as a request of several transactions has come; no other of its key runs meanwhile.
        Raises KeyReused, StillRunning."""
        async with self._outcomes.alone(once):
            yield await translated_errors(self._outcomes.progress)(once, anew=anew)

    async def advance(self, progress: Progress, outcome: Any, transaction: Prisma) -> None:
        """Joins the transaction. Raises StillRunning."""
        await self._outcomes.advance(progress, outcome, transaction)

    async def restore(
        self, record: VideoAnalysis, *, expected: Expected | None = None
    ) -> records.RecordJson:
        """A new version that says what this one says, which may be deleted since. Raises
        VersionMismatch."""
        return await self._writer.restore(record, expected=expected)

    @translated_errors
    async def list_video_analyses(
        self,
        filters: Filters = ALL,
        *,
        order: listing.Order = "-created_at",
        limit: int,
        cursor: str | None = None,
        include_total: bool = False,
    ) -> dict[str, Any]:
        """What VideoAnalysisList describes, as JSON has it.

        Records that the order does not tell apart are ordered by id, in the same direction."""
        async with self.reader.pages:
            return await listing.page(
                self.reader,
                filters,
                order=order,
                limit=limit,
                cursor=cursor,
                include_total=include_total,
            )

    @translated_errors
    async def look_up(self, video_ids: Sequence[str]) -> dict[str, Any]:
        """What LookupResult describes, as JSON has it: each as often, and in the order, as it is
        asked for."""
        requested = dict.fromkeys(video_ids)
        async with self.reader.pages:
            found, read = await self.reader.by_video_ids(requested)
        if read < len(requested):
            raise InvalidRequest([FieldError(("body", "video_ids"), _too_much(read), "too_large")])
        return {
            "analyses": [found[id_] for id_ in video_ids if id_ in found],
            "missing": [id_ for id_ in requested if id_ not in found],
        }

    @translated_errors
    async def list_names(self, kind: Kind, *, limit: int, cursor: str | None) -> NamePage:
        return await names.page(self.reader, kind, limit=limit, cursor=cursor)

    @translated_errors
    async def rename(self, kind: Kind, name: str, new: str) -> NameCount:
        return await names.rename(self._writer, kind, name, new)

    @translated_errors
    async def merge(self, kind: Kind, names_: Sequence[str], into: str) -> NameCount:
        return await names.merge(self._writer, kind, names_, into)

    @translated_errors
    async def delete_name(self, kind: Kind, name: str) -> None:
        await names.delete(self._writer, kind, name)

    @translated_errors
    async def stats(self, filters: Filters = ALL) -> Stats:
        return await stats(self.client, self.provider, filters)

    def check_length(self, description: str | None) -> None:
        """Raises InvalidRequest."""
        if description is not None and len(description) > self._max_description_length:
            raise InvalidRequest(
                [
                    FieldError(
                        ("body", "description"),
                        f"A description has at most {self._max_description_length} characters; "
                        f"this one has {len(description)}",
                        "string_too_long",
                    )
                ]
            )


def _too_much(fitting: int) -> str:
    return (
        f"These records are larger together than {MOST_BYTES // 2**20} MiB; the first {fitting} "
        "of them are not"
    )
