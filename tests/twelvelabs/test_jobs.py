"""Jobs: each once, held by one worker at a time, and free again when that worker is gone."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from backend.core.caller import acting_for
from backend.services import Services
from backend.twelvelabs import Job, JobLost, Jobs, NewJob
from backend.twelvelabs.held import while_held

pytestmark = pytest.mark.anyio


def jobs_on(services: Services, *, lease_seconds: float = 60) -> Jobs:
    database = services.database
    return Jobs(database.client, database.provider, lease_seconds=lease_seconds)


def describe(video_id: str, version: str = "1") -> NewJob:
    return NewJob("describe", video_id, version, asset_id=f"asset-{video_id}")


async def claimed(jobs: Jobs) -> Job:
    (job,) = await jobs.claim(["describe"])
    return job


async def test_a_job_is_there_once(services: Services) -> None:
    jobs = jobs_on(services)
    assert await jobs.add([describe("a"), describe("b")]) == 2
    assert await jobs.add([describe("a"), describe("a", "2"), describe("c")]) == 2
    assert await jobs.counts() == {"describe": {"queued": 4}}
    found = await jobs.find_of("describe", "a", "2")
    assert found is not None
    assert (found.asset_id, found.attempts, found.status) == ("asset-a", 0, "queued")
    assert await jobs.find(found.id) == found
    with acting_for("somebody"):
        assert await jobs.find(found.id) is None
        assert await jobs.claim(["describe"], limit=9) == []


async def test_one_that_has_ended_is_done_anew_only_when_asked(services: Services) -> None:
    jobs = jobs_on(services)
    await jobs.add([describe("a")])
    await jobs.fail(await claimed(jobs), "No.")
    assert await jobs.add([describe("a")]) == 0
    assert await jobs.add([describe("a")], anew=True) == 1
    job = await claimed(jobs)
    assert (job.attempts, job.last_error) == (1, None)
    assert await jobs.add([describe("a")], anew=True) == 0
    await jobs.finish(job, tokens=7, prompt_version="1")
    found = await jobs.find(job.id)
    assert found is not None
    assert (found.status, found.tokens, found.prompt_version) == ("done", 7, "1")


async def test_many_workers_share_the_jobs(services: Services) -> None:
    await jobs_on(services).add([describe(f"v{n:03}") for n in range(120)])

    done: list[str] = []

    async def work() -> None:
        jobs = jobs_on(services)
        while found := await jobs.claim(["describe"], limit=7):
            for job in found:
                await jobs.finish(job)
                done.append(job.video_id)

    await asyncio.gather(*(work() for _ in range(6)))
    assert sorted(done) == [f"v{n:03}" for n in range(120)]


async def test_who_was_away_too_long_has_lost_the_job(services: Services) -> None:
    first, second = jobs_on(services, lease_seconds=0.05), jobs_on(services)
    await first.add([describe("a")])
    job = await claimed(first)
    assert await second.claim(["describe"]) == []
    await asyncio.sleep(0.06)
    with pytest.raises(JobLost):
        await first.finish(job)
    again = await claimed(second)
    assert (again.id, again.attempts) == (job.id, 2)
    for lost in (first.finish(job), first.hold(job), first.fail(job, "No."), first.note(job)):
        with pytest.raises(JobLost):
            await lost
    await second.finish(again)


async def test_a_lost_job_undoes_what_was_written_with_it(services: Services) -> None:
    jobs = jobs_on(services, lease_seconds=0.05)
    await jobs.add([describe("a")])
    job = await claimed(jobs)
    await asyncio.sleep(0.06)

    async def work() -> None:
        async with services.database.client.tx() as transaction:
            await jobs.add([describe("b")], within=transaction)
            await jobs.finish(job, within=transaction)

    with pytest.raises(JobLost):
        await work()
    assert await jobs.find_of("describe", "b", "1") is None


async def test_a_held_job_stays_with_its_holder(services: Services) -> None:
    jobs = jobs_on(services, lease_seconds=0.2)
    await jobs.add([describe("a")])
    job = await claimed(jobs)
    for _ in range(3):
        await asyncio.sleep(0.1)
        await jobs.hold(job)
        assert await jobs_on(services).claim(["describe"]) == []
    await jobs.finish(job)


async def test_what_is_tried_again_waits(services: Services) -> None:
    jobs = jobs_on(services)
    await jobs.add([describe("a")])
    await jobs.try_again(await claimed(jobs), "Too many requests.", seconds=0, counts=False)
    job = await claimed(jobs)
    assert (job.attempts, job.last_error) == (1, "Too many requests.")
    await jobs.note(job, detail={"task": "t1"})
    await jobs.try_again(job, "x" * 2_000, seconds=600, tokens=3)
    assert await jobs.claim(["describe"]) == []
    waiting = await jobs.find(job.id)
    assert waiting is not None
    assert waiting.last_error is not None
    assert (waiting.attempts, len(waiting.last_error), waiting.tokens) == (1, 1_000, 3)
    assert waiting.detail == {"task": "t1"}
    left = await jobs.seconds_until_due(["describe"])
    assert left is not None
    assert 590 < left <= 600
    assert await jobs.drop("describe", ["a", "b"], "It is gone.") == 1
    assert await jobs.counts() == {"describe": {"failed": 1}}
    assert await jobs.seconds_until_due(["describe"]) is None


async def test_work_ends_with_the_lease(services: Services) -> None:
    first, second = jobs_on(services, lease_seconds=0.6), jobs_on(services)
    await first.add([describe("a")])
    since = monotonic()
    job = await claimed(first)
    ended: list[float] = []

    async def work(_: Job) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(monotonic())

    await first.client.execute_raw(
        "UPDATE twelvelabs_job SET due_at = 0 WHERE twelvelabs_job.owner = 'default'"
    )
    again = await claimed(second)
    await while_held(first, job, work, since=since)
    assert len(ended) == 1
    await second.finish(again)


async def test_work_that_is_stopped_gives_the_job_back(services: Services) -> None:
    jobs = jobs_on(services)
    await jobs.add([describe("a")])
    job = await claimed(jobs)
    begun = asyncio.Event()

    async def work(_: Job) -> None:
        begun.set()
        await asyncio.sleep(30)

    working = asyncio.create_task(while_held(jobs, job, work, since=monotonic()))
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await claimed(jobs_on(services))).attempts == 1
