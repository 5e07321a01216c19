"""`/api/duplicates`: groups, what is no duplicate, and several records made one."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from backend.records import bulk
from tests.access.fixtures import make_key, service, shown
from tests.duplicates.test_index import BEACH, NEAR, SNOW
from tests.fixtures import Database
from tests.service.test_bad_input import COLLECTION, assert_problem

pytestmark = pytest.mark.anyio

PATH = "/api/duplicates"
DISMISS, MERGE = f"{PATH}/dismiss", f"{PATH}/merge"
SEGMENTS = [
    {"start": 0.0, "end": 1.5, "text": "A bucket."},
    {"start": 1.5, "end": 4.0, "text": "A tower."},
    {"start": 4.0, "end": 9.0, "text": "A wave."},
]


@pytest.fixture
async def filled(client: httpx.AsyncClient) -> None:
    for video_id, description, more in (
        ("a", BEACH, {"tags": ["sea", "sun"], "people": ["Rosa"], "segments": SEGMENTS[:2]}),
        ("b", BEACH, {"tags": ["sun", "sand"], "people": ["Ben"], "segments": SEGMENTS[1:]}),
        ("c", NEAR, {"tags": ["sand", "dog"], "mood": "calm"}),
        ("d", SNOW, {}),
    ):
        body = {"video_id": video_id, "description": description, **more}
        assert (await client.post(COLLECTION, json=body)).status_code == 201


async def listed(client: httpx.AsyncClient, **params: Any) -> list[list[str]]:
    answer = await client.get(PATH, params=params)
    assert answer.status_code == 200
    assert answer.json()["pending"] == 0
    return [group["video_ids"] for group in answer.json()["groups"]]


@pytest.mark.usefixtures("filled")
async def test_groups_are_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)
    assert answer.json() == {
        "groups": [{"video_ids": ["a", "b", "c"], "count": 3, "similarity": 0.84}],
        "count": 1,
        "next_cursor": None,
        "pending": 0,
    }
    assert await listed(client, threshold=1) == [["a", "b"]]
    for video_id in "ef":
        await client.post(COLLECTION, json={"video_id": video_id, "description": SNOW})
    first = await client.get(PATH, params={"limit": 1})
    assert first.json()["groups"][0]["video_ids"] == ["a", "b", "c"]
    second = await client.get(first.links["next"]["url"])
    assert [group["video_ids"] for group in second.json()["groups"]] == [["d", "e", "f"]]
    assert "next" not in second.links
    cursor = first.json()["next_cursor"]
    other = await client.get(PATH, params={"cursor": cursor, "threshold": 0.9})
    assert assert_problem(other, 422)["errors"][0]["loc"] == ["query", "cursor"]


@pytest.mark.parametrize("threshold", ["0.69", "1.01", "-1", "nan", "x", ""])
async def test_thresholds_that_may_not_be(client: httpx.AsyncClient, threshold: str) -> None:
    problem = assert_problem(await client.get(PATH, params={"threshold": threshold}), 422)
    assert problem["errors"][0]["loc"] == ["query", "threshold"]


@pytest.mark.usefixtures("filled")
async def test_what_is_no_duplicate_is_remembered(client: httpx.AsyncClient) -> None:
    answer = await client.post(DISMISS, json={"video_ids": ["a", "b", "a"]})
    assert (answer.status_code, answer.json()) == (200, {"dismissed": 1})
    assert await listed(client) == [["a", "b", "c"]]  # c is like both
    assert await listed(client, threshold=1) == []
    await client.post(DISMISS, json={"video_ids": ["c", "b", "a"]})
    assert await listed(client) == []
    await client.put(f"{COLLECTION}c", json={"description": BEACH})
    assert await listed(client) == []
    await client.post(COLLECTION, json={"video_id": "e", "description": BEACH})
    assert await listed(client) == [["a", "b", "c", "e"]]
    await client.delete(f"{COLLECTION}e")
    await client.delete(f"{COLLECTION}c")
    assert await listed(client) == []
    await client.post(COLLECTION, json={"video_id": "c", "description": BEACH})
    assert await listed(client) == [["a", "b", "c"]]  # nobody has said it of this one


@pytest.mark.usefixtures("filled")
async def test_dismissals_that_may_not_be(client: httpx.AsyncClient, database: Database) -> None:
    unknown = await client.post(DISMISS, json={"video_ids": ["a", "nothing"]})
    assert "nothing" in assert_problem(unknown, 404)["detail"]
    many = [f"v{n}" for n in range(101)]
    for video_ids in (["a"], ["a", "a"], [], many, ["a", "b/c"], "ab", None):
        assert_problem(await client.post(DISMISS, json={"video_ids": video_ids}), 422)
    assert database.count("duplicate_dismissal") == 0


@pytest.mark.usefixtures("filled")
async def test_a_video_is_no_duplicate_of_so_many_and_no_more(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.duplicates.service.MOST_DISMISSED", 2)
    await client.post(DISMISS, json={"video_ids": ["a", "b", "c"]})
    refused = await client.post(DISMISS, json={"video_ids": ["c", "d"]})
    assert "c would be no duplicate of more than 2" in assert_problem(refused, 422)["detail"]
    assert database.count("duplicate_dismissal") == 6


@pytest.mark.usefixtures("filled")
async def test_several_records_are_made_one(client: httpx.AsyncClient, database: Database) -> None:
    before = (await client.get(f"{COLLECTION}a")).json()
    gone = (await client.get(f"{COLLECTION}b")).json()
    answer = await client.post(MERGE, json={"keep": "a", "video_ids": ["c", "b"]})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    merged = answer.json()
    assert merged == (await client.get(f"{COLLECTION}a")).json()
    assert merged["tags"] == ["sea", "sun", "sand", "dog"]
    assert merged["people"] == ["Rosa", "Ben"]
    assert merged["segments"] == SEGMENTS
    same = set(merged) - {"tags", "people", "segments", "version", "updated_at", "sources"}
    assert {name: merged[name] for name in same} == {name: before[name] for name in same}
    assert {name: each["kind"] for name, each in merged["sources"].items()} == {
        "tags": "human", "people": "human", "segments": "human"
    }  # fmt: skip
    assert set(database.rows()) == {"a", "d"} == database.indexed()
    found = await client.get("/api/search", params={"q": "sandcastle"})
    assert [each["video_id"] for each in found.json()["results"]] == ["a"]
    assert await listed(client) == []

    changes = (await client.get("/api/audit")).json()["changes"]
    by_merge = {
        (each["name"], each["action"], each["version"])
        for each in changes
        if each["request_id"] == answer.headers["x-request-id"]
    }
    assert by_merge == {("a", "merge", 2), ("b", "delete", 2), ("c", "delete", 2)}
    assert (await client.get(f"{COLLECTION}a/versions/1")).json() == before
    restored = await client.post(f"{COLLECTION}b/versions/1/restore")
    for name in ("description", "tags", "people", "segments", "id", "created_at"):
        assert restored.json()[name] == gone[name]
    assert await listed(client) == [["a", "b"]]


@pytest.mark.usefixtures("filled")
async def test_nothing_to_add_leaves_the_record_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post(MERGE, json={"keep": "a", "video_ids": ["d"]})
    assert answer.json()["version"] == 1
    assert (await client.get(f"{COLLECTION}d")).status_code == 404


@pytest.mark.usefixtures("filled")
async def test_a_merge_is_conditional_and_done_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    body: dict[str, Any] = {"keep": "a", "video_ids": ["b"]}
    refused = await client.post(MERGE, json=body, headers={"If-Match": '"2"'})
    assert assert_problem(refused, 412)["version"] == 1
    assert len(database.rows()) == 4
    headers = {"If-Match": '"1"', "Idempotency-Key": "merge-1"}
    first = await client.post(MERGE, json=body, headers=headers)
    again = await client.post(MERGE, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    headers = {"Idempotency-Key": "dismiss-1"}
    said = [
        await client.post(DISMISS, json={"video_ids": ["a", "c"]}, headers=headers)
        for _ in range(2)
    ]
    assert [answer.headers.get("idempotency-replayed") for answer in said] == [None, "true"]


@pytest.mark.usefixtures("filled")
async def test_merges_that_may_not_be(client: httpx.AsyncClient, database: Database) -> None:
    for body in (
        {"keep": "a", "video_ids": ["a"]},
        {"keep": "a", "video_ids": []},
        {"keep": "a"},
        {"video_ids": ["a", "b"]},
        {"keep": "a", "video_ids": [f"v{n}" for n in range(101)]},
        {"keep": "a", "video_ids": ["b"], "tags": []},
    ):
        assert_problem(await client.post(MERGE, json=body), 422)
    for body in ({"keep": "a", "video_ids": ["b", "x"]}, {"keep": "x", "video_ids": ["b"]}):
        assert "x" in assert_problem(await client.post(MERGE, json=body), 404)["detail"]
    assert len(database.rows()) == 4


@pytest.mark.usefixtures("filled")
async def test_a_record_holds_no_more_than_it_may(
    client: httpx.AsyncClient, database: Database
) -> None:
    many = [f"t{n}" for n in range(99)]
    await client.post(COLLECTION, json={"video_id": "e", "description": "x", "tags": many})
    refused = await client.post(MERGE, json={"keep": "a", "video_ids": ["d", "e"]})
    problem = assert_problem(refused, 422)
    assert problem["errors"][0] == {
        "loc": ["body", "video_ids"],
        "msg": "a would have 101 tags; a record has at most 100",
        "type": "too_long",
    }
    parts = [{"start": n, "end": n, "text": "x"} for n in range(1_999)]
    await client.post(COLLECTION, json={"video_id": "f", "description": "x", "segments": parts})
    refused = await client.post(MERGE, json={"keep": "a", "video_ids": ["f"]})
    assert "2001 segments" in assert_problem(refused, 422)["detail"]
    assert len(database.rows()) == 6
    assert (await client.get(f"{COLLECTION}a")).json()["version"] == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("at", ["make_names", "update_record"])
async def test_a_merge_that_fails_half_way_leaves_all_as_it_was(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    log = database.count("change_log")

    async def fails(*_: Any) -> None:
        raise RuntimeError("half-way")

    monkeypatch.setattr(f"backend.records.merging.{at}", fails)
    answer = await client.post(MERGE, json={"keep": "a", "video_ids": ["b", "c"]})
    assert_problem(answer, 500)
    assert set(database.rows()) == {"a", "b", "c", "d"} == database.indexed()
    assert database.count("change_log") == log
    assert await listed(client) == [["a", "b", "c"]]


@pytest.mark.usefixtures("filled")
async def test_what_others_change_meanwhile_is_not_lost(client: httpx.AsyncClient) -> None:
    async def tag(video_id: str, number: int) -> int:
        record = (await client.get(f"{COLLECTION}{video_id}")).json()
        if "tags" not in record:
            return 404
        body = {"tags": [*record["tags"], f"{video_id}{number}"]}
        etag = {"If-Match": f'"{record["version"]}"'}
        answer = await client.patch(f"{COLLECTION}{video_id}", json=body, headers=etag)
        return answer.status_code

    async def merge() -> int:
        answer = await client.post(MERGE, json={"keep": "a", "video_ids": ["b", "c"]})
        return answer.status_code

    changed = [(video_id, number) for number in range(4) for video_id in "abc"]
    asked = [tag(*each) for each in changed]
    statuses = await asyncio.gather(*asked[:6], merge(), *asked[6:])
    assert statuses[6] == 200
    assert set(statuses) <= {200, 404, 412}
    acknowledged = {
        f"{video_id}{number}"
        for (video_id, number), status in zip(changed, [*statuses[:6], *statuses[7:]], strict=True)
        if status == 200
    }
    tags = (await client.get(f"{COLLECTION}a")).json()["tags"]
    assert acknowledged <= set(tags)


@pytest.mark.usefixtures("filled")
async def test_two_merges_at_once_leave_one_record(
    client: httpx.AsyncClient, database: Database
) -> None:
    bodies = [{"keep": "a", "video_ids": ["b", "c"]}, {"keep": "c", "video_ids": ["b", "a"]}]
    answers = await asyncio.gather(*(client.post(MERGE, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    assert len(database.rows()) == 2
    [kept] = set(database.rows()) - {"d"}
    tags = (await client.get(COLLECTION + kept)).json()["tags"]
    assert set(tags) == {"sea", "sun", "sand", "dog"}


async def test_a_merge_makes_room_in_a_quota(database: Database) -> None:
    async with service(database, auth="off", quota_records=3, quota_bytes=1_400) as (_, client):
        for video_id, tags in (("a", ["x" * 150]), ("b", ["y" * 150]), ("c", [])):
            body = {"video_id": video_id, "description": BEACH, "tags": tags}
            assert (await client.post(COLLECTION, json=body)).status_code == 201
        merged = await client.post(MERGE, json={"keep": "a", "video_ids": ["b", "c"]})
        assert merged.status_code == 200
        assert len(merged.json()["tags"]) == 2


async def test_both_scopes_are_needed_to_merge(database: Database) -> None:
    async with service(database) as (app, client):
        _, writer = await make_key(app, "records:write")
        _, both = await make_key(app, "records:write", "records:delete")
        _, deleter = await make_key(app, "records:delete")
        for video_id in "ab":
            body = {"video_id": video_id, "description": BEACH}
            await client.post(COLLECTION, json=body, headers=shown(writer))
        merge: dict[str, Any] = {"keep": "a", "video_ids": ["b"]}
        for key, scope in ((writer, "records:delete"), (deleter, "records:write")):
            refused = await client.post(MERGE, json=merge, headers=shown(key))
            assert assert_problem(refused, 403)["scope"] == scope
        assert len(database.rows()) == 2
        assert (await client.post(MERGE, json=merge, headers=shown(both))).status_code == 200


async def test_another_owners_videos_are_nobodys(database: Database) -> None:
    async with service(database) as (app, client):
        keys = {name: (await make_key(app, "admin", owners=(name,)))[1] for name in ("ann", "bob")}
        for name, video_ids in (("ann", "ab"), ("bob", "bc")):
            for video_id in video_ids:
                body = {"video_id": video_id, "description": BEACH}
                await client.post(COLLECTION, json=body, headers=shown(keys[name]))
        for name, expected in (("ann", ["a", "b"]), ("bob", ["b", "c"])):
            answer = await client.get(PATH, headers=shown(keys[name]))
            [group] = answer.json()["groups"]
            assert (group["video_ids"], group["count"]) == (expected, 2)
        ann = shown(keys["ann"])
        dismissed = await client.post(DISMISS, json={"video_ids": ["a", "c"]}, headers=ann)
        merged = await client.post(MERGE, json={"keep": "a", "video_ids": ["c"]}, headers=ann)
        assert (dismissed.status_code, merged.status_code) == (404, 404)
        await client.post(DISMISS, json={"video_ids": ["a", "b"]}, headers=ann)
        await client.post(MERGE, json={"keep": "a", "video_ids": ["b"]}, headers=ann)
        [group] = (await client.get(PATH, headers=shown(keys["bob"]))).json()["groups"]
        assert group["video_ids"] == ["b", "c"]


@pytest.mark.usefixtures("filled")
async def test_a_merge_that_cannot_be_done_in_peace_is_refused(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def changed(*_: Any) -> bool:
        return False

    monkeypatch.setattr("backend.records.merging.update_record", changed)
    monkeypatch.setattr(bulk, "_ATTEMPTS", 3)
    answer = await client.post(MERGE, json={"keep": "a", "video_ids": ["b"]})
    assert_problem(answer, 503)
    assert len(database.rows()) == 4
