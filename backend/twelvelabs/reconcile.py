"""The index compared with the records, page by page, so that memory does not grow with either.

What is found stands in the table `twelvelabs_video`; for each video without a description, or with
one of an earlier version, a job is queued. A video's absence from the list does not say that it is
gone: where few are absent, each is asked for by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from backend.core.database import Database, translated_errors
from backend.core.errors import ServiceError
from backend.twelvelabs.client import TwelveLabs
from backend.twelvelabs.errors import NotFound
from backend.twelvelabs.jobs import Jobs
from backend.twelvelabs.runs import Run, Runs
from backend.twelvelabs.videos import GONE, Videos
from backend.twelvelabs.wire import IndexedAsset

logger = logging.getLogger(__name__)

AT_ONCE = 500
"""Videos that a transaction writes: on SQLite it keeps other writers waiting for some 20 ms."""
ASKED_BY_ITSELF = 100
"""Videos of one run, at most: each is a request."""
_OVERLAP = timedelta(minutes=5)
"""By which a run looks back: an index does not show its videos in the order in which they come."""

Progress = Callable[[int], Awaitable[None] | None]


class Reconciler:
    def __init__(
        self, database: Database, client: TwelveLabs, videos: Videos, jobs: Jobs, runs: Runs
    ) -> None:
        self._prisma = database.client
        self._client = client
        self._videos = videos
        self._jobs = jobs
        self._runs = runs

    @translated_errors
    async def run(self, run: Run) -> None:
        """One that has begun, to its end. Raises RunLost, and what failed: the run ends as failed
        then."""
        try:
            done = await (self._all(run) if run.kind == "full" else self._new(run))
        except ServiceError as error:
            await self._runs.end(run, str(error))
            raise
        await self._runs.end(run)
        logger.info("Twelve Labs: %s videos compared, %s to be described", done.videos, done.queued)

    async def one(self, video_id: str) -> bool:
        """A single video, at once. Whether the index has it."""
        seen = max((run.number for run in await self._runs.latest(1)), default=0)
        try:
            asset = await self._client.indexed_asset(video_id)
        except NotFound:
            return False
        async with self._prisma.tx() as transaction:
            jobs = await self._videos.take_in([asset], seen, within=transaction)
            await self._jobs.add(jobs, within=transaction)
        return True

    async def _all(self, run: Run) -> _Done:
        done = _Done()
        await self._take_in_listed(run, done, after=None)
        absent = await self._videos.unseen(run.number, ASKED_BY_ITSELF + 1)
        ask = len(absent) <= ASKED_BY_ITSELF
        while absent:
            ids = [video_id for video_id, status in absent if status == GONE or not ask]
            await self._let_go(run, done, ids)
            await self._ask_for_each(
                run, done, [each for each, _ in absent if each not in set(ids)]
            )
            absent = await self._videos.unseen(run.number, AT_ONCE)
        return done

    async def _new(self, run: Run) -> _Done:
        done = _Done()
        await self._take_in_listed(run, done, after=_before(await self._videos.newest()))
        await self._ask_for_each(run, done, await self._videos.pending(ASKED_BY_ITSELF))
        return done

    async def _take_in_listed(self, run: Run, done: _Done, *, after: str | None) -> None:
        batch: list[IndexedAsset] = []
        async for asset in self._client.indexed_assets(after):
            batch.append(asset)
            if len(batch) == AT_ONCE:
                await self._take_in(run, done, batch)
                batch = []
        await self._take_in(run, done, batch)

    async def _ask_for_each(self, run: Run, done: _Done, video_ids: list[str]) -> None:
        found, gone = list[IndexedAsset](), list[str]()
        for video_id in video_ids:
            try:
                found.append(await self._client.indexed_asset(video_id))
            except NotFound:
                gone.append(video_id)
        await self._take_in(run, done, found)
        await self._let_go(run, done, gone)

    async def _take_in(self, run: Run, done: _Done, assets: list[IndexedAsset]) -> None:
        if not assets:
            return
        async with self._prisma.tx() as transaction:
            jobs = await self._videos.take_in(assets, run.number, within=transaction)
            queued = await self._jobs.add(jobs, within=transaction)
            videos = done.videos + len(assets)
            await self._runs.hold(
                run, videos=videos, queued=done.queued + queued, within=transaction
            )
        done.videos, done.queued = videos, done.queued + queued
        await asyncio.sleep(0)  # requests come in between

    async def _let_go(self, run: Run, done: _Done, video_ids: list[str]) -> None:
        if not video_ids:
            return
        async with self._prisma.tx() as transaction:
            await self._videos.are_gone(video_ids, run.number, within=transaction)
            await self._jobs.drop(
                "describe", video_ids, "The index has this video no longer.", within=transaction
            )
            await self._runs.hold(run, videos=done.videos, queued=done.queued, within=transaction)


class _Done:
    def __init__(self) -> None:
        self.videos = 0
        self.queued = 0


def _before(newest: str | None) -> str | None:
    """From when on a run looks for new videos; None: for all."""
    if not newest:
        return None
    try:
        moment = datetime.fromisoformat(newest) - _OVERLAP
    except (ValueError, OverflowError):  # no time that we know
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
