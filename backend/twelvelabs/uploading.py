"""Videos on their way into the index: what the worker does of an upload.

    queued -> indexing -> described as any other video of the index

A job of the kind `upload` has no video at first; `video_id` is then its own id. What is done is
remembered before the next step is begun, so that it is done once, whenever a worker ends.
"""

from __future__ import annotations

import time
from typing import Any

from backend.core.database import translated_errors
from backend.twelvelabs.client import TwelveLabs
from backend.twelvelabs.errors import NotFound, RateLimited, Rejected, TwelveLabsError
from backend.twelvelabs.held import work_next
from backend.twelvelabs.jobs import Job, Jobs
from backend.twelvelabs.reconcile import Reconciler
from backend.twelvelabs.wire import Asset

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Between two looks at what Twelve Labs works on: a tenth of the time that it has taken so far."""
MOST_ATTEMPTS = 8
RETRY_SECONDS = 10.0
"""Doubled with each attempt."""
REFUSED_SECONDS = 300.0
"""While the key is not taken."""
LONGEST_SECONDS = 24 * 3600
"""What is not indexed after a day has failed."""


class Uploader:
    def __init__(self, client: TwelveLabs, jobs: Jobs, reconciler: Reconciler) -> None:
        self._client = client
        self._jobs = jobs
        self._reconciler = reconciler

    @translated_errors
    async def upload_next(self) -> bool:
        """One step of the job that is due; false: none is."""
        return await work_next(self._jobs, "upload", self._work)

    async def _work(self, job: Job) -> None:
        if _age(job) > LONGEST_SECONDS:
            await self._jobs.fail(job, "Twelve Labs has not indexed it within a day.")
            return
        try:
            await self._step(job)
        except RateLimited as error:
            await self._put_off(job, str(error), error.retry_after)
        except Rejected as error:
            if error.answered in (401, 402, 403):
                await self._put_off(job, str(error), REFUSED_SECONDS)
            else:
                await self._jobs.fail(job, str(error))
        except TwelveLabsError as error:
            if job.attempts >= MOST_ATTEMPTS:
                await self._jobs.fail(job, str(error))
            else:
                seconds = RETRY_SECONDS * 2 ** (job.attempts - 1)
                await self._jobs.try_again(job, str(error), seconds=seconds)

    async def _step(self, job: Job) -> None:
        if is_indexed(job):
            await self._look(job)
            return
        asset_id = job.asset_id
        if asset_id is None:
            asset = await self._client.create_asset(job.detail["url"])
            asset_id = asset.id
            # The address may hold a password: it is not kept for longer than it is needed.
            await self._jobs.note(job, asset_id=asset_id, detail=_without_url(job.detail))
        else:
            asset = await self._client.asset(asset_id)
        if asset.status == "failed":
            await self._jobs.fail(job, _why(asset))
        elif asset.status not in ("ready", None):
            await self._wait(job)
        else:
            video_id = await self._index(asset_id)
            detail = {**_without_url(job.detail), "indexed": True}
            await self._jobs.note(job, video_id=video_id, detail=detail)
            await self._wait(job)

    async def _index(self, asset_id: str) -> str:
        """The video's id. A worker may have ended after it was asked for."""
        return await self._client.indexed_as(asset_id) or (
            await self._client.create_indexed_asset(asset_id)
        )

    async def _look(self, job: Job) -> None:
        try:
            status = (await self._client.indexed_asset(job.video_id)).status
        except NotFound:
            await self._jobs.fail(job, "The index has this video no longer.")
            return
        if status == "failed":
            await self._jobs.fail(job, "Twelve Labs could not index this video.")
        elif status == "ready":
            await self._reconciler.one(job.video_id)
            await self._jobs.finish(job)
        else:
            await self._wait(job)

    async def _wait(self, job: Job) -> None:
        await self._put_off(job, None, min(LONGEST_PAUSE, max(SHORTEST_PAUSE, _age(job) / 10)))

    async def _put_off(self, job: Job, reason: str | None, seconds: float) -> None:
        await self._jobs.try_again(job, reason, seconds=seconds, counts=False)


def is_indexed(job: Job) -> bool:
    """Whether the index has its video: `video_id` is that one's."""
    return bool(job.detail.get("indexed"))


def _age(job: Job) -> float:
    """Seconds."""
    return time.time() - job.created_at / 1000


def _without_url(detail: Any) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name != "url"}


def _why(asset: Asset) -> str:
    said = asset.error.get("message") if isinstance(asset.error, dict) else asset.error
    return f"Twelve Labs could not use this file: {said or 'it does not say why'}"
