"""Work on a job, and the word in between that it still runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from backend.twelvelabs.jobs import Job, JobLost, Jobs

logger = logging.getLogger(__name__)


async def while_held(jobs: Jobs, job: Job, work: Callable[[Job], Awaitable[None]]) -> None:
    """Do it as long as the job is held. Where this is cancelled the job is given back at once."""
    working = asyncio.ensure_future(work(job))
    try:
        while not working.done():
            await asyncio.wait([working], timeout=jobs.lease_seconds / 3)
            if not working.done():
                await jobs.hold(job)
        await working
    except JobLost:
        logger.warning("Twelve Labs: the %s of %s took too long", job.kind, job.video_id)
    except asyncio.CancelledError:
        await _end(working)
        await asyncio.shield(_give_back(jobs, job))
        raise
    finally:
        await _end(working)


async def _give_back(jobs: Jobs, job: Job) -> None:
    with contextlib.suppress(JobLost):  # it has ended
        await jobs.try_again(job, job.last_error, seconds=0, counts=False)


async def _end(working: asyncio.Future[None]) -> None:
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
