"""Work on a job, and the word in between that it still runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from prisma.errors import PrismaError

from backend.twelvelabs.jobs import Job, JobLost, Jobs, Kind

logger = logging.getLogger(__name__)

Work = Callable[[Job], Awaitable[None]]

_RETRY_SECONDS = 0.1


async def work_next(
    jobs: Jobs, kind: Kind, work: Work, *, may_begin: Callable[[], Awaitable[bool]] | None = None
) -> bool:
    """The job of this kind that is due; False: none is, or it may not begin."""
    left = await jobs.seconds_until_due([kind])
    if left is None or left > 0 or (may_begin is not None and not await may_begin()):
        return False
    since = monotonic()
    claimed = await jobs.claim([kind])
    for job in claimed:
        await while_held(jobs, job, work, since=since)
    return bool(claimed)


async def while_held(jobs: Jobs, job: Job, work: Work, *, since: float) -> None:
    """Do it as long as the job is held, and no longer: then another may be at it. `since`: when it
    was claimed (monotonic), or before. Where this is cancelled the job is given back at once."""
    working = asyncio.ensure_future(work(job))
    ends = since + jobs.lease_seconds
    try:
        while not working.done():
            await asyncio.wait([working], timeout=jobs.lease_seconds / 3)
            if not working.done():
                ends = await _hold(jobs, job, ends)
        await working
    except JobLost:
        logger.warning("Twelve Labs: the %s of %s took too long", job.kind, job.video_id)
    except asyncio.CancelledError:
        await _end(working)
        await asyncio.shield(_give_back(jobs, job))
        raise
    finally:
        await _end(working)


async def _hold(jobs: Jobs, job: Job, ends: float) -> float:
    """When the next lease ends. Raises JobLost at the latest when this one does."""
    while True:
        begun = monotonic()
        try:
            async with asyncio.timeout(ends - begun):
                await jobs.hold(job)
        except TimeoutError:
            raise JobLost(job.id) from None
        except PrismaError:  # the database does not answer: it may again before the end
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return begun + jobs.lease_seconds


async def _give_back(jobs: Jobs, job: Job) -> None:
    with contextlib.suppress(JobLost):  # it has ended
        await jobs.try_again(job, job.last_error, seconds=0, counts=False)


async def _end(working: asyncio.Future[None]) -> None:
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
    if not working.cancelled():
        working.exception()  # what was to be told of it is told
