"""Tags, people, mood and date that others than the worker have changed here, told to the index as
the video's user metadata.

The change log is followed; a record that has changed becomes a job, which compares the record with
what the index has already (`sent`). So a change that comes back, or one of many in a row, sends
nothing. The index has no versions: the last writer wins there, and is named.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson

from backend.core.database import translated_errors
from backend.history import Change, Following
from backend.records import DatabaseService, VideoAnalysisNotFound
from backend.twelvelabs.client import TwelveLabs
from backend.twelvelabs.describer import WRITTEN_BACK
from backend.twelvelabs.errors import NotFound, RateLimited, Rejected, Unavailable
from backend.twelvelabs.held import work_next
from backend.twelvelabs.jobs import Job, Jobs, NewJob
from backend.twelvelabs.videos import GONE, IndexedVideo, Videos, version_of

logger = logging.getLogger(__name__)

ACTOR = "twelvelabs worker"
"""Of what the worker writes here, in the change log."""
NAMES = {"recorded_date": "date"}
"""Of fields that have another in the index."""
WRITER, WRITTEN_AT = "memory_mirror_updated_by", "memory_mirror_updated_at"
MOST_ATTEMPTS = 8
_DOWN_SECONDS = 30.0
_REFUSED = (400, 413, 422)


class WriteBack:
    def __init__(
        self,
        database: DatabaseService,
        client: TwelveLabs,
        videos: Videos,
        jobs: Jobs,
        following: Following,
    ) -> None:
        self._database = database
        self._client = client
        self._videos = videos
        self._jobs = jobs
        self._following = following
        self._resumes = 0.0

    async def follow(self) -> bool:
        """Whether there was something new."""
        return bool(await self._following.follow(self._take))

    async def _take(self, changes: Sequence[Change]) -> None:
        newest = {
            change.video_id: change
            for change in changes
            if change.version is not None and change.action != "delete" and change.actor != ACTOR
        }
        known = {video.video_id for video in await self._videos.find_all(list(newest))}
        await self._jobs.add(
            [
                NewJob(
                    "write_back", video_id, str(change.version), detail={"by": change.actor or ""}
                )
                for video_id, change in newest.items()
                if video_id in known
            ]
        )

    @translated_errors
    async def write_next(self) -> bool:
        """The job that is due; False: none is, or nothing may be asked for now."""
        if monotonic() < self._resumes:
            return False
        return await work_next(self._jobs, "write_back", self._work)

    async def _work(self, job: Job) -> None:
        video = await self._videos.find(job.video_id)
        try:
            record = await self._database.get_video_analysis(job.video_id)
        except VideoAnalysisNotFound:
            record = None
        if video is None or video.status == GONE or record is None:
            await self._jobs.finish(job)
            return
        values = {field: record[field] or None for field in WRITTEN_BACK}
        changed = {
            field: value
            for field, value in values.items()
            if value != (video.sent.get(field) or None)
        }
        try:
            await self._send(job, video, changed)
        except NotFound:
            await self._jobs.finish(job)  # the next run will see that it is gone
        except RateLimited as error:
            self._resumes = monotonic() + error.retry_after
            await self._jobs.try_again(job, str(error), seconds=error.retry_after, counts=False)
        except (Unavailable, Rejected) as error:
            if job.attempts >= MOST_ATTEMPTS:
                await self._jobs.fail(job, str(error))
                return
            self._resumes = monotonic() + _DOWN_SECONDS
            delay = _DOWN_SECONDS * 2 ** (job.attempts - 1) * random.uniform(0.5, 1)
            await self._jobs.try_again(job, str(error), seconds=delay)

    async def _send(self, job: Job, video: IndexedVideo, changed: Mapping[str, Any]) -> None:
        if not changed:
            await self._jobs.finish(job)
            return
        refused = await self._update(job, video.video_id, changed)
        # What is written changes `updated_at`, which may be the video's version: it is the same
        # video still.
        version = version_of(await self._client.indexed_asset(video.video_id))
        sent = {**video.sent, **{name: changed[name] for name in changed if name not in refused}}
        unheld = {name: why for name, why in video.unheld.items() if name not in changed}
        described = version if video.described == video.version else video.described
        async with self._database.client.tx() as transaction:
            await self._videos.note(
                video.video_id,
                sent=sent,
                unheld={**unheld, **refused},
                version=version,
                described=described,
                within=transaction,
            )
            await self._jobs.finish(job, within=transaction)

    async def _update(self, job: Job, video_id: str, changed: Mapping[str, Any]) -> dict[str, str]:
        """All by one request; where that is refused each by itself, to know which the index does
        not hold. Those, and why."""
        who = {
            WRITER: job.detail.get("by") or "unknown",
            WRITTEN_AT: datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        try:
            metadata = self._metadata(changed)
            await self._client.update_user_metadata(video_id, {**metadata, **who})
        except Rejected as error:
            if error.answered not in _REFUSED:
                raise
        else:
            return {}
        refused: dict[str, str] = {}
        for field, value in changed.items():
            try:
                metadata = self._metadata({field: value})
                await self._client.update_user_metadata(video_id, {**metadata, **who})
            except Rejected as error:
                if error.answered not in _REFUSED:
                    raise
                refused[field] = error.message or error.code
                logger.warning("Twelve Labs does not hold %s of %s: %s", field, video_id, error)
        return refused

    def _metadata(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """As the index names and holds them. None deletes; the older interface has no lists."""
        no_lists = self._client.rules.generation == "2026-03"
        return {
            NAMES.get(field, field): orjson.dumps(value).decode()
            if no_lists and isinstance(value, list)
            else value
            for field, value in values.items()
        }
