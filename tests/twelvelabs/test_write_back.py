"""What others than the worker change here is told to the index, once, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.core.caller import actor
from backend.models.schemas import VideoAnalysisPatch
from backend.models.sources import HUMAN
from backend.services import Services
from backend.twelvelabs import SyncService
from backend.twelvelabs.write_back import WRITER, WRITTEN_AT
from tests.twelvelabs.conftest import MakeSync
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import Video, made_up

pytestmark = pytest.mark.anyio


async def followed(sync: SyncService) -> None:
    """All that was changed until now is told."""
    while await sync.follow():
        pass
    while await sync.write_next():
        pass


async def described(sync: SyncService, server: LoopbackServer) -> Video:
    (video,) = made_up(1)
    server.add(video)
    await followed(sync)
    await sync.ask()
    await sync.run_now()
    await sync.describe_next()
    return video


async def changed(services: Services, video: Video, **fields: Any) -> None:
    """By a person."""
    token = actor.set("key 12 (frontend)")
    try:
        await services.database.patch_video_analysis(
            video.id, VideoAnalysisPatch.model_validate({**fields, "source": HUMAN})
        )
    finally:
        actor.reset(token)


def told(video: Video) -> dict[str, Any]:
    assert WRITTEN_AT in video.user_metadata
    return {name: value for name, value in video.user_metadata.items() if name != WRITTEN_AT}


async def test_what_a_person_changes_is_told(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(writes_back=True)
    video = await described(sync, server)
    await followed(sync)
    assert video.user_metadata == {}
    await changed(services, video, mood="tender", title="Not for the index")
    await changed(services, video, tags=["ours"], recorded_date="2019-07-14")
    await followed(sync)
    assert told(video) == {
        "tags": ["ours"],
        "mood": "tender",
        "date": "2019-07-14",
        WRITER: "key 12 (frontend)",
    }
    assert server.told.requests["PATCH indexed-asset"] == 1
    await changed(services, video, mood=None, tags=[])
    await followed(sync)
    assert told(video) == {"date": "2019-07-14", WRITER: "key 12 (frontend)"}


async def test_nothing_comes_back(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(writes_back=True)
    video = await described(sync, server)
    # What is written to the index changes `updated_at`, which is this video's only version.
    video.indexed_at = None
    await sync.ask()
    await sync.run_now()
    await sync.describe_next()
    analyses = server.told.requests["POST analyze"]
    await changed(services, video, mood="tender")
    await followed(sync)
    await sync.ask()
    await sync.run_now()
    assert not await sync.describe_next()
    server.change(video.id, mood="lively", summary="Indexed anew.")
    await sync.ask()
    await sync.run_now()
    assert await sync.describe_next()
    await followed(sync)
    assert server.told.requests["POST analyze"] == analyses + 1
    assert server.told.requests["PATCH indexed-asset"] == 1
    assert told(video)["mood"] == "tender"
    record = await services.database.get_video_analysis(video.id)
    assert (record["description"], record["mood"]) == ("Indexed anew.", "tender")


async def test_what_the_index_does_not_hold_is_told_by_the_status(
    services: Services,
    server: LoopbackServer,
    make_sync: MakeSync,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sync = make_sync(writes_back=True)
    video = await described(sync, server)
    monkeypatch.setattr("backend.twelvelabs.write_back.NAMES", {"mood": "size"})
    await changed(services, video, mood="tender", tags=["ours"])
    await followed(sync)
    assert told(video) == {"tags": ["ours"], WRITER: "key 12 (frontend)"}
    (shown,) = (await sync.listed("unheld", limit=9))["videos"]
    assert shown["unheld"] == {"mood": "size cannot be overridden."}
    assert (await sync.status())["videos"]["unheld"] == 1
    monkeypatch.undo()
    await changed(services, video, mood="calm")
    await followed(sync)
    assert told(video)["mood"] == "calm"
    assert (await sync.status())["videos"]["unheld"] == 0


async def test_the_older_interface_gets_lists_as_text(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(writes_back=True, generation="2026-03")
    video = await described(sync, server)
    await changed(services, video, people=["Ben", "Ida"])
    await followed(sync)
    assert json.loads(told(video)["people"]) == ["Ben", "Ida"]


async def test_while_twelve_labs_is_down_it_waits(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    sync = make_sync(writes_back=True)
    video = await described(sync, server)
    server.is_down = True
    await changed(services, video, mood="tender")
    await followed(sync)
    assert (await sync.status())["jobs"]["write_back"] == {"queued": 1}
    server.is_down = False
    await sync.jobs.client.execute_raw(
        "UPDATE twelvelabs_job SET due_at = 0 WHERE twelvelabs_job.owner = 'default'"
    )
    another = make_sync(writes_back=True)
    await followed(another)
    assert told(video)["mood"] == "tender"


async def test_only_what_comes_after_it_was_begun_is_told(
    services: Services, server: LoopbackServer, make_sync: MakeSync
) -> None:
    (video,) = made_up(1)
    server.add(video)
    without = make_sync()
    await without.ask()
    await without.run_now()
    await without.describe_next()
    await changed(services, video, mood="tender")
    sync = make_sync(writes_back=True)
    await followed(sync)
    assert video.user_metadata == {}
    await changed(services, video, recorded_date="2019-07-14")
    await followed(sync)
    assert told(video) == {"mood": "tender", "date": "2019-07-14", WRITER: "key 12 (frontend)"}
