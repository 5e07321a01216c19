"""Keys made, listed, revoked and rotated; and the owners that they act for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.access.service import FRESH_SECONDS
from backend.commands.keys import OPERATOR
from backend.core.caller import ADMIN
from backend.engine import now
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database

pytestmark = pytest.mark.anyio

Asked = tuple[FastAPI, httpx.AsyncClient]
KEYS = "/api/keys"
ME = "/api/whoami"


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    async with service(database) as found:
        yield found


def wanted(**others: Any) -> dict[str, Any]:
    return {"name": "frontend", "owners": ["default"], "scopes": ["search"], **others}


async def test_a_key_is_shown_once_and_says_who_made_it(asked: Asked, database: Database) -> None:
    app, client = asked
    maker_id, maker = await make_key(app, ADMIN)

    made = await client.post(KEYS, json=wanted(), headers=shown(maker))

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    body = made.json()
    key = body.pop("key")
    assert body["created_by"] == f"key {maker_id} (test)"
    listed = (await client.get(KEYS, headers=shown(maker))).json()
    assert listed["keys"][0] == body
    assert {each["id"] for each in listed["keys"]} == {maker_id, body["id"]}
    stored = await asked[0].state.access._table.find(body["id"])
    assert key.split("_")[2][:43] not in repr(stored) + stored.hash.digest + stored.hash.salt
    me = (await client.get(ME, headers=shown(key))).json()
    assert me == {
        "kind": "key",
        "id": body["id"],
        "name": "frontend",
        "owner": "default",
        "owners": ["default"],
        "scopes": ["search"],
        "expires": None,
    }


async def test_what_becomes_of_a_key_is_in_the_log_of_its_owners(asked: Asked) -> None:
    app, client = asked
    maker_id, maker = await make_key(app, ADMIN, owners=("a", "b"))
    _, other = await make_key(app, ADMIN, owners=("c",))
    body = wanted(owners=["a", "b"])
    made = await client.post(KEYS, json=body, headers=shown(maker, x_request_id="making"))
    id_ = made.json()["id"]
    await app.state.access.rotate(OPERATOR, id_, timedelta(0))
    for _ in range(2):  # the second time there is nothing to revoke
        assert (await client.delete(f"{KEYS}/{id_}", headers=shown(maker))).status_code == 204

    for owner in ("a", "b"):
        headers = shown(maker, x_owner=owner)
        changes = (await client.get("/api/audit", headers=headers)).json()["changes"]
        of_it = [each for each in changes if each["name"] == id_]
        assert [each["action"] for each in of_it] == ["revoke", "rotate", "create"]
        assert {(each["kind"], each["owner"]) for each in of_it} == {("key", owner)}
        assert of_it[0]["actor"] == of_it[2]["actor"] == f"key {maker_id} (test)"
        assert of_it[2]["request_id"] == "making"
    changes = (await client.get("/api/audit", headers=shown(other))).json()["changes"]
    assert id_ not in {each["name"] for each in changes}


async def test_no_key_makes_one_that_has_more_than_itself(asked: Asked) -> None:
    app, client = asked
    end = now() + timedelta(days=30)
    _, maker = await make_key(app, "keys", "search", owners=("a", "b"), expires_at=end)
    headers = shown(maker)
    refused = (
        (wanted(owners=["a"], scopes=["search", "stats"]), "the scope stats"),
        (wanted(owners=["a"], scopes=["admin"]), "the scope admin"),
        (wanted(owners=["a", "default"]), "an owner"),
        (wanted(owners=["*"]), "an owner"),
        (wanted(owners=["a"], expires_at="2999-01-01T00:00:00Z"), "it ends at"),
    )
    for body, reason in refused:
        answer = await client.post(KEYS, json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
            403,
            "beyond-caller",
        )
        assert reason in answer.json()["detail"]
    made = await client.post(KEYS, json=wanted(owners=["b"]), headers=headers)
    assert made.status_code == 201
    assert datetime.fromisoformat(made.json()["expires_at"]) == end, "no longer life than its maker"


async def test_a_key_sees_and_revokes_those_alone_that_it_could_have_made(asked: Asked) -> None:
    app, client = asked
    _, small = await make_key(app, "keys", "search", owners=("a",))
    within, _ = await make_key(app, "search", owners=("a",))
    beyond = [
        (await make_key(app, "search", owners=("b",)))[0],
        (await make_key(app, "stats", owners=("a",)))[0],
        (await make_key(app, "search", owners=("*",)))[0],
    ]
    listed = (await client.get(KEYS, headers=shown(small))).json()["keys"]
    assert within in {key["id"] for key in listed}
    assert {key["id"] for key in listed}.isdisjoint(beyond)
    for id_ in [*beyond, "000000000000"]:
        answer = await client.delete(f"{KEYS}/{id_}", headers=shown(small))
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            f"There is no key with the id {id_}",
        )
    for _ in range(2):
        assert (await client.delete(f"{KEYS}/{within}", headers=shown(small))).status_code == 204


async def test_keys_are_listed_in_pages(asked: Asked) -> None:
    app, client = asked
    made = [(await make_key(app, ADMIN))[0] for _ in range(5)]
    _, key = await make_key(app, ADMIN)
    found, path = list[str](), f"{KEYS}?limit=2"
    while path:
        answer = await client.get(path, headers=shown(key))
        found += [each["id"] for each in answer.json()["keys"]]
        path = answer.links.get("next", {}).get("url", "")
    assert sorted(found[1:]) == sorted(made)
    assert len(found) == 6
    assert (await client.get(f"{KEYS}?cursor=x", headers=shown(key))).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        wanted(name=""),
        wanted(name=" "),
        wanted(name="a\nb"),
        wanted(name="x" * 101),
        wanted(owners=[]),
        wanted(owners=["a,b"]),
        wanted(owners=["a b"]),
        wanted(owners=["é"]),
        wanted(owners=["x" * 256]),
        wanted(owners=["a"] * 21),
        wanted(scopes=[]),
        wanted(scopes=["all"]),
        wanted(expires_at="2030-01-01T00:00:00"),
        wanted(expires_at="soon"),
        wanted(expires_at="2030-01-01"),
        wanted(expires_at=0),
        wanted(key="mm_"),
    ],
)
async def test_what_no_key_can_be(asked: Asked, body: dict[str, Any]) -> None:
    app, client = asked
    _, key = await make_key(app, ADMIN, owners=("*",))
    assert (await client.post(KEYS, json=body, headers=shown(key))).status_code == 422


async def test_a_revoked_key_opens_nothing_within_a_second(asked: Asked) -> None:
    app, client = asked
    id_, key = await make_key(app, ADMIN)
    assert (await client.get(ME, headers=shown(key))).status_code == 200
    await app.state.access.revoke(OPERATOR, id_)
    await asyncio.sleep(FRESH_SECONDS)
    assert (await client.get(ME, headers=shown(key))).status_code == 401


async def test_the_secret_of_before_opens_until_the_grace_is_over(asked: Asked) -> None:
    app, client = asked
    id_, first = await make_key(app, ADMIN)
    _, second = await app.state.access.rotate(OPERATOR, id_, timedelta(seconds=1.5))
    assert first != second
    old = await client.get(ME, headers=shown(first))
    new = await client.get(ME, headers=shown(second))
    assert (old.status_code, new.status_code) == (200, 200)
    assert (old.json()["id"], new.json()["id"]) == (id_, id_)
    assert new.json()["expires"] is None
    await asyncio.sleep(1.6)
    assert (await client.get(ME, headers=shown(first))).status_code == 401
    assert (await client.get(ME, headers=shown(second))).status_code == 200
    _, third = await app.state.access.rotate(OPERATOR, id_, timedelta(0))
    assert (await client.get(ME, headers=shown(third))).status_code == 200
    await asyncio.sleep(FRESH_SECONDS)
    assert (await client.get(ME, headers=shown(second))).status_code == 401


async def test_when_a_key_was_used_is_written_to_the_minute(asked: Asked) -> None:
    app, client = asked
    id_, key = await make_key(app, ADMIN)
    before = now().replace(second=0, microsecond=0)
    await client.get(ME, headers=shown(key))
    await app.state.access.stop()
    stored = await app.state.access._table.find(id_)
    assert before <= stored.last_used_at <= now()
    assert stored.last_used_at.second == 0


async def test_with_another_secret_of_the_service_no_key_opens(database: Database) -> None:
    from pydantic import SecretStr

    async with service(database, keys_secret=SecretStr("one")) as (app, client):
        _, key = await make_key(app, ADMIN)
        assert (await client.get(ME, headers=shown(key))).status_code == 200
    async with service(database, keys_secret=SecretStr("other")) as (_, client):
        assert (await client.get(ME, headers=shown(key))).status_code == 401


@pytest.mark.parametrize(
    ("owners", "sent", "acts_for"),
    [
        (("a", "b"), None, "a"),
        (("a", "b"), "b", "b"),
        (("a", "b"), "c", None),
        (("a", "b"), "*", None),
        (("a", "b"), "a,b", None),
        (("a",), "", None),
        (("*",), None, "default"),
        (("*",), "anyone", "anyone"),
        (("*",), "*", None),
        (("*",), "a b", None),
        (("*",), "a,b", None),
        (("*",), "x" * 256, None),
    ],
)
async def test_the_owner_that_a_request_acts_for(
    asked: Asked, owners: tuple[str, ...], sent: str | None, acts_for: str | None
) -> None:
    app, client = asked
    _, key = await make_key(app, ADMIN, owners=owners)
    headers = shown(key) if sent is None else shown(key, X_Owner=sent)
    answer = await client.get(ME, headers=headers)
    if acts_for is None:
        assert answer.status_code == 403
        assert answer.json()["type"].endswith(":owner-not-held")
        assert sent == "" or f"{sent} " not in answer.json()["detail"]
    else:
        assert (answer.status_code, answer.json()["owner"]) == (200, acts_for)


async def test_a_change_is_told_of_by_its_key(asked: Asked) -> None:
    app, client = asked
    id_, key = await make_key(app, ADMIN)
    body = {"video_id": "v", "description": "text"}
    await client.post("/api/video-analysis/", json=body, headers=shown(key))
    changes = (await client.get("/api/audit", headers=shown(key))).json()["changes"]
    assert changes[0]["actor"] == f"key {id_} (test)"


async def test_there_are_so_many_keys_and_no_more(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = asked
    monkeypatch.setattr("backend.access.service.MOST_KEYS", 3)
    _, key = await make_key(app, ADMIN)
    revoked, _ = await make_key(app, ADMIN)
    await make_key(app, ADMIN)
    refused = await client.post(KEYS, json=wanted(), headers=shown(key))
    assert (refused.status_code, refused.json()["type"].endswith(":too-many-keys")) == (409, True)
    await app.state.access.revoke(OPERATOR, revoked)
    made = await client.post(KEYS, json=wanted(), headers=shown(key))
    assert made.status_code == 201, "those that are over go first"
    assert len((await client.get(KEYS, headers=shown(key))).json()["keys"]) == 3
