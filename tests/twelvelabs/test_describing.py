"""Each video is described once for each of its versions, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from backend.history import AuditFilters
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.models.sources import HUMAN
from backend.services import Services
from backend.twelvelabs import Budget, Prompt, SyncService
from tests.twelvelabs.conftest import MakeSync, until
from tests.twelvelabs.faults import Fault
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import Video, made_up

pytestmark = pytest.mark.anyio


async def begun(sync: SyncService, server: LoopbackServer, number: int = 1) -> list[Video]:
    """So many videos, that are to be described."""
    videos = list(made_up(number))
    for video in videos:
        server.add(video)
    await sync.ask()
    await sync.run_now()
    return videos


async def counts(sync: SyncService) -> dict[str, int]:
    found = (await sync.status())["videos"]
    return {state: count for state, count in found.items() if count}


async def due_now(sync: SyncService) -> None:
    """Nobody waits."""
    await sync.jobs.client.execute_raw(
        "UPDATE twelvelabs_job SET due_at = 0 WHERE status = 'queued'"
        " AND twelvelabs_job.owner = 'default'"
    )


async def stored(services: Services, video_id: str) -> Mapping[str, Any]:
    return await services.database.get_video_analysis(video_id)


async def test_an_answer_becomes_the_record(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(prompt=Prompt(version="7", model="pegasus1.6"))
    (video,) = await begun(sync, server)
    assert await sync.describe_next()
    assert not await sync.describe_next()
    assert await counts(sync) == {"described": 1}
    record = await stored(services, video.id)
    said = video.description
    assert record["description"] == said["summary"]
    assert record["tags"] == said["keywords"]
    assert record["duration"] == video.duration
    for field in ("title", "people", "mood", "event_type", "segments"):
        assert record[field] == said[field], field
    source = record["sources"]["description"]
    assert {name: source[name] for name in ("kind", "model", "prompt_version")} == {
        "kind": "machine", "model": "pegasus1.6", "prompt_version": "7",
    }  # fmt: skip
    (change,) = (await services.audit.page(AuditFilters(), limit=9))["changes"]
    assert (change["action"], change["actor"]) == ("create", "twelvelabs worker")
    status = await sync.status()
    assert status["jobs"] == {"describe": {"done": 1}}
    assert status["today"]["analyses"] == 1
    assert status["today"]["minutes"] == round(video.duration / 60, 2)
    assert status["today"]["tokens"] > 0


async def test_a_video_that_changes_is_described_again(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    await sync.describe_next()
    server.change(video.id, summary="They have built it again.")
    await sync.ask()
    await sync.run_now()
    assert await counts(sync) == {"stale": 1}
    assert await sync.describe_next()
    assert await counts(sync) == {"described": 1}
    record = await stored(services, video.id)
    assert (record["version"], record["description"]) == (2, "They have built it again.")
    assert set(server.told.analyses.values()) == {1}


async def test_what_a_person_has_said_is_kept(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    await services.database.create_video_analysis(
        VideoAnalysisCreate(
            video_id=video.id,
            description="Our own words.",
            tags=["ours"],
            source={"kind": "human"},
        )
    )
    await sync.describe_next()
    record = await stored(services, video.id)
    assert (record["description"], record["tags"]) == ("Our own words.", ["ours"])
    assert record["title"] == video.description["title"]
    (shown,) = (await sync.listed("described", limit=9))["videos"]
    assert sorted(shown["kept"]) == ["description", "tags"]
    assert await counts(sync) == {"described": 1, "kept": 1}


async def test_a_record_that_was_deleted_stays_away_until_asked_for(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    await sync.describe_next()
    await services.database.delete_video_analysis(video.id)
    await sync.ask()
    await sync.run_now()
    assert await counts(sync) == {"missing": 1}
    assert not await sync.describe_next()
    assert await sync.describe([video.id, "unknown"]) == 1
    assert await sync.describe_next()
    assert (await stored(services, video.id))["version"] == 3
    assert await counts(sync) == {"described": 1}


@pytest.mark.parametrize("fault", ["wrong_text", "500", "closed", "wrong_json"])
async def test_what_goes_wrong_once_is_tried_again(
    services: Services, server: LoopbackServer, make_sync: MakeSync, fault: Fault
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.faults.next("POST analyze", *[fault] * (5 if fault == "500" else 1))
    assert await sync.describe_next()
    job = await sync.jobs.find_of("describe", video.id, video.version or "")
    assert job is not None
    assert job.status == "queued"
    assert job.attempts == 1
    assert job.last_error
    await due_now(sync)
    assert await sync.describe_next()
    assert await counts(sync) == {"described": 1}
    assert (await stored(services, video.id))["version"] == 1


async def test_answers_that_are_never_any_good_fail_in_the_end(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.faults.next("POST analyze", *["wrong_text"] * 8)  # type: ignore[list-item]
    for _ in range(8):
        await due_now(sync)
        assert await sync.describe_next()
    assert await counts(sync) == {"failed": 1}
    (shown,) = (await sync.listed("failed", limit=9))["videos"]
    assert shown["error"] == (
        "The answer is not the JSON object that was asked for (after 8 attempts)"
    )
    assert (await sync.status())["jobs"] == {"describe": {"failed": 1}}
    assert await sync.describe_those("failed") == 1
    assert await sync.describe_next()
    assert await counts(sync) == {"described": 1}
    assert (await stored(services, video.id))["version"] == 1


async def test_a_cut_answer_is_never_stored(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(prompt=Prompt(max_tokens=20))
    (video,) = await begun(sync, server)
    assert await sync.describe_next()
    assert await counts(sync) == {"truncated": 1}
    assert await services.database.get_version(video.id) is None
    job = await sync.jobs.find_of("describe", video.id, video.version or "")
    assert job is not None
    assert (job.detail["max_tokens"], job.last_error) == (80, "The answer was cut at 20 tokens.")
    while await counts(sync) == {"truncated": 1}:
        await due_now(sync)
        assert await sync.describe_next()
    assert await counts(sync) == {"described": 1}
    assert (await stored(services, video.id))["description"] == video.description["summary"]


async def test_what_is_cut_at_the_most_tokens_fails(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(generation="2026-03", prompt=Prompt(max_tokens=2_000))
    (video,) = await begun(sync, server)
    server.faults.next("POST analyze", "length", "length")
    for _ in range(2):
        await due_now(sync)
        assert await sync.describe_next()
    assert await counts(sync) == {"truncated": 1}
    (shown,) = (await sync.listed("truncated", limit=9))["videos"]
    assert shown["error"] == "The answer was cut at 4096 tokens, the most that there can be."
    assert (await sync.status())["jobs"] == {"describe": {"failed": 1}}
    assert await services.database.get_version(video.id) is None


async def test_while_twelve_labs_is_down_nothing_is_counted(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.is_down = True
    assert await sync.describe_next()
    job = await sync.jobs.find_of("describe", video.id, video.version or "")
    assert job is not None
    assert (job.status, job.attempts) == ("queued", 0)
    await due_now(sync)
    assert not await sync.describe_next()
    assert "does not answer" in (await sync.status())["waits_for"]


async def test_a_limit_postpones_and_costs_nothing(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.faults.next("POST analyze", *["429_empty"] * 5)  # type: ignore[list-item]
    assert await sync.describe_next()
    job = await sync.jobs.find_of("describe", video.id, video.version or "")
    assert job is not None
    assert (job.status, job.attempts) == ("queued", 0)
    today = (await sync.status())["today"]
    assert (today["analyses"], today["minutes"]) == (0, 0)


async def test_the_days_budget_is_kept(server: LoopbackServer, make_sync: MakeSync) -> None:
    videos = list(made_up(6))
    for video in videos:
        video.duration = 100
        server.add(video)
    videos[5].duration = 301
    first, second = (make_sync(budget=Budget(minutes=5)) for _ in range(2))
    await first.ask()
    await first.run_now()

    async def work(sync: SyncService) -> None:
        while await sync.describe_next():
            pass

    await asyncio.gather(work(first), work(second), work(first))
    status = await first.status()
    assert status["today"]["minutes"] == 5
    assert status["waits_for"] == "The day's budget is used up."
    assert status["jobs"]["describe"]["done"] == 3
    assert sum(server.told.analyses.values()) == 3
    more = make_sync(budget=Budget(minutes=60))
    await work(more)
    assert (await more.status())["jobs"]["describe"] == {"done": 6}


async def test_a_video_longer_than_the_budget_fails(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(budget=Budget(minutes=0.1))
    await begun(sync, server)
    assert await sync.describe_next()
    (shown,) = (await sync.listed("failed", limit=9))["videos"]
    assert shown["error"] == "The video is longer than what a day's budget allows."
    assert not server.told.analyses


async def test_tokens_end_the_day_too(server: LoopbackServer, make_sync: MakeSync) -> None:
    sync = make_sync(budget=Budget(tokens=1))
    await begun(sync, server, 2)
    assert await sync.describe_next()
    assert not await sync.describe_next()
    assert await counts(sync) == {"described": 1, "missing": 1}


async def test_of_a_long_video_a_task_is_made_and_asked_for(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = made_up(1)
    video.duration = 5_000
    server.add(video)
    await sync.ask()
    await sync.run_now()
    asked = 0
    while await counts(sync) != {"described": 1}:
        await due_now(sync)
        assert await make_sync().describe_next()  # by another each time
        asked += 1
        assert asked < 10
    assert asked > 1
    assert server.told.requests["POST tasks"] == 1
    assert (await stored(services, video.id))["description"] == video.description["summary"]
    assert (await sync.status())["today"]["analyses"] == 1


async def test_a_worker_that_is_stopped_gives_its_job_back(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.delay = 5
    work = asyncio.create_task(sync.describe_next())
    await until(lambda: server.told.requests["POST analyze"] > 0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    job = await sync.jobs.find_of("describe", video.id, video.version or "")
    assert job is not None
    assert (job.status, job.attempts, job.holder) == ("queued", 0, None)


async def test_a_job_is_held_while_an_answer_is_waited_for(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    first, second = make_sync(lease_seconds=0.4), make_sync()
    (video,) = await begun(first, server)
    server.delay = 0.9
    work = asyncio.create_task(first.describe_next())
    for _ in range(3):
        await asyncio.sleep(0.25)
        assert not await second.describe_next()
    assert await work
    assert (await stored(services, video.id))["version"] == 1
    assert set(server.told.analyses.values()) == {1}


async def test_who_has_lost_the_job_writes_nothing(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    first, second = make_sync(lease_seconds=60), make_sync()
    (video,) = await begun(first, server)
    server.delay = 0.4
    work = asyncio.create_task(first.describe_next())
    await until(lambda: server.told.requests["POST analyze"] > 0)
    await first.jobs.client.execute_raw(
        "UPDATE twelvelabs_job SET due_at = 0 WHERE twelvelabs_job.owner = 'default'"
    )
    server.delay = 0
    assert await second.describe_next()
    server.change(video.id, summary="Too late.")
    await work
    record = await stored(services, video.id)
    (before,) = made_up(1)
    assert (record["version"], record["description"]) == (1, before.description["summary"])


async def test_a_person_who_writes_meanwhile_is_not_overwritten(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync()
    (video,) = await begun(sync, server)
    server.delay = 0.3
    work = asyncio.create_task(sync.describe_next())
    await until(lambda: server.told.requests["POST analyze"] > 0)
    await services.database.create_video_analysis(
        VideoAnalysisCreate(video_id=video.id, description="Ours.", source=HUMAN)
    )
    await services.database.patch_video_analysis(
        video.id, VideoAnalysisPatch(mood="tender", source=HUMAN)
    )
    assert await work
    record = await stored(services, video.id)
    assert (record["description"], record["mood"]) == ("Ours.", "tender")
    assert record["title"] == video.description["title"]
