"""The only place that talks to the Prisma client. Its errors become the service's here, once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prisma.engine.errors import EngineConnectionError
from prisma.errors import (
    ClientNotConnectedError,
    DataError,
    RawQueryError,
    TableNotFoundError,
)

from backend.context import pack as context
from backend.core.errors import (
    DatabaseNotReady,
    DatabaseUnavailable,
    FieldError,
    InvalidRequest,
    StartupError,
    VideoAnalysisNotFound,
)
from backend.engine import Provider, in_process
from backend.models.context import ContextPack, ContextRequest
from backend.models.names import NameCount, NamePage
from backend.models.schemas import VideoAnalysis, VideoAnalysisCreate, VideoAnalysisPatch
from backend.models.stats import Stats
from backend.records import listing, names
from backend.records import record as records
from backend.records.filters import Filters
from backend.records.reader import Reader
from backend.records.stats import stats
from backend.records.writer import Writer
from backend.search.indexer import Indexer
from backend.search.reindex import is_behind, reindex
from backend.search.searcher import SQL, Search

if TYPE_CHECKING:
    from prisma import Prisma

P = ParamSpec("P")
R = TypeVar("R")

ALL = Filters()
MOST_IN_CONTEXT = 50

AWAY = {
    "P1000",  # authentication failed
    "P1001",  # cannot be reached
    "P1003",  # does not exist
    "P1008",  # timed out
    "P1010",  # access denied
    "P1011",  # TLS
    "P1017",  # connection closed
    "P2024",  # no connection of the pool became free
    "P2034",  # write conflict or deadlock
    "P2037",  # too many connections
}
"""Prisma's codes for what may pass if the caller tries again."""

COLUMN_MISSING = "P2022"


def _translated(
    method: Callable[P, Awaitable[R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    @functools.wraps(method)
    async def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except TableNotFoundError as error:
            raise DatabaseNotReady from error
        except DataError as error:
            if error.code in AWAY:
                raise DatabaseUnavailable from error
            if error.code == COLUMN_MISSING or _names_what_is_missing(error):
                raise DatabaseNotReady from error
            raise
        except (EngineConnectionError, ClientNotConnectedError) as error:
            raise DatabaseUnavailable from error

    return translated


def _names_what_is_missing(error: DataError) -> bool:
    """A raw query, such as those of search, met a table, column or index that is not there."""
    return isinstance(error, RawQueryError) and (
        not error.meta.keys().isdisjoint(("table", "column")) or "no such index" in str(error)
    )


class DatabaseService:
    """The stored descriptions. `url` as Prisma reads it."""

    def __init__(self, url: str, *, max_description_length: int = 65_535) -> None:
        self.provider: Provider = "sqlite" if url.startswith("file:") else "postgresql"
        self._client: Prisma = in_process(_generated_client())(datasource={"url": url})
        self._reader = Reader(self._client, self.provider)
        self._indexer = Indexer(self._client, SQL[self.provider])
        self._writer = Writer(self._reader, self._indexer.record_written)
        self._search = Search(self._reader, self._indexer)
        self._max_description_length = max_description_length

    async def connect(self) -> None:
        try:
            await self._client.connect()
        except EngineConnectionError as error:
            cure = " Run: memory-mirror migrate deploy" if "P1003" in str(error) else ""
            raise StartupError(f"The database cannot be used. {error}.{cure}") from error

    async def disconnect(self) -> None:
        """May be called more than once."""
        await self._indexer.stop()
        if self._client.is_connected():
            await self._client.disconnect()

    @_translated
    async def check(self) -> None:
        """Read one record, or none. Raises DatabaseUnavailable or DatabaseNotReady."""
        await self._client.videoanalysis.find_first()

    @_translated
    async def create_video_analysis(self, given: VideoAnalysisCreate) -> records.RecordJson:
        self._check_length(given.description)
        return await self._writer.create(given)

    @_translated
    async def get_video_analysis(self, video_id: str) -> records.RecordJson:
        found = await self._reader.find(video_id)
        if found is None:
            raise VideoAnalysisNotFound(video_id)
        return found

    @_translated
    async def update_video_analysis(self, video_id: str, description: str) -> VideoAnalysis:
        self._check_length(description)
        return await self._writer.change(video_id, lambda _: {"description": description})

    @_translated
    async def patch_video_analysis(self, video_id: str, patch: VideoAnalysisPatch) -> VideoAnalysis:
        """RFC 7396. Raises InvalidRequest where the merged record would not be valid."""
        if patch.description is not None:
            self._check_length(patch.description)
        return await self._writer.change(video_id, patch.changes)

    @_translated
    async def delete_video_analysis(self, video_id: str) -> None:
        await self._writer.delete(video_id)

    @_translated
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

        Records of equal place in the order stand by their id, in the same direction."""
        return await listing.page(
            self._reader,
            filters,
            order=order,
            limit=limit,
            cursor=cursor,
            include_total=include_total,
        )

    @_translated
    async def look_up(self, video_ids: Sequence[str]) -> dict[str, Any]:
        """What LookupResult describes, as JSON has it: each as often, and in the order, as it is
        asked for."""
        wanted = dict.fromkeys(video_ids)
        found = await self._reader.by_video_ids(wanted)
        return {
            "analyses": [found[id_] for id_ in video_ids if id_ in found],
            "missing": [id_ for id_ in wanted if id_ not in found],
        }

    @_translated
    async def search(
        self, text: str, filters: Filters = ALL, *, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """What SearchPage describes, as JSON has it."""
        return await self._search.page(text, filters, limit=limit, cursor=cursor)

    @_translated
    async def list_names(self, kind: names.Kind, *, limit: int, cursor: str | None) -> NamePage:
        return await names.page(self._reader, kind, limit=limit, cursor=cursor)

    @_translated
    async def rename(self, kind: names.Kind, name: str, new: str) -> NameCount:
        return await names.rename(self._writer, kind, name, new)

    @_translated
    async def merge(self, kind: names.Kind, given: Sequence[str], into: str) -> NameCount:
        return await names.merge(self._writer, kind, given, into)

    @_translated
    async def delete_name(self, kind: names.Kind, name: str) -> None:
        await names.delete(self._writer, kind, name)

    @_translated
    async def stats(self, filters: Filters = ALL) -> Stats:
        return await stats(self._client, self.provider, filters)

    @_translated
    async def context(self, asked: ContextRequest) -> ContextPack:
        hits = context.wanted(asked.hits or [])
        if asked.query is not None:
            best = await self._search.best(asked.query, ALL, limit=MOST_IN_CONTEXT)
            hits = [context.Wanted(hit.video_id, [], hit.score) for hit in best]
        found = await self._reader.by_video_ids([hit.video_id for hit in hits])
        videos = {id_: records.record(answer) for id_, answer in found.items()}
        return await asyncio.to_thread(
            context.pack, hits, videos, max_tokens=asked.max_tokens, form=asked.format
        )

    @_translated
    async def reindex(self) -> int:
        """How many records were indexed."""
        number = await reindex(self._reader)
        await self._indexer.catch_up()
        return number

    @_translated
    async def is_index_behind(self) -> bool:
        """Whether records were written by other programs, which search does not know."""
        return await is_behind(self._client, self._indexer)

    def _check_length(self, description: str) -> None:
        if len(description) > self._max_description_length:
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


def _generated_client() -> type[Prisma]:
    try:
        from prisma import Prisma  # not above: the service is imported before it exists, too
    except RuntimeError as error:
        raise StartupError("There is no Prisma client yet. Run: memory-mirror generate") from error
    return Prisma
