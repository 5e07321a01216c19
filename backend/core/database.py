"""The only place that talks to the Prisma client. Its errors become the service's here, once."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prisma.engine.errors import EngineConnectionError
from prisma.errors import (
    ClientNotConnectedError,
    DataError,
    TableNotFoundError,
    UniqueViolationError,
)

from backend.core.errors import (
    DatabaseNotReady,
    DatabaseUnavailable,
    FieldError,
    InvalidRequest,
    StartupError,
    VideoAnalysisExists,
    VideoAnalysisNotFound,
)
from backend.engine import in_process
from backend.models.schemas import VideoAnalysis, VideoAnalysisList

if TYPE_CHECKING:
    from prisma import Prisma, models

P = ParamSpec("P")
R = TypeVar("R")

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
            if error.code == COLUMN_MISSING:
                raise DatabaseNotReady from error
            raise
        except (EngineConnectionError, ClientNotConnectedError) as error:
            raise DatabaseUnavailable from error

    return translated


class DatabaseService:
    """The stored descriptions. `url` as Prisma reads it."""

    def __init__(self, url: str, *, max_description_length: int = 65_535) -> None:
        self.provider = "sqlite" if url.startswith("file:") else "postgresql"
        self._client: Prisma = in_process(_generated_client())(datasource={"url": url})
        self._max_description_length = max_description_length

    async def connect(self) -> None:
        try:
            await self._client.connect()
        except EngineConnectionError as error:
            cure = " Run: memory-mirror migrate deploy" if "P1003" in str(error) else ""
            raise StartupError(f"The database cannot be used. {error}.{cure}") from error

    async def disconnect(self) -> None:
        """May be called more than once."""
        if self._client.is_connected():
            await self._client.disconnect()

    @_translated
    async def check(self) -> None:
        """Read one record, or none. Raises DatabaseUnavailable or DatabaseNotReady."""
        await self._client.videoanalysis.find_first()

    @_translated
    async def create_video_analysis(self, video_id: str, description: str) -> VideoAnalysis:
        self._check_length(description)
        try:
            row = await self._client.videoanalysis.create(
                {"videoId": video_id, "description": description}
            )
        except UniqueViolationError as error:
            raise VideoAnalysisExists(video_id) from error
        return _record(row)

    @_translated
    async def get_video_analysis(self, video_id: str) -> VideoAnalysis:
        row = await self._client.videoanalysis.find_unique({"videoId": video_id})
        if row is None:
            raise VideoAnalysisNotFound(video_id)
        return _record(row)

    @_translated
    async def update_video_analysis(self, video_id: str, description: str) -> VideoAnalysis:
        self._check_length(description)
        row = await self._client.videoanalysis.update(
            {"description": description}, {"videoId": video_id}
        )
        if row is None:
            raise VideoAnalysisNotFound(video_id)
        return _record(row)

    @_translated
    async def delete_video_analysis(self, video_id: str) -> None:
        if await self._client.videoanalysis.delete({"videoId": video_id}) is None:
            raise VideoAnalysisNotFound(video_id)

    @_translated
    async def list_video_analyses(self, *, limit: int) -> VideoAnalysisList:
        """The newest first; of equal age, the greater id first."""
        rows = await self._client.videoanalysis.find_many(
            take=limit, order=[{"createdAt": "desc"}, {"id": "desc"}]
        )
        return VideoAnalysisList.model_construct(
            analyses=[_record(row) for row in rows], count=len(rows)
        )

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


def _record(row: models.VideoAnalysis) -> VideoAnalysis:
    # Already valid: it was checked on its way in.
    return VideoAnalysis.model_construct(
        id=row.id,
        video_id=row.videoId,
        description=row.description,
        created_at=row.createdAt,
        updated_at=row.updatedAt,
    )
