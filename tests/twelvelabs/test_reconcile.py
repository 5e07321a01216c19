"""What the index has, compared with the records."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from backend.core.caller import acting_for
from backend.models.schemas import VideoAnalysisCreate
from backend.services import Services
from backend.twelvelabs import SyncService, TwelveLabsError
from backend.twelvelabs.errors import NotSetUp
from tests.twelvelabs.conftest import MakeSync
from tests.twelvelabs.faults import Fault, Faults
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import id_of, made_up

pytestmark = pytest.mark.anyio


async def ran(sync: SyncService, kind: Any = "full") -> dict[str, int]:
    """The states after a run, those that some videos are in."""
    await sync.ask(kind)
    assert await sync.run_now()
    counts = (await sync.status())["videos"]
    return {state: count for state, count in counts.items() if count}


async def listed(sync: SyncService, state: Any) -> list[str]:
    return [video["video_id"] for video in (await sync.listed(state, limit=100))["videos"]]


async def record(services: Services, video_id: str) -> None:
    await services.database.create_video_analysis(
        VideoAnalysisCreate(video_id=video_id, description="It was here before.")
    )


async def test_each_video_has_its_state(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    for video in made_up(130):
        server.add(video)
    server.videos[id_of(1)].status = "indexing"
    server.videos[id_of(2)].status = "failed"
    await record(services, id_of(3))
    sync = make_sync()
    assert await ran(sync) == {"missing": 127, "pending": 1, "failed": 1, "described": 1}
    assert await listed(sync, "pending") == [id_of(1)]
    assert await sync.jobs.counts() == {"describe": {"queued": 127}}
    status = await sync.status()
    assert {name: status["runs"][0][name] for name in ("number", "kind", "status", "videos")} == {
        "number": 1, "kind": "full", "status": "done", "videos": 130,
    }  # fmt: skip
    server.change(id_of(3))
    server.delete(id_of(4))
    assert await ran(sync) == {"missing": 126, "pending": 1, "failed": 1, "stale": 1}
    assert await listed(sync, "stale") == [id_of(3)]
    assert await sync.jobs.counts() == {"describe": {"queued": 127, "failed": 1}}
    server.delete(id_of(3))
    assert await ran(sync) == {"missing": 126, "pending": 1, "failed": 1, "orphaned": 1}
    assert await listed(sync, "orphaned") == [id_of(3)]
    await services.database.delete_video_analysis(id_of(3))
    assert await ran(sync) == {"missing": 126, "pending": 1, "failed": 1}


async def test_new_videos_are_found_without_looking_at_all(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    videos = list(made_up(500))
    for video in videos[:400]:
        server.add(video)
    server.videos[id_of(0)].status = "indexing"
    sync = make_sync()
    await ran(sync)
    for video in videos[400:]:
        video.created_at += timedelta(days=1)
        server.add(video)
    server.videos[id_of(0)].status = "ready"
    server.told.requests.clear()
    assert await ran(sync, "new") == {"missing": 500}
    assert server.told.requests["GET indexed-assets"] < 10
    assert server.told.requests["GET indexed-asset"] == 1


async def test_a_video_that_the_list_left_out_is_no_orphan(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    for video in made_up(3):
        server.add(video)
    await record(services, id_of(1))
    sync = make_sync()
    await ran(sync)
    hidden = server.videos.pop(id_of(1))
    answer = server.videos

    class Hiding(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            return key == hidden.id or super().__contains__(key)

        def __getitem__(self, key: str) -> Any:
            return hidden if key == hidden.id else super().__getitem__(key)

    server.videos = Hiding(answer)
    assert await ran(sync) == {"missing": 2, "described": 1}


async def test_many_that_are_gone_are_let_go(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    for video in made_up(250):
        server.add(video)
    for number in range(120):
        await record(services, id_of(number))
    sync = make_sync()
    await ran(sync)
    server.videos.clear()
    server.told.requests.clear()
    assert await ran(sync) == {"orphaned": 120}
    assert server.told.requests["GET indexed-asset"] == 0


async def test_a_run_that_fails_says_why_and_lets_nothing_go(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    for video in made_up(120):
        server.add(video)
    await record(services, id_of(0))
    sync = make_sync()
    before = await ran(sync)
    server.delete(id_of(0))
    server.is_down = True
    await sync.ask()
    with pytest.raises(TwelveLabsError):
        await sync.run_now()
    status = await sync.status()
    assert status["runs"][0]["status"] == "failed"
    assert "Twelve Labs does not answer" in status["runs"][0]["error"]
    assert {state: count for state, count in status["videos"].items() if count} == before


async def test_faults_of_lists_change_nothing(server: LoopbackServer, make_sync: MakeSync) -> None:
    for video in made_up(600):
        server.add(video)
    kinds: tuple[Fault, ...] = ("500", "closed", "wrong_json", "duplicate_page")
    server.faults = Faults(0.3, seed=5, kinds=kinds)
    assert await ran(make_sync()) == {"missing": 600}
    assert server.faults.done["duplicate_page"]


async def test_one_run_at_a_time(server: LoopbackServer, make_sync: MakeSync) -> None:
    for video in made_up(60):
        server.add(video)
    first, second = make_sync(), make_sync()
    await asyncio.gather(first.ask(), second.ask("new"), first.ask())
    assert len((await first.status())["runs"]) == 1
    ran_here = await asyncio.gather(first.run_now(), second.run_now())
    assert sorted(ran_here) == [False, True]
    (run,) = (await second.status())["runs"]
    assert (run["kind"], run["status"], run["videos"]) == ("full", "done", 60)


async def test_a_run_whose_process_has_gone_ends(
    server: LoopbackServer, make_sync: MakeSync
) -> None:
    first, second = make_sync(), make_sync()
    first.runs._held = 400
    await first.ask()
    assert await first.runs.begin() is not None
    await second.ask()
    assert not await second.run_now()
    await asyncio.sleep(0.41)
    assert await second.run_now()
    newest, oldest = (await second.status())["runs"]
    assert (oldest["status"], oldest["error"]) == ("failed", "The process that ran it has gone.")
    assert newest["status"] == "done"


async def test_runs_are_due_by_the_clock(server: LoopbackServer, make_sync: MakeSync) -> None:
    sync = make_sync()
    for every, all_every in ((60.0, 3600.0), (60.0, 3600.0), (0.0, 3600.0), (0.0, 0.0)):
        await sync.runs.ask_if_due(every=every, all_every=all_every)
        await sync.run_now()
    kinds = [run["kind"] for run in (await sync.status())["runs"]]
    assert kinds == ["full", "new", "full"]


async def test_pages_lead_on(server: LoopbackServer, make_sync: MakeSync) -> None:
    for video in made_up(25):
        server.add(video)
    sync = make_sync()
    await ran(sync)
    found, cursor = [], None
    while True:
        page = await sync.listed("missing", limit=10, cursor=cursor)
        found += [video["video_id"] for video in page["videos"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(server.videos)


async def test_the_index_is_of_its_owner_alone(make_sync: MakeSync) -> None:
    sync = make_sync()
    with acting_for("somebody"):
        for asked in (sync.status(), sync.ask(), sync.listed("missing", limit=1)):
            with pytest.raises(NotSetUp):
                await asked
