"""POST /api/videos: by URL, as a form, as the body; and how far each has come."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from backend.core.caller import acting_for
from backend.twelvelabs import uploading, uploads
from backend.twelvelabs.uploading import LONGEST_SECONDS, MOST_ATTEMPTS, Uploader
from tests.fixtures import Database, on_sqlite
from tests.hostile.watch import watched
from tests.twelvelabs.served import served
from tests.twelvelabs.server import LoopbackServer

pytestmark = pytest.mark.anyio

PATH = "/api/videos"
URL = "https://videos.example/films/beach.mp4?token=hushed"
JSON = {"Content-Type": "application/json"}

AppAndClient = tuple[FastAPI, httpx.AsyncClient]


@pytest.fixture
async def app_and_client(database: Database, server: LoopbackServer) -> AsyncIterator[AppAndClient]:
    async with served(database, server, twelvelabs_upload_max_bytes=1_000_000) as both:
        yield both


@pytest.fixture
def client(app_and_client: AppAndClient) -> httpx.AsyncClient:
    return app_and_client[1]


@pytest.fixture
def step(app_and_client: AppAndClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """What the worker does next of an upload; no pause is made."""
    monkeypatch.setattr(uploading, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(uploading, "RETRY_SECONDS", 0.0)
    sync = app_and_client[0].state.sync
    uploader = Uploader(sync._index.client, sync.jobs, sync._reconciler)
    return uploader.upload_next


async def state(client: httpx.AsyncClient, location: str) -> str:
    answer = await client.get(location)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


async def accepted(answer: httpx.Response) -> str:
    """The job's path."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    assert answer.json()["state"] == "queued"
    return answer.headers["location"]


async def test_from_an_address_to_a_record(
    app_and_client: AppAndClient, server: LoopbackServer, step: Callable[[], Any]
) -> None:
    app, client = app_and_client
    server.indexing_seconds = 0.5
    job = await accepted(await client.post(PATH, json={"url": URL}))
    assert not server.told.requests, "nothing waits for Twelve Labs"
    states = [await state(client, job)]
    for _ in range(200):
        await step()
        if (now := await state(client, job)) != states[-1]:
            states.append(now)
        if now == "describing":
            break
        await asyncio.sleep(0.02)
    assert await app.state.sync.describe_next()
    states.append(await state(client, job))
    assert states == ["queued", "indexing", "describing", "ready"]
    assert not await step()
    found = (await client.get(job)).json()
    assert (found["filename"], found["error"]) == ("beach.mp4", None)
    record = (await client.get(f"/api/video-analysis/{found['video_id']}")).json()
    assert record["description"].startswith("What was uploaded as beach.mp4")
    made = ("POST assets", "POST indexed-assets", "POST analyze")
    assert [server.told.requests[name] for name in made] == [1, 1, 1]


