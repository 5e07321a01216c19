"""GET /api/video-analysis/{id}/stream: addresses that are good for a while."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from backend.twelvelabs import streams
from backend.twelvelabs.streams import FRESH_SECONDS, MARGIN_SECONDS, Stream, expiry_of
from tests.fixtures import Database, on_sqlite
from tests.twelvelabs.faults import Faults
from tests.twelvelabs.served import served
from tests.twelvelabs.server import LoopbackServer
from tests.twelvelabs.videos import id_of, made_up

pytestmark = pytest.mark.anyio


def path(number: int) -> str:
    return f"/api/video-analysis/{id_of(number)}/stream"


@pytest.fixture
async def client(database: Database, server: LoopbackServer) -> AsyncIterator[httpx.AsyncClient]:
    server.begin_anew(made_up(5))
    async with served(database, server) as (_, client):
        yield client


@on_sqlite
async def test_the_address_and_its_pictures(
    client: httpx.AsyncClient, server: LoopbackServer
) -> None:
    answer = await client.get(path(2))
    assert answer.status_code == 200, answer.text
    stream = answer.json()
    assert stream["video_id"] == id_of(2)
    assert stream["url"].startswith(f"http://127.0.0.1:{server.port}/stream/{id_of(2)}.m3u8?")
    assert stream["thumbnail_urls"] == [stream["thumbnail_url"]]
    assert int(stream["url"].rpartition("=")[2]) > time.time() + MARGIN_SECONDS
    assert stream["expires_at"]


@on_sqlite
async def test_it_is_asked_for_again_before_it_expires(
    client: httpx.AsyncClient, server: LoopbackServer
) -> None:
    urls = {(await client.get(path(2))).json()["url"] for _ in range(3)}
    assert (len(urls), server.told.requests["GET indexed-asset"]) == (1, 1)
    server.stream_seconds = MARGIN_SECONDS - 1
    for _ in range(3):
        assert (await client.get(path(3))).status_code == 200
    assert server.told.requests["GET indexed-asset"] == 4


@on_sqlite
async def test_a_video_without_a_stream(client: httpx.AsyncClient, server: LoopbackServer) -> None:
    server.videos[id_of(1)].has_stream = False
    for video, kind in ((path(1), "stream-not-found"), (path(9), "twelvelabs-not-found")):
        answer = await client.get(video)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, kind)
    assert (await client.get("/api/video-analysis/a:b~c/stream")).status_code == 404


@on_sqlite
async def test_a_stream_that_is_being_made(
    client: httpx.AsyncClient, server: LoopbackServer
) -> None:
    server.streams_are_ready = False
    answer = await client.get(path(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    server.streams_are_ready = True
    assert (await client.get(path(1))).status_code == 200


@on_sqlite
async def test_where_twelve_labs_is_down(
    client: httpx.AsyncClient, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "WAIT_SECONDS", 0.1)
    server.faults = Faults(1.0, kinds=("500",))
    answer = await client.get(path(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["type"].endswith("twelvelabs-unavailable")


@pytest.mark.parametrize(
    "setting", [{"twelvelabs_api_key": SecretStr("")}, {"twelvelabs_owner": "ann"}]
)
@on_sqlite
async def test_where_there_is_no_index(
    database: Database, server: LoopbackServer, setting: dict[str, object]
) -> None:
    async with served(database, server, **setting) as (_, client):
        answer = await client.get(path(1))
    assert (answer.status_code, answer.json()["title"]) == (404, "Twelve Labs not set up")
    assert not server.told.requests


@pytest.mark.parametrize(
    ("url", "expires"),
    [
        ("https://a.example/x.m3u8", None),
        ("https://a.example/x.m3u8?Expires=1767225600&Signature=x", 1767225600),
        ("https://a.example/x?X-Amz-Date=20260101T000000Z&X-Amz-Expires=60", 1767225660),
        ("https://a.example/x?X-Goog-Date=20260101T000000Z&X-Goog-Expires=60", 1767225660),
        ("https://a.example/x?X-Amz-Expires=60", None),
        ("https://a.example/x?X-Amz-Date=tomorrow&X-Amz-Expires=60", None),
        ("https://a.example/x?Expires=soon", None),
        ("https://[", None),
    ],
)
def test_when_an_address_expires(url: str, expires: float | None) -> None:
    assert expiry_of(url) == expires


def test_how_long_an_address_is_good() -> None:
    assert Stream("", (), None, 1000).is_good(1000 + FRESH_SECONDS - 1)
    assert not Stream("", (), None, 1000).is_good(1000 + FRESH_SECONDS)
    assert Stream("", (), 9000, 1000).is_good(9000 - MARGIN_SECONDS - 1)
    assert not Stream("", (), 9000, 1000).is_good(9000 - MARGIN_SECONDS)
