"""Versions and conditions: no writer silently overwrites another, and what was before can be read
and brought back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures import Database

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
V = COLLECTION + "v"
BODY = {"video_id": "v", "description": "A beach."}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(COLLECTION, json={**BODY, **fields})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


async def test_each_change_is_a_version_and_its_etag(
    client: httpx.AsyncClient, database: Database
) -> None:
    answers = [
        await client.post(COLLECTION, json=BODY),
        await client.put(V, json={"description": "Two."}),
        await client.patch(V, json={"tags": ["a"]}),
        await client.patch(V, json={}),
        await client.get(V),
        await client.head(V),
    ]
    etags = [answer.headers["etag"] for answer in answers]
    assert etags == ['"1"', '"2"', '"3"', '"4"', '"4"', '"4"']
    assert [answer.json()["version"] for answer in answers[:-1]] == [1, 2, 3, 4, 4]
    assert answers[4].headers["cache-control"] == "private, no-cache"
    [listed] = (await client.get(COLLECTION)).json()["analyses"]
    assert listed == answers[4].json()
    await client.patch("/api/tags", params={"name": "a"}, json={"name": "b"})
    record = (await client.get(V)).json()
    assert (record["version"], record["tags"]) == (5, ["b"])


async def test_a_video_that_was_deleted_goes_on_from_its_version(
    client: httpx.AsyncClient,
) -> None:
    await create(client)
    await client.put(V, json={"description": "Two."})
    assert (await client.delete(V)).status_code == 204
    again = await create(client)
    assert again["version"] == 4
    assert (await client.get(V)).json() == again
    late = await client.put(V, json={"description": "Late."}, headers={"If-Match": '"2"'})
    assert late.status_code == 412
    with_tags = await client.delete(V)
    assert with_tags.status_code == 204
    assert (await create(client, tags=["a"]))["version"] == 6


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 200),
        ('"7", "1"', 200),
        ("*", 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ('"other"', 412),
        ('""', 412),
        ("1", 422),
        ("", 422),
        ('"1" "2"', 422),
        ('*, "1"', 422),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_if_match(client: httpx.AsyncClient, method: str, if_match: str, status: int) -> None:
    record = await create(client)
    body = {} if method == "DELETE" else {"json": {"description": "New."}}
    answer = await client.request(method, V, headers={"If-Match": if_match}, **body)
    assert answer.status_code == (204 if (method, status) == ("DELETE", 200) else status)
    if status != 200:
        assert (await client.get(V)).json() == record
    if status == 412:
        assert answer.headers["etag"] == '"1"'
        assert answer.json()["type"] == "urn:memory-mirror:problem:version-mismatch"
        assert answer.json()["version"] == 1
    if status == 422:
        assert answer.json()["errors"][0]["loc"] == ["header", "If-Match"]


async def test_if_match_of_a_video_without_a_record_is_404(client: httpx.AsyncClient) -> None:
    headers = {"If-Match": '"1"'}
    assert (await client.put(V, json={"description": "a"}, headers=headers)).status_code == 404
    assert (await client.delete(V, headers=headers)).status_code == 404


async def test_put_creates_only_when_it_is_asked_to(
    client: httpx.AsyncClient, database: Database
) -> None:
    body = {"description": "A beach."}
    assert (await client.put(V, json=body)).status_code == 404
    made = await client.put(V, json=body, headers={"If-None-Match": "*"})
    assert made.status_code == 201
    assert made.headers["location"] == V
    assert made.json()["sources"]["description"]["kind"] == "human"
    again = await client.put(V, json={"description": "b"}, headers={"If-None-Match": "*"})
    assert (again.status_code, again.headers["etag"]) == (412, made.headers["etag"])
    assert database.rows() == {"v": "A beach."}


async def test_what_the_client_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    await create(client)
    etag = (await client.get(V)).headers["etag"]
    for tags in (etag, f'"x", W/{etag}', "*"):
        answer = await client.get(V, headers={"If-None-Match": tags})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    await client.put(V, json={"description": "Two."})
    answer = await client.get(V, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["description"]) == (200, "Two.")
    missing = await client.get(COLLECTION + "none", headers={"If-None-Match": "*"})
    assert missing.status_code == 404


@pytest.mark.parametrize("path", [COLLECTION, COLLECTION + "?tag=a", "/api/search?q=beach"])
async def test_a_list_has_an_etag_of_what_it_says(client: httpx.AsyncClient, path: str) -> None:
    await create(client, tags=["a"])
    first = await client.get(path)
    known = {"If-None-Match": first.headers["etag"]}
    same = await client.get(path, headers=known)
    assert (same.status_code, same.content) == (304, b"")
    await client.patch(V, json={"mood": "calm"})
    changed = await client.get(path, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_counters_lose_nothing(client: httpx.AsyncClient) -> None:
    await create(client, description="0")
    refused = 0

    async def increment() -> None:
        nonlocal refused
        while True:
            read = await client.get(V)
            answer = await client.put(
                V,
                json={"description": str(int(read.json()["description"]) + 1)},
                headers={"If-Match": read.headers["etag"]},
            )
            if answer.status_code == 200:
                return
            assert answer.status_code == 412, answer.text
            refused += 1

    await asyncio.gather(*(increment() for _ in range(25)))
    record = (await client.get(V)).json()
    assert (record["description"], record["version"]) == ("25", 26)
    assert refused > 0


# History


async def test_every_version_can_be_read(client: httpx.AsyncClient) -> None:
    said = [
        await create(
            client,
            title="One",
            duration=82.7,
            tags=["b", "a"],
            people=["Ada"],
            extra={"fps": 24},
            segments=[{"start": 0.1, "end": 2.5, "text": "Waves."}],
        )
    ]
    for change in ({"tags": ["c"]}, {"segments": []}, {"title": None, "extra": {"fps": None}}):
        said.append((await client.patch(V, json=change)).json())
    for number, record in enumerate(said, start=1):
        assert (await client.get(f"{V}/versions/{number}")).json() == record
    assert (await client.delete(V)).status_code == 204
    for number, record in enumerate(said, start=1):
        assert (await client.get(f"{V}/versions/{number}")).json() == record
    for none in (5, 6):
        assert (await client.get(f"{V}/versions/{none}")).status_code == 404
    page = (await client.get(f"{V}/versions")).json()
    assert [(each["version"], each["action"], each["is_kept"]) for each in page["versions"]] == [
        (5, "delete", False),
        (4, "update", True),
        (3, "update", True),
        (2, "update", True),
        (1, "create", True),
    ]
    assert {each["actor"] for each in page["versions"]} == {"anonymous"}
    assert all(each["request_id"] for each in page["versions"])


async def test_versions_come_in_pages(client: httpx.AsyncClient) -> None:
    await create(client)
    for number in range(5):
        await client.put(V, json={"description": str(number)})
    seen = []
    path = f"{V}/versions?limit=2"
    while path:
        answer = await client.get(path)
        seen += [(each["version"], each["is_kept"]) for each in answer.json()["versions"]]
        path = answer.links.get("next", {}).get("url")
    assert seen == [(number, True) for number in (6, 5, 4, 3, 2, 1)]
    assert (await client.get(COLLECTION + "none/versions")).status_code == 404


async def test_a_version_is_brought_back(client: httpx.AsyncClient, database: Database) -> None:
    first = await create(client, tags=["a"], extra={"fps": 24}, description="A beach.")
    await client.patch(V, json={"description": "Snow.", "tags": ["b"], "extra": None})
    restored = await client.post(f"{V}/versions/1/restore")
    assert restored.status_code == 200, restored.text
    assert restored.json() == {
        **first,
        "version": 3,
        "updated_at": restored.json()["updated_at"],
    }
    assert restored.headers["etag"] == '"3"'
    assert (await client.get(V)).json() == restored.json()
    for word, number in (("snow", 0), ("beach", 1)):
        found = (await client.get("/api/search", params={"q": word})).json()
        assert found["count"] == number
    assert database.indexed() == {"v"}


async def test_a_deleted_record_is_brought_back(client: httpx.AsyncClient) -> None:
    first = await create(client, tags=["a"], segments=[{"start": 0, "end": 1, "text": "Waves."}])
    await client.delete(V)
    deleted = (await client.get("/api/deleted")).json()
    assert [(each["video_id"], each["version"]) for each in deleted["deleted"]] == [("v", 1)]
    restored = (await client.post(f"{V}/versions/1/restore")).json()
    assert restored == {**first, "version": 3, "updated_at": restored["updated_at"]}
    assert (await client.get(V)).json() == restored
    assert (await client.get("/api/deleted")).json()["deleted"] == []
    assert (await client.get("/api/search", params={"q": "waves"})).json()["count"] == 1


async def test_deleted_videos_come_in_pages(client: httpx.AsyncClient, database: Database) -> None:
    for number in range(7):
        await client.post(COLLECTION, json={"video_id": f"v{number}", "description": "a"})
        await client.delete(f"{COLLECTION}v{number}")
    await client.post(f"{COLLECTION}v3/versions/1/restore")
    seen, path = [], "/api/deleted?limit=2"
    while path:
        answer = await client.get(path)
        seen += [each["video_id"] for each in answer.json()["deleted"]]
        path = answer.links.get("next", {}).get("url")
    assert seen == ["v6", "v5", "v4", "v2", "v1", "v0"]


async def test_what_differs_between_versions(client: httpx.AsyncClient) -> None:
    await create(client, description="Two children build a castle.", mood="calm")
    await client.patch(V, json={"description": "Two dogs build a large castle!", "mood": None})
    diff = (await client.get(f"{V}/versions/1/diff", params={"to": 2})).json()
    assert diff["fields"].keys() == {"description", "mood"}
    assert diff["fields"]["mood"] == {"from": "calm", "to": None}
    words = diff["fields"]["description"]["words"]
    assert words == [
        {"op": "equal", "text": "Two "},
        {"op": "delete", "text": "children"},
        {"op": "insert", "text": "dogs"},
        {"op": "equal", "text": " build a "},
        {"op": "insert", "text": "large "},
        {"op": "equal", "text": "castle"},
        {"op": "delete", "text": "."},
        {"op": "insert", "text": "!"},
    ]
    same = (await client.get(f"{V}/versions/2/diff", params={"to": 2})).json()
    assert same["fields"] == {}
    assert (await client.get(f"{V}/versions/1/diff", params={"to": 9})).status_code == 404


async def test_what_other_programs_write_is_a_version(
    client: httpx.AsyncClient, database: Database
) -> None:
    await create(client)
    database.execute("UPDATE video_analysis SET description = 'By hand.'")
    record = (await client.get(V)).json()
    assert (record["version"], record["description"]) == (2, "By hand.")
    database.execute("DELETE FROM video_analysis")
    database.execute(
        "INSERT INTO video_analysis (id, video_id, description, updated_at)"
        " VALUES ('x', 'v', 'Again.', '2026-03-01T09:30:00.125+00:00')"
    )
    assert (await client.get(V)).json()["version"] == 4
    page = (await client.get(f"{V}/versions")).json()["versions"]
    assert [(each["action"], each["actor"]) for each in page] == [
        ("create", None),
        ("delete", None),
        ("update", None),
        ("create", "anonymous"),
    ]
    assert (await client.get(f"{V}/versions/2")).json()["description"] == "By hand."


# Whose words


async def test_a_machine_does_not_replace_what_a_person_said(client: httpx.AsyncClient) -> None:
    machine = {"source": {"kind": "machine", "model": "m1", "prompt_version": "2"}}
    await create(client, **machine)
    assert (await client.put(V, json={"description": "Two.", **machine})).status_code == 200
    by_hand = (await client.put(V, json={"description": "By hand."})).json()
    assert by_hand["sources"]["description"]["kind"] == "human"
    refused = await client.put(V, json={"description": "Three.", **machine})
    assert refused.status_code == 409
    assert refused.json()["human"] == {"description": "By hand."}
    assert (await client.get(V)).json() == by_hand
    # The same words, and other fields, it may write.
    same = await client.patch(V, json={"description": "By hand.", "title": "T", **machine})
    assert same.status_code == 200
    sources = same.json()["sources"]
    assert sources["description"]["kind"] == "human"
    assert {**sources["title"], "at": None} == {**machine["source"], "at": None}
    forced = await client.put(
        V, params={"override": "human"}, json={"description": "Three.", **machine}
    )
    assert forced.json()["sources"]["description"]["kind"] == "machine"


async def test_tags_of_a_person_are_kept_too(client: httpx.AsyncClient) -> None:
    await create(client)
    await client.patch(V, json={"tags": ["by hand"]})
    refused = await client.patch(V, json={"tags": [], "source": {"kind": "machine"}})
    assert (refused.status_code, refused.json()["human"]) == (409, {"tags": ["by hand"]})
    import_ = {"tags": ["x"], "source": {"kind": "import"}}
    assert (await client.patch(V, json=import_)).status_code == 409
    imported = await client.patch(V, params={"override": "human"}, json=import_)
    assert imported.json()["sources"]["tags"]["kind"] == "import"


@pytest.mark.parametrize(
    "source",
    [{}, {"kind": "robot"}, {"kind": "human", "who": "me"}, {"kind": "human", "model": "x" * 101}],
)
async def test_a_source_is_checked(client: httpx.AsyncClient, source: Any) -> None:
    answer = await client.post(COLLECTION, json={**BODY, "source": source})
    assert answer.status_code == 422


# Any history

WORDS = st.sampled_from(["sea", "sand", "snow", "dog", "cat"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), WORDS),
        st.tuples(st.just("tags"), st.lists(WORDS, unique=True, max_size=3)),
        st.tuples(st.just("rename"), WORDS, WORDS),
        st.tuples(st.just("delete")),
        st.tuples(st.just("post"), WORDS),
        st.tuples(st.just("restore"), st.integers(1, 12)),
    ),
    max_size=25,
)


@pytest.mark.parametrize("round_", range(2))
async def test_history_gives_every_earlier_state(
    client: httpx.AsyncClient, database: Database, round_: int
) -> None:
    """Random operations by 8 clients at once; each answer shows a version, and later the history
    must show the same."""
    examples: list[Any] = []

    @settings(max_examples=8, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(OPERATIONS, min_size=8, max_size=8))
    def collect(example: Any) -> None:
        examples.append(example)

    collect()
    seen: dict[tuple[str, int], dict[str, Any]] = {}

    async def run(operations: Any, offset: int) -> None:
        for number, (kind, *arguments) in enumerate(operations):
            path = f"{COLLECTION}{round_}-{(offset + number) % 4}"
            match kind:
                case "put":
                    answer = await client.put(path, json={"description": arguments[0]})
                case "tags":
                    answer = await client.patch(path, json={"tags": arguments[0]})
                case "rename":
                    await client.post(
                        "/api/tags/merge", json={"names": [arguments[0]], "into": arguments[1]}
                    )
                    continue
                case "delete":
                    await client.delete(path)
                    continue
                case "post":
                    body = {"video_id": path.rpartition("/")[2], "description": arguments[0]}
                    answer = await client.post(COLLECTION, json=body)
                case _:
                    answer = await client.post(f"{path}/versions/{arguments[0]}/restore")
            assert answer.status_code in (200, 201, 404, 409), answer.text
            if answer.status_code < 300:
                record = answer.json()
                key = (record["video_id"], record["version"])
                assert key not in seen, "no version is made twice"
                seen[key] = record

    for example in examples:
        await asyncio.gather(*(run(each, offset) for offset, each in enumerate(example)))
    assert seen
    last: dict[str, int] = {}
    for (video_id, version), record in seen.items():
        answer = await client.get(f"{COLLECTION}{video_id}/versions/{version}")
        assert answer.json() == record, json.dumps(record)
        last[video_id] = max(last.get(video_id, 0), version)
    for video_id in last:
        page = (await client.get(f"{COLLECTION}{video_id}/versions?limit=1000")).json()
        numbers = [each["version"] for each in page["versions"]]
        assert numbers == list(range(numbers[0], 0, -1)), "one row for each version"
    await client.get("/api/search", params={"q": "sea"})  # the index catches up
    assert database.indexed() == set(database.rows())
