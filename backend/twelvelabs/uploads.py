"""Uploads as they are asked for, and how far each has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal
from urllib.parse import urlsplit

from backend.core.database import Database, translated_errors
from backend.core.errors import (
    RETRY_SOON,
    BodyTooLarge,
    FieldError,
    InvalidRequest,
    ServiceError,
)
from backend.engine import cuid
from backend.models.schemas import in_milliseconds
from backend.twelvelabs.index import Index
from backend.twelvelabs.jobs import Job, Jobs, NewJob
from backend.twelvelabs.uploading import is_indexed
from backend.twelvelabs.videos import Videos

State = Literal["queued", "indexing", "describing", "ready", "failed"]
ENDED: tuple[State, ...] = ("ready", "failed")

UPLOADS_AT_ONCE = 4
"""Files that a process sends on at the same time: each holds some 200 KB of its file."""
UPLOAD_SECONDS = 3600.0
"""For one file."""
FOLLOWED_AT_ONCE = 100
"""Jobs whose events a process sends at the same time: each is a query a second."""
FOLLOWED_SECONDS = 60.0
"""Who follows a job for longer asks again, as browsers do by themselves."""
LOOK_SECONDS = 1.0
LONGEST_FILENAME = 255


class JobNotFound(ServiceError):
    status = 404
    kind = "job-not-found"
    title = "Job not found"

    def __init__(self) -> None:
        super().__init__("There is no job with this id.")


class UploadsRunning(ServiceError):
    status = 503
    kind = "uploads-running"
    title = "Uploads running"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("As many run as may run at once. Try again later.")


class UploadService:
    """`most_bytes` of a file. `wake` tells the worker that there is something to do."""

    def __init__(
        self, database: Database, index: Index, *, most_bytes: int, wake: Callable[[], None]
    ) -> None:
        self._index = index
        self._jobs = Jobs(database.client, database.provider)
        self._videos = Videos(database.client, database.provider)
        self._most_bytes = most_bytes
        self._wake = wake
        self._sending = 0
        self._followed = 0

    @translated_errors
    async def upload_url(self, url: str, *, id_: str | None = None) -> dict[str, Any]:
        """What UploadJob describes, as JSON has it. There is one job with an `id_`. Raises
        NotSetUp."""
        self._index.required()
        filename = urlsplit(url).path.rpartition("/")[2][:LONGEST_FILENAME]
        return await self._added({"url": url, "filename": filename}, None, id_ or cuid())

    @translated_errors
    async def upload_file(
        self, parts: AsyncIterable[bytes], filename: str, *, size: int | None = None
    ) -> dict[str, Any]:
        """Sent on as it comes. `size`: its bytes, where they are known. Raises NotSetUp,
        UploadsRunning, InvalidRequest, BodyTooLarge, TwelveLabsError."""
        client = self._index.required()
        if self._sending >= UPLOADS_AT_ONCE:
            raise UploadsRunning
        self._sending += 1
        try:
            asset = await client.create_asset_of_file(
                self._counted(parts), filename=filename, size=size, seconds=UPLOAD_SECONDS
            )
        finally:
            self._sending -= 1
        return await self._added({"filename": filename[:LONGEST_FILENAME]}, asset.id, cuid())

    async def _counted(self, parts: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for part in parts:
            size += len(part)
            if size > self._most_bytes:
                raise BodyTooLarge(self._most_bytes)
            yield part
        if not size:
            raise InvalidRequest([FieldError(("body",), "The file is empty", "empty")])

    async def _added(
        self, detail: dict[str, Any], asset_id: str | None, id_: str
    ) -> dict[str, Any]:
        await self._jobs.add([NewJob("upload", id_, "", asset_id, detail, id_)])
        self._wake()
        return await self.job(id_)

    @translated_errors
    async def job(self, id_: str) -> dict[str, Any]:
        """What UploadJob describes, as JSON has it. Raises NotSetUp, JobNotFound."""
        self._index.required()
        job = await self._jobs.find(id_)
        if job is None or job.kind != "upload":
            raise JobNotFound
        last, state = job, _state_of(job)
        if job.status == "done":
            last, state = await self._of_description(job)
        return {
            "id": job.id,
            "state": state,
            "video_id": job.video_id if is_indexed(job) else None,
            "filename": job.detail.get("filename") or None,
            "error": None if state == "ready" else last.last_error,
            "created_at": _time(job.created_at),
            "updated_at": _time(last.updated_at),
        }

    async def _of_description(self, job: Job) -> tuple[Job, State]:
        """Once the video is indexed, it is described as others are."""
        video = await self._videos.find(job.video_id)
        if video is None or video.state == "described":
            return job, "ready"
        describing = await self._jobs.find_of("describe", video.video_id, video.version)
        if describing is None or describing.status in ("queued", "running"):
            return describing or job, "describing"
        return describing, "failed" if describing.status == "failed" else "ready"

    @translated_errors
    async def follow(self, id_: str) -> AsyncGenerator[dict[str, Any]]:
        """The job as it is now, and whenever that changes, until it has ended, or for
        FOLLOWED_SECONDS. To be closed. Raises NotSetUp, JobNotFound, UploadsRunning."""
        first = await self.job(id_)
        if self._followed >= FOLLOWED_AT_ONCE:
            raise UploadsRunning
        return self._changes(first)

    async def _changes(self, job: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        until = monotonic() + FOLLOWED_SECONDS
        self._followed += 1
        try:
            yield job
            while job["state"] not in ENDED and monotonic() < until:
                await asyncio.sleep(LOOK_SECONDS)
                now = await self.job(job["id"])
                if (now["state"], now["error"]) != (job["state"], job["error"]):
                    yield now
                job = now
        finally:
            self._followed -= 1


def _state_of(job: Job) -> State:
    if job.status == "failed":
        return "failed"
    return "indexing" if is_indexed(job) else "queued"


def _time(milliseconds: int) -> str:
    return in_milliseconds(datetime.fromtimestamp(milliseconds / 1000, UTC))
