"""`POST /api/video-analysis/bulk`, `DELETE /api/video-analysis` and `POST /api/bulk/delete`."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fixtures import Database
from tests.transfer.test_importing import BEACH, SNOW

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
JSON = {"Content-Type": "application/json"}
BULK, DELETE = f"{COLLECTION}bulk", "/api/bulk/delete"


async def test_each_item_has_its_status(client: httpx.AsyncClient, database: Database) -> None:
    items = [BEACH, SNOW, SNOW, {"video_id": "b"}, {"video_id": 7}, {}]
    answer = await client.post(BULK, json={"items": items})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(each["item"], each["video_id"], each["status"]) for each in results] == [
        (1, "beach", "created"),
        (2, "snow", "created"),
        (3, "snow", "failed"),
        (4, "b", "failed"),
        (5, None, "failed"),
        (6, None, "failed"),
    ]
    single = await client.post("/api/video-analysis/", json=SNOW)
    assert results[2]["error"] == single.json() | {"instance": BULK}
    assert answer.json()["failed"] == 4
    assert set(database.rows()) == {"beach", "snow"}


async def test_a_thousand_items_and_no_more(client: httpx.AsyncClient, database: Database) -> None:
    items = [{"video_id": f"v{n}", "description": "x"} for n in range(1_001)]
    assert (await client.post(BULK, json={"items": items})).status_code == 422
    assert (await client.post(BULK, json={"items": []})).status_code == 422
    answer = await client.post(BULK, json={"items": items[:-1]}, params={"mode": "upsert"})
    assert (answer.status_code, answer.json()["failed"]) == (200, 0)
    assert len(database.rows()) == 1_000


async def test_a_video_may_be_called_bulk(client: httpx.AsyncClient, database: Database) -> None:
    record = {"video_id": "bulk", "description": "Sacks of grain."}
    answer = await client.post("/api/bulk", json={"items": [record]})
    assert answer.json()["results"][0]["status"] == "created"
    for method in ("GET", "DELETE"):
        assert (await client.request(method, BULK)).status_code == {"GET": 200, "DELETE": 204}[
            method
        ]
    assert database.rows() == {}
    assert (await client.post(f"{COLLECTION}other", json={"items": [record]})).status_code == 405


async def test_with_a_key_it_is_answered_again_as_a_whole(
    client: httpx.AsyncClient, database: Database
) -> None:
    key = {"Idempotency-Key": "k"}
    items = [{"video_id": f"v{n}", "description": "x" * (n % 2)} for n in range(600)]
    first = await client.post(BULK, json={"items": items}, headers=key)
    assert (first.json()["failed"], len(database.rows())) == (300, 300)
    again = await client.post(BULK, json={"items": items}, headers=key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    lone = await client.post(BULK, content=b'{"items": [{"a": "\\ud800"}]}', headers=key | JSON)
    assert lone.json()["type"].endswith(":idempotency-key-reused")


async def filled(client: httpx.AsyncClient) -> None:
    items = [{**SNOW, "video_id": f"v{n}", "tags": [f"t{n % 2}"]} for n in range(6)]
    assert (await client.post(BULK, json={"items": items})).json()["failed"] == 0


async def test_many_are_deleted_by_id(client: httpx.AsyncClient, database: Database) -> None:
    await filled(client)
    ids = ["v0", "v1", "nothing", "v1"]
    wrong = {"Idempotency-Key": "\x7f"}
    body, dry = {"video_ids": ids}, {"dry_run": True}
    refused = await client.post(DELETE, json=body, params=dry, headers=wrong)
    assert refused.status_code == 422
    counted = await client.post(DELETE, json={"video_ids": ids}, params={"dry_run": True})
    assert counted.json() == {"count": 2, "deleted": 0, "results": []}
    answer = await client.post(DELETE, json={"video_ids": ids})
    assert (answer.json()["count"], answer.json()["deleted"]) == (2, 2)
    results = answer.json()["results"]
    assert [(each["video_id"], each["status"]) for each in results] == [
        ("v0", "deleted"),
        ("v1", "deleted"),
        ("nothing", "failed"),
    ]
    assert results[2]["error"]["status"] == 404
    assert set(database.rows()) == {"v2", "v3", "v4", "v5"} == database.indexed()
    changes = (await client.get("/api/audit", params={"action": "delete"})).json()["changes"]
    assert {(each["name"], each["version"], each["request_id"]) for each in changes} == {
        (id_, 2, answer.headers["x-request-id"]) for id_ in ("v0", "v1")
    }


async def test_many_are_deleted_without_a_body(
    client: httpx.AsyncClient, database: Database
) -> None:
    await filled(client)
    ids = {"video_id": ["v0", "v1", "nothing", "v1"]}
    for path in (COLLECTION, COLLECTION.rstrip("/")):
        counted = await client.delete(path, params={**ids, "dry_run": "true"})
        assert counted.json() == {"count": 2, "deleted": 0, "results": []}
    answer = (await client.delete(COLLECTION, params=ids)).json()
    assert (answer["count"], answer["deleted"]) == (2, 2)
    assert [each["status"] for each in answer["results"]] == ["deleted", "deleted", "failed"]

    by_tag = {"tag": "t0", "has_description_containing": "snow"}
    assert (await client.delete(COLLECTION, params={**by_tag, "dry_run": "1"})).json()["count"] == 2
    missing = await client.delete(COLLECTION, params=by_tag)
    assert (missing.status_code, missing.json()["errors"][0]["loc"]) == (422, ["query", "confirm"])
    changed = await client.delete(COLLECTION, params={**by_tag, "confirm": "3"})
    assert (changed.status_code, changed.json()["count"]) == (409, 2)
    assert len(database.rows()) == 4
    done = await client.delete(COLLECTION, params={**by_tag, "confirm": "2"})
    assert done.json() == {"count": 2, "deleted": 2, "results": []}
    assert set(database.rows()) == {"v3", "v5"} == database.indexed()


@pytest.mark.parametrize(
    "query",
    [
        "", "dry_run=true", "confirm=6", "video_id=", "video_id=v0&tag=t0", "tags=t0&confirm=3",
        "&".join(f"video_id=v{n}" for n in range(101)), "tag=t0&confirm=-1",
    ],
)  # fmt: skip
async def test_a_query_that_names_nothing_deletes_nothing(
    client: httpx.AsyncClient, database: Database, query: str
) -> None:
    await filled(client)
    assert (await client.delete(f"{COLLECTION}?{query}")).status_code == 422
    assert len(database.rows()) == 6


async def test_many_are_deleted_by_filters_if_their_number_is_confirmed(
    client: httpx.AsyncClient, database: Database
) -> None:
    await filled(client)
    filters: dict[str, Any] = {"tag": ["t0"], "created_from": "2020-01-01"}
    counted = await client.post(DELETE, json={"filters": filters}, params={"dry_run": True})
    assert counted.json() == {"count": 3, "deleted": 0, "results": []}
    assert (await client.post(DELETE, json={"filters": filters})).status_code == 422
    refused = await client.post(DELETE, json={"filters": filters, "confirm": 2})
    assert (refused.status_code, refused.json()["count"]) == (409, 3)
    assert len(database.rows()) == 6
    answer = await client.post(DELETE, json={"filters": filters, "confirm": 3})
    assert answer.json() == {"count": 3, "deleted": 3, "results": []}
    assert set(database.rows()) == {"v1", "v3", "v5"} == database.indexed()
    assert database.count("video_tag") == 3
    again = await client.post(DELETE, json={"filters": filters, "confirm": 3})
    assert (again.status_code, again.json()["count"]) == (409, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filters": {}},
        {"filters": {"tag": []}, "confirm": 6},
        {"video_ids": []},
        {"video_ids": ["v0"], "filters": {"tag": ["t0"]}},
        {"filters": {"tags": ["t0"]}, "confirm": 3},
    ],
)
async def test_what_names_nothing_deletes_nothing(
    client: httpx.AsyncClient, database: Database, body: dict[str, Any]
) -> None:
    await filled(client)
    assert (await client.post(DELETE, json=body)).status_code == 422
    assert len(database.rows()) == 6
