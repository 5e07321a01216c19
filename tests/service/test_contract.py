"""The five endpoints and health: paths, fields, status codes, and what is stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.fixtures import Database

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CUID = re.compile(r"c[a-z0-9]{24}")

TEXTS = [
    "Two children build a sandcastle.",
    "x",
    "  spaces kept  ",
    "line\nbreak\ttab \r\n end",
    "quotes \" ' ` back\\slash %s ? $1 {} \x01\x7f",
    "Grüße, 祖母, бабушка, جدة",
    "family 👨‍👩‍👧‍👦 astral 𝄞 combining é",
    "\u2028\u2029\ufeff\uffff",
    "'; DROP TABLE video_analysis; --",
    "null",
    "a" * 65_535,
    "𝄞" * 65_535,
]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_create_answers_the_record_and_stores_it(
    client: httpx.AsyncClient, database: Database, slash: str
) -> None:
    before = datetime.now(UTC)

    answer = await client.post(
        f"/api/video-analysis{slash}", json={"video_id": "v1", "description": "A beach."}
    )

    assert answer.status_code == 201
    record = answer.json()
    assert list(record)[:5] == ["id", "video_id", "description", "created_at", "updated_at"]
    assert CUID.fullmatch(record["id"])
    assert (record["video_id"], record["description"]) == ("v1", "A beach.")
    assert TIMESTAMP.fullmatch(record["created_at"])
    assert record["updated_at"] == record["created_at"]
    age = datetime.fromisoformat(record["created_at"]) - before
    assert -1 < age.total_seconds() < 60
    assert answer.headers["location"] == "/api/video-analysis/v1"
    assert database.rows() == {"v1": "A beach."}
    assert (await client.get(answer.headers["location"])).json() == record


async def test_create_refuses_an_id_that_exists_and_changes_nothing(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post(COLLECTION, json={"video_id": "v1", "description": "first"})

    answer = await client.post(COLLECTION, json={"video_id": "v1", "description": "second"})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:memory-mirror:problem:video-analysis-exists",
        "title": "Video analysis exists",
        "status": 409,
        "detail": "Video analysis already exists for video_id: v1",
        "instance": "/api/video-analysis/",
    }
    assert database.rows() == {"v1": "first"}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:20]))
async def test_a_description_comes_back_as_it_went_in(
    client: httpx.AsyncClient, database: Database, text: str
) -> None:
    created = await client.post(COLLECTION, json={"video_id": "v", "description": text})
    assert created.status_code == 201
    assert created.json()["description"] == text
    assert (await client.get("/api/video-analysis/v")).json()["description"] == text
    assert database.rows() == {"v": text}


@pytest.mark.parametrize(
    "video_id", ["a", "...", ".a", "a.", "..a", "-", "~", "_:.", "A-Z_a.z:0~9", "0" * 255, "docs"]
)
async def test_every_allowed_id_is_found_at_its_location(
    client: httpx.AsyncClient, video_id: str
) -> None:
    created = await client.post(COLLECTION, json={"video_id": video_id, "description": "text"})
    assert created.status_code == 201
    found = await client.get(created.headers["location"])
    assert found.json() == created.json()


async def test_ids_differ_by_case(client: httpx.AsyncClient, database: Database) -> None:
    await client.post(COLLECTION, json={"video_id": "V", "description": "upper"})
    answer = await client.post(COLLECTION, json={"video_id": "v", "description": "lower"})
    assert answer.status_code == 201
    assert database.rows() == {"V": "upper", "v": "lower"}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_update_replaces_the_description_alone(
    client: httpx.AsyncClient, database: Database, slash: str
) -> None:
    created = (await client.post(COLLECTION, json={"video_id": "v", "description": "old"})).json()
    await client.post(COLLECTION, json={"video_id": "other", "description": "untouched"})

    answer = await client.put(f"/api/video-analysis/v{slash}", json={"description": "new"})

    assert answer.status_code == 200
    record = answer.json()
    assert record["updated_at"] >= created["updated_at"]
    assert record == {
        **created,
        "description": "new",
        "updated_at": record["updated_at"],
        "version": 2,
        "sources": {"description": {"kind": "human", "at": record["updated_at"]}},
    }
    assert (await client.get("/api/video-analysis/v")).json() == record
    assert database.rows() == {"v": "new", "other": "untouched"}


@pytest.mark.parametrize("slash", ["", "/"])
async def test_delete_removes_the_record(
    client: httpx.AsyncClient, database: Database, slash: str
) -> None:
    await client.post(COLLECTION, json={"video_id": "v", "description": "text"})
    await client.post(COLLECTION, json={"video_id": "other", "description": "stays"})

    answer = await client.delete(f"/api/video-analysis/v{slash}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert database.rows() == {"other": "stays"}
    again = await client.post(COLLECTION, json={"video_id": "v", "description": "anew"})
    assert again.status_code == 201


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("PUT", {"description": "text"}), ("DELETE", None)]
)
async def test_an_unknown_id_is_a_404(
    client: httpx.AsyncClient, database: Database, method: str, body: object
) -> None:
    answer = await client.request(method, "/api/video-analysis/no-such.video", json=body)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:memory-mirror:problem:video-analysis-not-found",
        "title": "Video analysis not found",
        "status": 404,
        "detail": "Video analysis not found for video_id: no-such.video",
        "instance": "/api/video-analysis/no-such.video",
    }
    assert database.rows() == {}


async def test_an_empty_list(client: httpx.AsyncClient) -> None:
    answer = await client.get(COLLECTION)
    assert (answer.status_code, answer.json()) == (
        200,
        {"analyses": [], "count": 0, "next_cursor": None, "total": None},
    )


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_list_has_the_newest_first(client: httpx.AsyncClient, slash: str) -> None:
    created = [
        (await client.post(COLLECTION, json={"video_id": f"v{n}", "description": f"{n}"})).json()
        for n in range(250)
    ]
    await client.put("/api/video-analysis/v7", json={"description": "changed, but not newer"})
    created[7] = (await client.get("/api/video-analysis/v7")).json()
    # Within a millisecond, the greater id first.
    newest_first = sorted(created, key=lambda r: (r["created_at"], r["id"]), reverse=True)

    for given, expected in (("", 100), ("?limit=1", 1), ("?limit=249", 249), ("?limit=1000", 250)):
        answer = await client.get(f"/api/video-analysis{slash}{given}")
        assert answer.json()["analyses"] == newest_first[:expected]
        assert answer.json()["count"] == expected


async def test_of_equal_age_the_greater_id_is_first(
    client: httpx.AsyncClient, database: Database
) -> None:
    for n in range(20):
        await client.post(COLLECTION, json={"video_id": f"v{n}", "description": "text"})
    database.execute(
        "UPDATE video_analysis SET created_at = (SELECT min(created_at) FROM video_analysis)"
    )
    listed = (await client.get(COLLECTION)).json()["analyses"]
    assert len({record["created_at"] for record in listed}) == 1
    ids = [record["id"] for record in listed]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_health_names_the_version_and_the_database(
    client: httpx.AsyncClient, database: Database, slash: str
) -> None:
    answer = await client.get(f"/api/test/health{slash}")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0", "database": database.provider}
