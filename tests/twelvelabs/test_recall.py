"""POST /api/recall: two searches at once, and ours alone when the other does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from backend.twelvelabs.recall import ASKED_AT_ONCE
from tests.fixtures import Database, on_sqlite
from tests.twelvelabs.faults import Faults
from tests.twelvelabs.served import served
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import Video, of_file

pytestmark = pytest.mark.anyio

PATH = "/api/recall"
RECORDS = 12
"""So many of the twenty videos are described here."""


@pytest.fixture(scope="module")
def videos() -> list[Video]:
    return list(of_file())


@pytest.fixture
def server(shared_server: LoopbackServer) -> LoopbackServer:
    shared_server.begin_anew(of_file())
    return shared_server


@pytest.fixture
async def client(
    database: Database, server: LoopbackServer, videos: list[Video]
) -> AsyncIterator[httpx.AsyncClient]:
    async with served(database, server, twelvelabs_recall_seconds=30) as (_, client):
        await store(client, videos)
        yield client


async def store(client: httpx.AsyncClient, videos: list[Video]) -> None:
    for video in videos[:RECORDS]:
        described = video.description
        body = {
            "video_id": video.id,
            "description": described["summary"],
            "title": described["title"],
            "tags": described["keywords"],
            "segments": described["segments"],
        }
        answer = await client.post("/api/video-analysis/", json=body)
        assert answer.status_code == 201, answer.text


async def recalled(client: httpx.AsyncClient, query: str, **others: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={"query": query, **others})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["count"] == len(found["moments"])
    return found


async def test_what_both_have_found_comes_first(
    client: httpx.AsyncClient, videos: list[Video]
) -> None:
    found = await recalled(client, "children build a sandcastle, a wave takes the tower")
    assert found["sources"] == {"twelvelabs": "ok", "descriptions": "ok"}
    first = found["moments"][0]
    assert first["video_id"] == videos[0].id
    assert {reason["source"] for reason in first["why"]} == {"twelvelabs", "descriptions"}
    assert first["analysis"]["description"] == videos[0].description["summary"]
    assert first["thumbnail_url"]
    by_words = next(each for each in first["why"] if each["source"] == "descriptions")
    assert "<mark>" in by_words["snippet"]
    assert (first["start"], first["end"]) == (121.0, 182.4)
    scores = [moment["score"] for moment in found["moments"]]
    assert scores == sorted(scores, reverse=True)


async def test_a_video_without_a_record_is_found_too(
    client: httpx.AsyncClient, videos: list[Video]
) -> None:
    found = await recalled(client, "goalkeeper holds the last penalty", limit=3)
    moment = next(each for each in found["moments"] if each["video_id"] == videos[16].id)
    assert moment["analysis"] is None
    assert [reason["source"] for reason in moment["why"]] == ["twelvelabs"]


@on_sqlite
async def test_what_others_have_said_is_no_markup(
    client: httpx.AsyncClient, server: LoopbackServer, videos: list[Video]
) -> None:
    said = "<script>alert('wave')</script> " + "wave " * 500
    server.videos[videos[16].id].description["segments"] = [{"start": 0, "end": 9, "text": said}]
    found = await recalled(client, "script alert wave")
    snippets = [why["snippet"] for moment in found["moments"] for why in moment["why"]]
    assert any("&lt;script&gt;" in snippet for snippet in snippets)
    assert not any("<script" in snippet for snippet in snippets)
    assert max(map(len, snippets)) < 1000


@on_sqlite
async def test_as_many_as_are_asked_for(client: httpx.AsyncClient) -> None:
    assert (await recalled(client, "the", limit=1))["count"] == 1
    assert (await recalled(client, "a family in the garden by the lake", limit=50))["count"] > 5


@on_sqlite
async def test_nothing_is_found(client: httpx.AsyncClient) -> None:
    assert (await recalled(client, "xylophone"))["moments"] == []


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [{}, {"query": ""}, {"query": "  "}, {"query": "a", "limit": 0}, {"query": "a", "limit": 51},
     {"query": "a" * 1001}, {"query": "a", "more": 1}, {"query": 1}],
)  # fmt: skip
async def test_what_is_no_question(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post(PATH, json=body)).status_code == 422


@on_sqlite
@pytest.mark.parametrize(
    ("fault", "said"),
    [("429", "limited"), ("500", "unavailable"), ("timeout", "unavailable"),
     ("closed", "unavailable"), ("slow_body", "unavailable"), ("wrong_json", "unavailable"),
     ("down", "unavailable"), ("gone", "unavailable")],
)  # fmt: skip
async def test_the_descriptions_answer_alone(
    database: Database, server: LoopbackServer, videos: list[Video], fault: Any, said: str
) -> None:
    if fault == "down":
        server.is_down = True
    elif fault == "gone":
        server.stop()
    else:
        server.faults = Faults(1.0, kinds=(fault,), hang=60, slow=60)
    async with served(database, server, twelvelabs_recall_seconds=0.5) as (_, client):
        await store(client, videos)
        found = await recalled(client, "sandcastle")
    assert found["sources"] == {"twelvelabs": said, "descriptions": "ok"}
    assert [moment["video_id"] for moment in found["moments"]] == [videos[0].id]
    assert found["moments"][0]["thumbnail_url"] is None


@on_sqlite
async def test_a_wrong_key_is_said_in_the_log_alone(
    database: Database,
    server: LoopbackServer,
    videos: list[Video],
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = SecretStr("tlk_wrong_0123456789")
    async with served(database, server, twelvelabs_api_key=wrong) as (_, client):
        await store(client, videos)
        found = await recalled(client, "sandcastle")
    assert found["sources"]["twelvelabs"] == "unavailable"
    assert "api_key_invalid" in caplog.text
    assert wrong.get_secret_value() not in caplog.text


async def test_another_owner_has_no_index(
    database: Database, server: LoopbackServer, videos: list[Video]
) -> None:
    async with served(database, server, twelvelabs_owner="ann") as (_, client):
        await store(client, videos)
        found = await recalled(client, "sandcastle")
    assert found["sources"]["twelvelabs"] == "off"
    assert found["count"] == 1
    assert server.told.requests["POST search"] == 0


async def test_without_a_key_nothing_is_asked(
    client: httpx.AsyncClient, database: Database, server: LoopbackServer
) -> None:
    async with served(database, server, twelvelabs_api_key=SecretStr("")) as (_, alone):
        found = await recalled(alone, "sandcastle")
    assert found["sources"] == {"twelvelabs": "off", "descriptions": "ok"}
    assert found["count"] == 1
    assert not server.told.requests


@on_sqlite
async def test_no_more_than_so_many_wait_for_an_answer(
    database: Database, server: LoopbackServer
) -> None:
    server.delay = 3
    async with served(database, server, twelvelabs_recall_seconds=1) as (_, client):
        found = await asyncio.gather(
            *(recalled(client, "sandcastle") for _ in range(2 * ASKED_AT_ONCE))
        )
    said = [each["sources"]["twelvelabs"] for each in found]
    assert said.count("limited") >= ASKED_AT_ONCE
    assert said.count("unavailable") > 0