@pytest.mark.parametrize("kind", ["form", "body"])
async def test_a_file_is_sent_on(
    app_and_client: AppAndClient, server: LoopbackServer, step: Callable[[], Any], kind: str
) -> None:
    app, client = app_and_client
    content = b"\r\n--not the end\r\n" * 30_000
    if kind == "form":
        file = {"file": ('ta"g.mp4', content, "video/mp4")}
        answer = await client.post(PATH, files=file)
    else:
        params, headers = {"filename": "tag.mp4"}, {"Content-Type": "video/quicktime"}
        answer = await client.post(PATH, content=content, params=params, headers=headers)
    job = await accepted(answer)
    (asset,) = server.assets.values()
    assert (asset.size, asset.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert asset.filename in ("tag.mp4", "ta_g.mp4", "ta%22g.mp4")
    for _ in range(2):
        assert await step()
    assert await state(client, job) == "describing"
    assert await app.state.sync.describe_next()
    assert await state(client, job) == "ready"


@on_sqlite
async def test_a_large_file_takes_no_memory(database: Database, server: LoopbackServer) -> None:
    parts = 500
    size = parts * 64 * 1024

    async def content() -> AsyncIterator[bytes]:
        for _ in range(parts):
            yield bytes(64 * 1024)

    async with served(database, server) as (_, client), watched() as cost:
        answer = await client.post(PATH, content=content(), headers={"Content-Type": "video/mp4"})
    await accepted(answer)
    (asset,) = server.assets.values()
    assert asset.size == size
    assert cost.memory < size / 2


async def raw(client: httpx.AsyncClient, content: bytes, media_type: str) -> httpx.Response:
    return await client.post(PATH, content=content, headers={"Content-Type": media_type})


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return (
        b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
        + end
    )


A_FILE = b'name="file"; filename="a.mp4"\r\n\r\nfilm'


@on_sqlite
@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"url": "ftp://a/b"}', "application/json", 422),
        (b'{"url": "https://a/\\n"}', "application/json", 422),
        (b'{"url": "https://a/b", "more": 1}', "application/json", 422),
        (json.dumps({"url": "https://a/" + "b" * 2_000}).encode(), "application/json", 422),
        (b" " * 20_000, "application/json", 413),
        (b"film", "text/plain", 415),
        (b"film", "", 415),
        (b"", "video/mp4", 422),
        (b"film" * 250_001, "video/mp4", 413),
        (form(A_FILE), "multipart/form-data", 422),
        (form(A_FILE), "multipart/form-data; boundary=" + "x" * 71, 422),
        (form(A_FILE), "multipart/form-data; boundary=y", 422),
        (form(A_FILE, end=b""), "multipart/form-data; boundary=x", 422),
        (form(A_FILE, A_FILE), "multipart/form-data; boundary=x", 422),
        (form(), "multipart/form-data; boundary=x", 422),
        (form(b'name="file"\r\n\r\nfilm'), "multipart/form-data; boundary=x", 422),
        (form(A_FILE.replace(b"file", b"film", 1)), "multipart/form-data; boundary=x", 422),
        (form(A_FILE.replace(b"film", b"")), "multipart/form-data; boundary=x", 422),
        (form(A_FILE * 300_000), "multipart/form-data; boundary=x", 413),
    ],
)
async def test_what_is_no_video(
    client: httpx.AsyncClient, server: LoopbackServer, content: bytes, media_type: str, status: int
) -> None:
    answer = await raw(client, content, media_type)
    assert answer.status_code == status, answer.text
    assert not server.assets


@on_sqlite
async def test_a_chunked_body_is_counted(client: httpx.AsyncClient, server: LoopbackServer) -> None:
    async def content() -> AsyncIterator[bytes]:
        for _ in range(2_000):
            yield b"film" * 1_000

    answer = await client.post(PATH, content=content(), headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 413
    assert not server.assets
    assert (await raw(client, form(A_FILE), "multipart/form-data; boundary=x")).status_code == 202


async def test_the_same_key_makes_one_job(
    client: httpx.AsyncClient, server: LoopbackServer
) -> None:
    headers = {"Idempotency-Key": '"one"'}
    first, again = [await client.post(PATH, json={"url": URL}, headers=headers) for _ in range(2)]
    assert again.headers["idempotency-replayed"] == "true"
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    other = await client.post(PATH, json={"url": f"{URL}2"}, headers=headers)
    assert other.status_code == 422
    file = await client.post(
        PATH, content=b"film", headers={**headers, "Content-Type": "video/mp4"}
    )
    assert file.status_code == 422
    assert not server.assets


@on_sqlite
async def test_a_file_that_twelve_labs_does_not_take(
    client: httpx.AsyncClient, server: LoopbackServer
) -> None:
    server.faults.next("POST assets", "500")
    assert (await raw(client, b"film", "video/mp4")).status_code == 503
    server.faults.next("POST assets", "closed")
    assert (await raw(client, b"film", "video/mp4")).status_code == 503
    server.limits = {"assets": (1, 3600)}
    assert (await raw(client, b"film", "video/mp4")).status_code == 202
    answer = await raw(client, b"film", "video/mp4")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 1
    assert len(server.assets) == 1


@on_sqlite
async def test_no_more_than_so_many_files_at_once(
    client: httpx.AsyncClient, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.delay = 0.5
    sent = [raw(client, b"film", "video/mp4") for _ in range(uploads.UPLOADS_AT_ONCE + 2)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*sent))
    assert statuses == [202] * uploads.UPLOADS_AT_ONCE + [503] * 2


# The worker


async def test_no_step_is_done_twice(
    client: httpx.AsyncClient, server: LoopbackServer, step: Callable[[], Any]
) -> None:
    job = await accepted(await client.post(PATH, json={"url": URL}))
    server.faults.next("POST indexed-assets", "429", "500")
    server.faults.next("GET asset", "500", "wrong_json")
    # Made, and then the connection is gone: it is found to be there.
    server.answers_lost = 1
    for _ in range(6):
        await step()
    assert await state(client, job) == "describing"
    assert len(server.assets) == 1
    assert len(server.videos) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (
            "https://a.example/broken.mp4",
            "Twelve Labs could not use this file: The file is no video.",
        ),
        ("https://a.example/unindexable.mp4", "Twelve Labs could not index this video."),
    ],
)
async def test_what_cannot_be_indexed_has_failed(
    client: httpx.AsyncClient, step: Callable[[], Any], url: str, why: str
) -> None:
    job = await accepted(await client.post(PATH, json={"url": url}))
    for _ in range(3):
        await step()
    found = (await client.get(job)).json()
    assert (found["state"], found["error"]) == ("failed", why)


