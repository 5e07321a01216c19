"""The client against the loopback server: what it asks for, and what it makes of each fault."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from backend.twelvelabs import Connection, TwelveLabs
from backend.twelvelabs.errors import Incomplete, NotFound, RateLimited, Rejected, Unavailable
from tests.twelvelabs.faults import Faults
from tests.twelvelabs.server import API_KEY, INDEX_ID, LoopbackServer
from tests.twelvelabs.videos import id_of, made_up, rfc3339, video_of

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "summary": {"type": "string"}},
}


@pytest.fixture
def server(shared_server: LoopbackServer) -> LoopbackServer:
    shared_server.begin_anew(made_up(120))
    return shared_server


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[TwelveLabs]:
    async with made(server) as client:
        yield client


class made:  # noqa: N801 - reads as a function
    def __init__(self, server: LoopbackServer, **rules: object) -> None:
        self._client = TwelveLabs(server.connection(**{"timeout": 5.0, "delay": 0.01, **rules}))

    async def __aenter__(self) -> TwelveLabs:
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._client.close()


async def listed(client: TwelveLabs, after: str | None = None) -> list[str]:
    return [asset.id async for asset in client.indexed_assets(after)]


# Lists


async def test_the_index(server: LoopbackServer, client: TwelveLabs) -> None:
    index = await client.index()
    assert (index.id, index.name, index.video_count) == (INDEX_ID, "Memories", 120)


async def test_each_video_is_listed_once_the_oldest_first(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    assert await listed(client) == [id_of(each) for each in range(120)]
    assert server.told.requests["GET indexed-assets"] == 3


async def test_only_those_from_a_time_on(server: LoopbackServer, client: TwelveLabs) -> None:
    after = rfc3339(server.videos[id_of(117)].created_at)
    assert await listed(client, after) == [id_of(117), id_of(118), id_of(119)]


async def test_videos_that_are_added_meanwhile_are_listed(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    seen = []
    async for asset in client.indexed_assets():
        seen.append(asset.id)
        if len(seen) == 10:
            for each in range(120, 160):
                server.add(video_of(each, "new.mp4", 9.0, {"summary": "New."}))
    assert seen == [id_of(each) for each in range(160)]


async def test_none_is_missed_where_others_are_deleted_meanwhile(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    seen = []
    async for asset in client.indexed_assets():
        seen.append(asset.id)
        if len(seen) == 50:
            for each in range(20):
                server.delete(id_of(each))
    assert sorted(seen) == sorted(id_of(each) for each in range(120))


async def test_a_page_that_comes_twice_hides_none(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    server.faults.next("GET indexed-assets", "500", "duplicate_page")
    server.faults.next("GET indexed-assets", "wrong_json", "duplicate_page", "slow_body")
    assert await listed(client) == [id_of(each) for each in range(120)]


async def test_a_list_that_lacks_some_says_so(server: LoopbackServer, client: TwelveLabs) -> None:
    server.faults = Faults(1.0, kinds=("duplicate_page",))
    with pytest.raises(Incomplete, match="pages"):
        await listed(client)


# One video


async def test_one_video_with_its_stream_and_words(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    video = server.videos[id_of(3)]
    video.user_metadata = {"mood": "calm", "rating": 9.5}
    asset = await client.indexed_asset(id_of(3), transcription=True)
    assert (asset.id, asset.asset_id, asset.status) == (id_of(3), video.asset_id, "ready")
    assert asset.system_metadata.duration == video.duration
    assert asset.user_metadata == {"mood": "calm", "rating": 9.5}
    assert asset.hls is not None
    assert asset.hls.video_url is not None
    assert asset.transcription is not None
    assert [each.value for each in asset.transcription] == [
        each["text"] for each in video.description["segments"]
    ]


@pytest.mark.parametrize("id_", ["0" * 24, "..", "a/b", "a?b", "", "ü"])
async def test_a_video_that_there_is_not(client: TwelveLabs, id_: str) -> None:
    with pytest.raises(NotFound):
        await client.indexed_asset(id_)


async def test_metadata_is_merged(server: LoopbackServer, client: TwelveLabs) -> None:
    await client.update_user_metadata(id_of(1), {"mood": "calm", "people": ["Ben", "Ida"]})
    await client.update_user_metadata(id_of(1), {"mood": None, "rating": 4})
    assert server.videos[id_of(1)].user_metadata == {"people": ["Ben", "Ida"], "rating": 4}
    with pytest.raises(Rejected, match="duration cannot be overridden"):
        await client.update_user_metadata(id_of(1), {"duration": 4})


# Analyses


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("generation", ["2026-07", "2026-03"])
async def test_an_analysis_in_each_form(
    server: LoopbackServer, generation: str, streamed: bool
) -> None:
    async with made(server, generation=generation) as client:
        asset = await client.indexed_asset(id_of(5))
        analyze = client.analyze_streamed if streamed else client.analyze
        analysis = await analyze(asset, "Describe it.", schema=SCHEMA)
    description = server.videos[id_of(5)].description
    assert json.loads(analysis.data) == {
        "title": description["title"],
        "summary": description["summary"],
    }
    assert analysis.id
    assert analysis.finish_reason == "stop"
    assert analysis.usage.output_tokens > 0
    assert sum(server.told.analyses.values()) == 1


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_analysis_cut_by_its_length_is_told(
    server: LoopbackServer, client: TwelveLabs, streamed: bool
) -> None:
    asset = await client.indexed_asset(id_of(5))
    analyze = client.analyze_streamed if streamed else client.analyze
    with pytest.raises(Incomplete) as caught:
        await analyze(asset, "Describe it.", schema=SCHEMA, max_tokens=10)
    assert caught.value.reason == "length"
    assert caught.value.analysis is not None
    assert caught.value.analysis.usage.output_tokens == 10


async def test_a_stream_without_its_end_is_told(server: LoopbackServer, client: TwelveLabs) -> None:
    asset = await client.indexed_asset(id_of(5))
    for _ in range(6):  # some are closed, others end as if they were whole
        server.faults.next("POST analyze", "cut_stream")
        with pytest.raises(Incomplete) as caught:
            await client.analyze_streamed(asset, "Describe it.")
        assert caught.value.reason == "cut"
    assert sum(server.told.analyses.values()) == 6
    assert not server.told.answered


async def test_what_may_have_cost_is_not_asked_again(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    asset = await client.indexed_asset(id_of(5))
    server.faults.next("POST analyze", "cut_stream")
    with pytest.raises(Unavailable):
        await client.analyze(asset, "Describe it.")
    assert server.told.requests["POST analyze"] == 1
    server.faults.next("POST analyze", "429", "500", "429_empty")
    await client.analyze(asset, "Describe it.")
    assert server.told.requests["POST analyze"] == 5


async def test_a_task_is_made_once(server: LoopbackServer, client: TwelveLabs) -> None:
    asset = await client.indexed_asset(id_of(5))
    server.faults.next("POST tasks", "closed", "wrong_json")
    task = await client.start_analysis(
        asset, "Describe it.", schema=SCHEMA, custom_id="job-1", idempotency_key="one"
    )
    again = await client.start_analysis(asset, "Describe it.", idempotency_key="one")
    assert task.task_id == again.task_id
    assert len(server.tasks) == sum(server.told.analyses.values()) == 1
    done = await client.analysis_task(task.task_id)
    assert (done.status, done.custom_id) == ("ready", "job-1")
    assert done.result is not None
    assert "title" in json.loads(done.result.whole().data)
    with pytest.raises(NotFound):
        await client.analysis_task("none")


# Search and uploads


async def test_search(server: LoopbackServer, client: TwelveLabs) -> None:
    clips = await client.search("video number 77 reel37", 7)
    assert clips[0].video_id == id_of(77)
    assert [clip.rank for clip in clips] == [1, 2, 3, 4, 5, 6, 7]
    assert await client.search("xylophone", 7) == []


async def test_an_upload_by_url_and_by_file(server: LoopbackServer, client: TwelveLabs) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"\r\n--0123456789" * 100

    by_url = await client.create_asset("https://videos.example/beach.mp4")
    assert (by_url.filename, by_url.status) == ("beach.mp4", "ready")
    by_file = await client.create_asset_of_file(parts(), filename='a"b\r\n.mp4', seconds=30)
    assert by_file.filename == "a_b__.mp4"
    assert server.assets[by_file.id].size == 14 * 100 * 100
    assert await client.indexed_as(by_file.id) is None
    id_ = await client.create_indexed_asset(by_file.id)
    assert await client.indexed_as(by_file.id) == id_
    assert (await client.indexed_asset(id_)).asset_id == by_file.id
    assert (await client.asset(by_file.id)).status == "ready"
    with pytest.raises(Rejected, match="parameter_invalid"):
        await client.create_asset("ftp://videos.example/beach.mp4")


# Errors


async def test_what_reads_is_asked_again(server: LoopbackServer, client: TwelveLabs) -> None:
    server.faults.next("GET index", "closed", "500", "wrong_json", "429")
    assert (await client.index()).id == INDEX_ID
    assert server.told.requests["GET index"] == 5
    server.faults.next("GET index", *["500"] * 5)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="status 500"):
        await client.index()


async def test_an_answer_that_does_not_come_is_not_waited_for(server: LoopbackServer) -> None:
    server.faults = Faults(1.0, kinds=("timeout",), hang=30)
    async with made(server, timeout=0.2, patience=0.1) as client:
        with pytest.raises(Unavailable, match=r"timeout"):
            await client.index()


async def test_a_body_that_drips_is_not_waited_for(server: LoopbackServer) -> None:
    server.faults = Faults(1.0, kinds=("slow_body",), slow=30)
    async with made(server, timeout=0.2, patience=0.1) as client:
        with pytest.raises(Unavailable, match=r"timeout"):
            await client.index()


async def test_a_server_that_is_not_there(server: LoopbackServer, client: TwelveLabs) -> None:
    server.stop()
    with pytest.raises(Unavailable, match="connect error"):
        await client.indexed_asset(id_of(1), patience=0.1)
    server.start()
    assert (await client.index()).id == INDEX_ID


async def test_each_form_of_errors_is_read(server: LoopbackServer, client: TwelveLabs) -> None:
    asset = await client.indexed_asset(id_of(5))
    for prompt, missing, code in (
        ("", asset.asset_id, "parameter_not_provided"),
        ("Describe it.", "none", "resource_not_exist"),
    ):
        given = asset.model_copy(update={"asset_id": missing})
        with pytest.raises(Rejected) as caught:
            await client.analyze(given, prompt)
        assert caught.value.code == code
        assert caught.value.message
    async with made(server) as other:
        other._requests._rules = Connection("tlk_another", INDEX_ID, server.url)
        with pytest.raises(Rejected) as caught:
            await other.index()
    assert (caught.value.code, caught.value.answered) == ("api_key_invalid", 401)


async def test_the_key_is_told_to_nobody_else(
    server: LoopbackServer, client: TwelveLabs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults.next("GET index", *["500"] * 5)  # type: ignore[arg-type]
    texts = [repr(client.rules), repr(client), str(client.rules)]
    with pytest.raises(Unavailable) as caught:
        await client.index()
    texts += [repr(caught.value), str(caught.value), repr(caught.value.__cause__)]
    await client.search("grandmother", 3)
    assert server.told.keys == {API_KEY}
    assert API_KEY not in " ".join([*texts, caplog.text])
    for wrong in ("", "a b", "key\n", "schlüssel"):
        with pytest.raises(ValueError, match="the key has only visible characters") as refused:
            Connection(wrong, INDEX_ID)
        assert not wrong or wrong not in str(refused.value)


# Limits


async def test_no_more_is_asked_than_the_server_takes(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    server.limits = {"reads": (7, 1)}
    assets = await asyncio.gather(*(client.indexed_asset(id_of(each)) for each in range(24)))
    assert [asset.id for asset in assets] == [id_of(each) for each in range(24)]
    assert server.told.requests["GET indexed-asset"] == 24
    assert not server.told.refused


async def test_who_cannot_wait_is_told_for_how_long(
    server: LoopbackServer, client: TwelveLabs
) -> None:
    server.limits = {"search": (1, 3600)}
    await client.search("grandmother", 3)
    with pytest.raises(RateLimited) as caught:
        await client.search("grandmother", 3, patience=0.5)
    await client.index()  # which is counted apart
    assert 0 < caught.value.retry_after <= 3600
    assert server.told.requests["POST search"] == 1


async def test_a_429_is_waited_for(server: LoopbackServer, client: TwelveLabs) -> None:
    server.faults.next("POST search", "429")
    with pytest.raises(RateLimited) as caught:
        await client.search("grandmother", 3, patience=0.1)
    assert 0 < caught.value.retry_after <= 1
    server.faults.next("POST search", "429_empty")
    assert await client.search("grandmother", 3)
