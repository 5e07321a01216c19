"""A request with an Idempotency-Key is done once, however often it is sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.main import create_app
from backend.records import once
from tests.fixtures import Database, client_of, settings_for
from tests.service.server import Server

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
V = COLLECTION + "v"
BODY = {"video_id": "v", "description": "A beach."}
NEW = {**BODY, "video_id": "new"}
KEY = {"Idempotency-Key": '"k1"'}

Sent = tuple[str, str, dict[str, Any]]


def said(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """What a replay must say again."""
    own = ("x-request-id", "idempotency-replayed")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, answer.content, headers


WRITES: list[Sent] = [
    ("POST", COLLECTION, {"json": NEW}),
    ("POST", COLLECTION, {"json": {**BODY, "video_id": "tagged", "tags": ["a"]}}),
    ("PUT", V, {"json": {"description": "Two."}}),
    ("PUT", COLLECTION + "w", {"json": {"description": "Two."}, "headers": {"If-None-Match": "*"}}),
    ("PATCH", V, {"json": {"tags": ["b"], "segments": []}}),
    ("DELETE", V, {}),
    ("POST", f"{V}/versions/1/restore", {}),
    ("PATCH", "/api/tags?name=sea", {"json": {"name": "ocean"}}),
    ("POST", "/api/tags/merge", {"json": {"names": ["sea"], "into": "ocean"}}),
    ("DELETE", "/api/tags?name=sea", {}),
    ("POST", f"{COLLECTION}bulk", {"json": {"items": [BODY, {"video_id": "new"}, NEW]}}),
    ("POST", "/api/bulk?mode=upsert", {"json": {"items": [{**BODY, "description": "Two."}]}}),
    ("DELETE", f"{COLLECTION}?video_id=v&video_id=none", {}),
    ("DELETE", f"{COLLECTION}?tag=sea&confirm=1", {}),
    ("POST", "/api/bulk/delete", {"json": {"video_ids": ["v"]}}),
    # What is refused is refused again.
    ("POST", COLLECTION, {"json": BODY}),
    ("DELETE", f"{COLLECTION}?tag=sea&confirm=2", {}),
    ("PUT", COLLECTION + "none", {"json": {"description": "Two."}}),
    ("DELETE", COLLECTION + "none", {}),
    ("PUT", V, {"json": {"description": "Two."}, "headers": {"If-Match": '"7"'}}),
    ("DELETE", "/api/people?name=nobody", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "options"), WRITES, ids=[f"{m} {p}" for m, p, _ in WRITES]
)
async def test_every_write_is_done_once(
    client: httpx.AsyncClient, database: Database, method: str, path: str, options: Any
) -> None:
    await client.post(COLLECTION, json={**BODY, "tags": ["sea"]})
    options = {**options, "headers": {**options.get("headers", {}), **KEY}}
    first = await client.request(method, path, **options)
    assert "idempotency-replayed" not in first.headers
    log, rows = database.count("change_log"), database.rows()
    again = await client.request(method, path, **options)
    assert said(again) == said(first)
    assert again.headers["idempotency-replayed"] == "true"
    assert (database.count("change_log"), database.rows()) == (log, rows)
    other = {**options, "headers": {**options["headers"], "Idempotency-Key": "k2"}}
    assert "idempotency-replayed" not in (await client.request(method, path, **other)).headers


@pytest.mark.parametrize(
    "other",
    [
        ("POST", COLLECTION, {"json": {**BODY, "description": "Other."}}),
        ("POST", COLLECTION, {"json": {**BODY, "video_id": "w"}}),
        ("PUT", V, {"json": {"description": "A beach."}}),
        ("DELETE", V, {}),
    ],
    ids=str,
)
async def test_a_key_belongs_to_one_request(
    client: httpx.AsyncClient, database: Database, other: Sent
) -> None:
    await client.post(COLLECTION, json=BODY, headers=KEY)
    method, path, options = other
    answer = await client.request(method, path, headers=KEY, **options)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:memory-mirror:problem:idempotency-key-reused"
    assert database.rows() == {"v": "A beach."}


@pytest.mark.parametrize(
    ("key", "same"), [("k1", True), ('"k1"', True), ('"k\\"1"', False), ("a-b_c.d:1", False)]
)
async def test_both_forms_of_a_key_are_taken(
    client: httpx.AsyncClient, key: str, same: bool
) -> None:
    await client.post(COLLECTION, json=BODY, headers=KEY)
    answer = await client.post(COLLECTION, json=BODY, headers={"Idempotency-Key": key})
    assert ("idempotency-replayed" in answer.headers) == same


@pytest.mark.parametrize("key", ["", '""', '"a', "a b", "x" * 256, '"é"', '"a\\b"'])
async def test_what_is_no_key_is_refused(
    client: httpx.AsyncClient, database: Database, key: str
) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await client.post(COLLECTION, json=BODY, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["header", "Idempotency-Key"]
    assert database.rows() == {}


async def test_a_body_that_is_not_valid_leaves_the_key_free(client: httpx.AsyncClient) -> None:
    assert (await client.post(COLLECTION, json={}, headers=KEY)).status_code == 422
    assert (await client.post(COLLECTION, json=BODY, headers=KEY)).status_code == 201


async def test_many_at_once_are_done_once(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(
        *(client.post(COLLECTION, json=BODY, headers=KEY) for _ in range(50))
    )
    assert all(said(answer) == said(answers[0]) for answer in answers)
    assert answers[0].status_code == 201
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 49
    assert database.count("change_log") == 1


async def test_who_still_runs_is_said(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "WAIT_SECONDS", 0.05)
    release = asyncio.Event()
    stored = once.Outcomes._stored

    async def slow(self: Any, asked: Any) -> Any:
        await release.wait()
        return await stored(self, asked)

    monkeypatch.setattr(once.Outcomes, "_stored", slow)
    first = asyncio.create_task(client.post(COLLECTION, json=BODY, headers=KEY))
    await asyncio.sleep(0.02)
    second = await client.post(COLLECTION, json=BODY, headers=KEY)
    assert (second.status_code, second.headers["retry-after"]) == (409, "1")
    assert second.json()["type"] == "urn:memory-mirror:problem:request-still-running"
    release.set()
    assert (await first).status_code == 201


async def test_two_services_do_it_once(own_database: Database) -> None:
    """As several worker processes: neither knows what the other runs."""
    apps = [create_app(settings_for(own_database.url)) for _ in range(2)]
    async with (
        apps[0].router.lifespan_context(apps[0]),
        apps[1].router.lifespan_context(apps[1]),
        client_of(apps[0]) as one,
        client_of(apps[1]) as other,
    ):
        await one.post(COLLECTION, json={**BODY, "video_id": "put"})
        for turn in range(10):
            key = {"Idempotency-Key": f"turn-{turn}"}
            body = {**BODY, "video_id": f"v{turn}"}
            path, text = COLLECTION + "put", {"description": f"Turn {turn}."}
            created = await asyncio.gather(
                *(each.post(COLLECTION, json=body, headers=key) for each in (one, other) * 3)
            )
            assert {answer.status_code for answer in created} == {201}
            assert len({answer.content for answer in created}) == 1
            key = {"Idempotency-Key": f"put-{turn}"}
            updated = await asyncio.gather(
                *(each.put(path, json=text, headers=key) for each in (one, other) * 3)
            )
            assert {answer.status_code for answer in updated} == {200}
            assert len({answer.content for answer in updated}) == 1
            assert updated[0].json()["version"] == turn + 2


async def test_outcomes_are_forgotten_in_time(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_PRUNE_SECONDS", 0)
    app = create_app(settings_for(own_database.url, idempotency_hours=1e-5))  # 36 ms
    async with app.router.lifespan_context(app), client_of(app) as client:
        for number in range(3):
            key = {"Idempotency-Key": f"k{number}"}
            body = {**BODY, "video_id": f"v{number}"}
            assert (await client.post(COLLECTION, json=body, headers=key)).status_code == 201
        await asyncio.sleep(0.1)
        again = await client.delete(COLLECTION + "v0", headers={"Idempotency-Key": "k0"})
        assert again.status_code == 204
    assert own_database.count("idempotency_key") == 1


async def test_a_kill_between_effect_and_answer_does_it_once(
    own_database: Database, tmp_path: Path
) -> None:
    """50 clients send one request, and ask again until they are answered; the server is killed in
    the middle, each time at another moment."""
    for turn in range(2):
        servers = [Server(own_database.url, tmp_path, LOG_LEVEL="warning")]
        await asyncio.to_thread(servers[0].start)
        async with httpx.AsyncClient(timeout=10) as client:
            sending = [
                asyncio.create_task(send_until_answered(client, servers, f"turn-{turn}"))
                for _ in range(50)
            ]
            await asyncio.sleep(0.01 + 0.03 * turn)
            servers[0].kill()
            other = Server(own_database.url, tmp_path, LOG_LEVEL="warning")
            await asyncio.to_thread(other.start)
            servers.append(other)
            answers = set(await asyncio.wait_for(asyncio.gather(*sending), 60))
        other.stop()
        assert len(answers) == 1
        assert next(iter(answers))[0] == 201
    assert own_database.count("change_log") == 2


async def send_until_answered(
    client: httpx.AsyncClient, servers: list[Server], key: str
) -> tuple[int, bytes]:
    """To the last of the servers."""
    while True:
        try:
            answer = await client.post(
                servers[-1].url + COLLECTION,
                json={**BODY, "video_id": key, "tags": ["a"]},
                headers={"Idempotency-Key": key},
            )
        except httpx.HTTPError:
            await asyncio.sleep(0.02)
            continue
        if answer.status_code not in (409, 503):
            return answer.status_code, answer.content
        await asyncio.sleep(0.02)