@on_sqlite
async def test_what_fails_again_and_again_has_failed(
    client: httpx.AsyncClient, server: LoopbackServer, step: Callable[[], Any]
) -> None:
    job = await accepted(await client.post(PATH, json={"url": URL}))
    server.is_down = True
    for _ in range(MOST_ATTEMPTS):
        assert await state(client, job) == "queued"
        assert await step()
    assert await state(client, job) == "failed"
    assert "does not answer" in (await client.get(job)).json()["error"]
    assert not await step()


@on_sqlite
async def test_what_takes_more_than_a_day_has_failed(
    client: httpx.AsyncClient, database: Database, step: Callable[[], Any]
) -> None:
    job = await accepted(await client.post(PATH, json={"url": URL}))
    database.execute(
        f"UPDATE twelvelabs_job SET created_at = created_at - {LONGEST_SECONDS * 1000 + 1}"
    )
    assert await step()
    assert await state(client, job) == "failed"


@on_sqlite
async def test_the_address_is_forgotten(
    app_and_client: AppAndClient, step: Callable[[], Any]
) -> None:
    app, client = app_and_client
    job = await accepted(await client.post(PATH, json={"url": URL}))
    assert "hushed" not in (await client.get(job)).text
    await step()
    found = await app.state.sync.jobs.find(job.rpartition("/")[2])
    assert found is not None
    assert "hushed" not in json.dumps(dict(found.detail))


# Jobs


@on_sqlite
async def test_events_tell_each_state_and_end(
    app_and_client: AppAndClient, step: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = app_and_client
    monkeypatch.setattr(uploads, "LOOK_SECONDS", 0.01)
    job = await accepted(await client.post(PATH, json={"url": URL}))

    async def work() -> None:
        for each in (step, step, app.state.sync.describe_next):
            await asyncio.sleep(0.3)
            await each()

    with acting_for("default"):
        working = asyncio.create_task(work())
    answer = await client.get(f"{job}/events")
    await working
    assert answer.headers["content-type"].startswith("text/event-stream")
    retry, *events = answer.text.strip().split("\n\n")
    assert retry == "retry: 2000"
    told = [json.loads(event.removeprefix("event: job\ndata: ")) for event in events]
    assert [each["state"] for each in told] == ["queued", "indexing", "describing", "ready"]
    assert {each["id"] for each in told} == {job.rpartition("/")[2]}


@on_sqlite
async def test_events_end_after_a_while_and_are_not_for_all(
    app_and_client: AppAndClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = app_and_client
    monkeypatch.setattr(uploads, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(uploads, "FOLLOWED_SECONDS", 0.05)
    job = await accepted(await client.post(PATH, json={"url": URL}))
    assert (await client.get(f"{job}/events")).text.count("event: job") == 1
    monkeypatch.setattr(uploads, "FOLLOWED_AT_ONCE", 0)
    assert (await client.get(f"{job}/events")).status_code == 503
    assert app.state.uploads._followed == 0


@on_sqlite
async def test_a_job_that_there_is_not(client: httpx.AsyncClient) -> None:
    for path in ("/api/jobs/unknown", "/api/jobs/unknown/events"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["title"]) == (404, "Job not found")
    assert (await client.get("/api/jobs/A-B")).status_code == 422


@on_sqlite
@pytest.mark.parametrize(
    "setting", [{"twelvelabs_api_key": SecretStr("")}, {"twelvelabs_owner": "ann"}]
)
async def test_where_there_is_no_index(
    database: Database, server: LoopbackServer, setting: dict[str, object]
) -> None:
    async with served(database, server, **setting) as (_, client):
        for answer in (
            await client.post(PATH, json={"url": URL}),
            await raw(client, b"film", "video/mp4"),
            await client.get("/api/jobs/unknown"),
            await client.get("/api/jobs/unknown/events"),
        ):
            assert (answer.status_code, answer.json()["title"]) == (404, "Twelve Labs not set up")
    assert not server.told.requests
