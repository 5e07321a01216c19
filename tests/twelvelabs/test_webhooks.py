"""Webhooks: taken where their signature is right, new and not old; what they name is looked at."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from backend.core.errors import DatabaseUnavailable
from backend.twelvelabs import service
from backend.twelvelabs.signature import OLDEST_SECONDS, is_signed
from backend.twelvelabs.webhooks import MOST_BYTES
from tests.access.fixtures import make_key
from tests.fixtures import Database, on_sqlite
from tests.twelvelabs.served import served
from tests.twelvelabs.server import SECRET, LoopbackServer, event_of, signature
from tests.twelvelabs.videos import id_of, of_file

pytestmark = pytest.mark.anyio

PATH = "/api/twelvelabs/webhook"
NOW = 1_700_000_000
BODY = b'{"a": 1}'
GOOD = signature(BODY, SECRET, NOW)
HEX = GOOD.partition("v1=")[2]


@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        (GOOD, True),
        (f"t={NOW}, v1={HEX}", True),
        (f"v1={HEX},t={NOW}", True),
        (f"t={NOW},v1={'0' * 64},v1={HEX}", True),
        (f"t={NOW},v0=1,v1={HEX}", True),
        ("", False),
        (HEX, False),
        (f"t={NOW}", False),
        (f"v1={HEX}", False),
        (f"t={NOW},t={NOW},v1={HEX}", False),
        (f"t={NOW + 1},v1={HEX}", False),
        (f"t={NOW},v1={HEX[:-1]}", False),
        (f"t={NOW},v1={HEX.upper()}", False),
        (f"t={NOW},v1={'0' * 64}", False),
        (f"t=+{NOW},v1={HEX}", False),
        (f"t={NOW}.0,v1={HEX}", False),
        (f"t={'9' * 400},v1={HEX}", False),
        (f"t={NOW},v1=ü{HEX[1:]}", False),
        (f"t={NOW}" + f",v1={'0' * 64}" * 5 + f",v1={HEX}", False),
        (GOOD + " " * 1_000, False),
    ],
)
def test_a_signature(header: str, is_right: bool) -> None:
    assert is_signed(header, BODY, SECRET, now=NOW) == is_right


def test_a_signature_of_another_body_secret_or_time() -> None:
    assert not is_signed(GOOD, BODY + b" ", SECRET, now=NOW)
    assert not is_signed(GOOD, BODY, SECRET + "x", now=NOW)
    for seconds in (-OLDEST_SECONDS, OLDEST_SECONDS):
        assert is_signed(GOOD, BODY, SECRET, now=NOW + seconds)
        assert not is_signed(GOOD, BODY, SECRET, now=NOW + seconds + (1 if seconds > 0 else -1))


@pytest.fixture
async def app_and_client(
    database: Database, server: LoopbackServer
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    server.begin_anew(of_file())
    async with served(database, server) as both:
        yield both


async def send(
    client: httpx.AsyncClient, event: Any, *, secret: str = SECRET, age: float = 0
) -> httpx.Response:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signed = signature(body, secret, int(time.time() - age))
    return await client.post(PATH, content=body, headers={"TL-Signature": signed})


async def runs(app: FastAPI) -> list[tuple[str, str]]:
    status = await app.state.sync.status()
    return [(run["kind"], run["status"]) for run in status["runs"]]


async def test_an_event_starts_a_look_at_the_index(
    app_and_client: tuple[FastAPI, httpx.AsyncClient], server: LoopbackServer
) -> None:
    app, client = app_and_client
    answer = await send(client, event_of("index.task.ready", id_of(1), "ready"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert await runs(app) == [("new", "queued")]


async def test_the_video_that_it_names_is_looked_at(
    app_and_client: tuple[FastAPI, httpx.AsyncClient],
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_NOTICED_SECONDS", 0.5)
    app, client = app_and_client
    await app.state.sync.ask()
    await app.state.sync.run_now()
    server.change(id_of(3), summary="Two girls and a sledge.")
    event = event_of("index.task.ready", id_of(3), "ready")
    event["data"]["id"] = id_of(3)
    assert (await send(client, event)).status_code == 204
    found = await app.state.sync.videos.find(id_of(3))
    assert found is not None
    assert found.version == server.videos[id_of(3)].version
    server.is_down = True  # it is told again
    event["id"] = "whe_another"
    assert (await send(client, event)).status_code == 503
    server.is_down = False
    assert (await send(client, event)).status_code == 204


@on_sqlite
async def test_an_event_that_comes_again_is_taken_once(
    app_and_client: tuple[FastAPI, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = app_and_client
    told: list[str] = []

    async def noticed(id_: str) -> None:
        told.append(id_)
        if len(told) == 1:
            raise DatabaseUnavailable

    monkeypatch.setattr(app.state.webhooks, "_noticed", noticed)
    first = event_of("index.task.ready", id_of(1), "ready")
    second = event_of("index.task.failed", id_of(2), "failed")
    answers = [await send(client, event) for event in (first, first, second, first, second)]
    assert [answer.status_code for answer in answers] == [503, 204, 204, 204, 204]
    ids = [event["data"]["id"] for event in (first, first, second)]
    assert told == ids, "what has failed is done when it comes again, all else once"


@on_sqlite
async def test_what_is_not_signed_is_refused(
    app_and_client: tuple[FastAPI, httpx.AsyncClient],
) -> None:
    app, client = app_and_client
    event = event_of("index.task.ready", id_of(1), "ready")
    _, key = await make_key(app, "admin")
    refused = [
        await send(client, event, secret="another"),
        await send(client, event, age=OLDEST_SECONDS + 5),
        await send(client, event, age=-OLDEST_SECONDS - 5),
        await client.post(PATH, json=event),
        await client.post(PATH, json=event, headers={"X-API-Key": key}),
    ]
    assert {(answer.status_code, answer.json()["detail"]) for answer in refused} == {
        (403, refused[0].json()["detail"])
    }
    assert await runs(app) == []


@on_sqlite
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b'{"type": "x"}', 400),
     (b'{"type": "x", "data": {"id": "a\\u0000"}}', 400),
     (b'{"type": "x", "data": {"id": ""}}', 400), (b"\xff", 400),
     (b'{"type": "analyze.task.ready", "data": {"id": "unknown"}, "new": [1]}', 204),
     (b" " * (MOST_BYTES + 1), 413)],
)  # fmt: skip
async def test_what_is_no_event(
    app_and_client: tuple[FastAPI, httpx.AsyncClient], body: bytes, status: int
) -> None:
    _, client = app_and_client
    assert (await send(client, body)).status_code == status


@on_sqlite
@pytest.mark.parametrize("name", ["twelvelabs_webhook_secret", "twelvelabs_api_key"])
async def test_without_a_secret_or_a_key_none_is_taken(
    database: Database, server: LoopbackServer, name: str
) -> None:
    async with served(database, server, **{name: SecretStr("")}) as (_, client):
        answer = await send(client, event_of("index.task.ready", id_of(1), "ready"), secret="")
        assert answer.status_code == 404
