"""Tags and people of all videos: counted, renamed, merged, taken away; and statistics."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for

pytestmark = pytest.mark.anyio


async def post(client: httpx.AsyncClient, video_id: str, **fields: Any) -> None:
    body = {"video_id": video_id, "description": "text", **fields}
    answer = await client.post("/api/video-analysis/", json=body)
    assert answer.status_code == 201, answer.text


@pytest.fixture(params=["tags", "people"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


async def names_of(client: httpx.AsyncClient, kind: str) -> dict[str, int]:
    answer = await client.get(f"/api/{kind}", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return {each["name"]: each["count"] for each in answer.json()["names"]}


async def of(client: httpx.AsyncClient, kind: str, video_id: str) -> list[str]:
    found: list[str] = (await client.get(f"/api/video-analysis/{video_id}")).json()[kind]
    return found


async def found(client: httpx.AsyncClient, q: str) -> list[str]:
    results = (await client.get("/api/search", params={"q": q})).json()["results"]
    return sorted(result["video_id"] for result in results)


@pytest.fixture
async def videos(client: httpx.AsyncClient, kind: str) -> None:
    await post(client, "v1", **{kind: ["zebra", "Ape", "cat/dog?&#"]})
    await post(client, "v2", **{kind: ["Ape", "zebra"]})
    await post(client, "v3", **{kind: ["zebra", "été"]})


@pytest.mark.usefixtures("videos")
async def test_names_are_counted_and_paged(client: httpx.AsyncClient, kind: str) -> None:
    expected = {"zebra": 3, "Ape": 2, "cat/dog?&#": 1, "été": 1}
    assert list((await names_of(client, kind)).items()) == list(expected.items())
    walked: list[str] = []
    url: str | None = f"/api/{kind}?limit=1"
    while url is not None:
        answer = await client.get(url)
        walked += [each["name"] for each in answer.json()["names"]]
        url = answer.links["next"]["url"] if "next" in answer.links else None
    assert walked == list(expected)


@pytest.mark.usefixtures("videos")
async def test_rename(client: httpx.AsyncClient, kind: str) -> None:
    path = f"/api/{kind}"
    answer = await client.patch(path, params={"name": "zebra"}, json={"name": " quagga "})
    assert (answer.status_code, answer.json()) == (200, {"name": "quagga", "count": 3})
    assert await of(client, kind, "v1") == ["quagga", "Ape", "cat/dog?&#"]
    assert (await found(client, "zebra"), await found(client, "quagga")) == ([], ["v1", "v2", "v3"])
    assert "zebra" not in await names_of(client, kind)

    answer = await client.patch(path, params={"name": "cat/dog?&#"}, json={"name": "cat"})
    assert answer.status_code == 200
    answer = await client.patch(path, params={"name": "cat"}, json={"name": "Ape"})
    assert answer.status_code == 409
    answer = await client.patch(path, params={"name": "zebra"}, json={"name": "x"})
    assert answer.status_code == 404
    for wrong in ({}, {"name": ""}, {"name": "x", "more": 1}, {"name": "a\0"}):
        answer = await client.patch(path, params={"name": "cat"}, json=wrong)
        assert answer.status_code == 422


@pytest.mark.usefixtures("videos")
async def test_merge(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post(
        f"/api/{kind}/merge", json={"names": ["Ape", "zebra", "été"], "into": "zebra"}
    )
    assert (answer.status_code, answer.json()) == (200, {"name": "zebra", "count": 3})
    assert await of(client, kind, "v1") == ["zebra", "cat/dog?&#"]
    assert await of(client, kind, "v2") == ["zebra"]
    assert await names_of(client, kind) == {"zebra": 3, "cat/dog?&#": 1}
    assert (await found(client, "ape"), await found(client, "ete")) == ([], [])
    answer = await client.post(f"/api/{kind}/merge", json={"names": ["none"], "into": "zebra"})
    assert answer.status_code == 404


@pytest.mark.usefixtures("videos")
async def test_delete(client: httpx.AsyncClient, kind: str) -> None:
    assert (await client.delete(f"/api/{kind}", params={"name": "zebra"})).status_code == 204
    assert await of(client, kind, "v3") == ["été"]
    assert await names_of(client, kind) == {"Ape": 2, "cat/dog?&#": 1, "été": 1}
    assert await found(client, "zebra") == []
    assert (await client.delete(f"/api/{kind}", params={"name": "zebra"})).status_code == 404
    assert (await client.delete(f"/api/{kind}")).status_code == 422


async def test_statistics(client: httpx.AsyncClient) -> None:
    await post(client, "a", description="äö", duration=10, tags=["x", "y"], location="Rio")
    await post(client, "b", description="12345", duration=2.5, tags=["x"], title="T")
    await post(client, "c", description="123", people=["Ben"], recorded_date="2020-01-01")
    today = datetime.now(UTC).date()
    if (await client.get("/api/stats")).json()["per_day"][-1]["start"] != today.isoformat():
        today = today - timedelta(days=1)  # midnight passed
    stats = (await client.get("/api/stats")).json()
    assert stats["total"] == 3
    assert stats["per_day"] == [{"start": today.isoformat(), "count": 3}]
    monday = today - timedelta(days=today.weekday())
    assert stats["per_week"] == [{"start": monday.isoformat(), "count": 3}]
    first = date(today.year, today.month, 1)
    assert stats["per_month"] == [{"start": first.isoformat(), "count": 3}]
    assert stats["description_length"] == {
        "known": 3,
        "total": 10.0,
        "average": 3.333,
        "shortest": 2.0,
        "longest": 5.0,
    }
    assert stats["duration"] == {
        "known": 2,
        "total": 12.5,
        "average": 6.25,
        "shortest": 2.5,
        "longest": 10.0,
    }
    assert stats["tags"] == [{"name": "x", "count": 2}, {"name": "y", "count": 1}]
    assert stats["people"] == [{"name": "Ben", "count": 1}]
    assert stats["locations"] == [{"name": "Rio", "count": 1}]
    assert stats["coverage"] == {
        **dict.fromkeys(("age", "country", "mood", "event_type", "extra", "segments"), 0.0),
        **dict.fromkeys(("title", "recorded_date", "location", "people"), 0.333333),
        "duration": 0.666667,
        "tags": 0.666667,
    }
    narrowed = (await client.get("/api/stats", params={"tag": "y"})).json()
    assert (narrowed["total"], narrowed["tags"][0]) == (1, {"name": "x", "count": 1})
    nothing = (await client.get("/api/stats", params={"mood": "none"})).json()
    assert (nothing["total"], nothing["per_day"]) == (0, [])
    assert nothing["description_length"]["average"] is None


BROKEN_AT_V3 = {
    "sqlite": """
        CREATE TRIGGER broken BEFORE UPDATE ON video_analysis WHEN NEW.video_id = 'v3'
        BEGIN SELECT RAISE(ABORT, 'broken'); END
    """,
    "postgresql": """
        CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
        CREATE TRIGGER broken BEFORE UPDATE ON video_analysis
            FOR EACH ROW WHEN (NEW.video_id = 'v3') EXECUTE FUNCTION broken()
    """,
}
MENDED = {"sqlite": "DROP TRIGGER broken", "postgresql": "DROP FUNCTION broken CASCADE"}


@pytest.mark.usefixtures("videos")
async def test_a_rename_that_fails_half_way_changes_nothing(
    client: httpx.AsyncClient, kind: str, database: Database, request: pytest.FixtureRequest
) -> None:
    before = (await client.get("/api/video-analysis/")).json()
    database.execute(BROKEN_AT_V3[database.provider])
    request.addfinalizer(lambda: database.execute(MENDED[database.provider]))
    path = f"/api/{kind}"
    renamed = client.patch(path, params={"name": "zebra"}, json={"name": "quagga"})
    merged = client.post(f"{path}/merge", json={"names": ["zebra", "Ape"], "into": "quagga"})
    for call in (renamed, merged, client.delete(path, params={"name": "zebra"})):
        assert (await call).status_code == 500
        assert (await client.get("/api/video-analysis/")).json() == before
    assert await found(client, "zebra") == ["v1", "v2", "v3"]
    assert "quagga" not in await names_of(client, kind)


async def test_what_is_written_beside_a_rename_has_the_new_name(
    client: httpx.AsyncClient, kind: str
) -> None:
    """Each request begins before the rename has ended, and has the new name when both have."""
    path = f"/api/{kind}"
    for video in range(20):
        await post(client, f"old{video}", **{kind: ["zebra", "Ape"]})
        await post(client, f"patched{video}")

    async def patch(video: int) -> None:
        answer = await client.patch(
            f"/api/video-analysis/patched{video}", json={kind: ["gnu", "zebra"]}
        )
        assert answer.status_code == 200, answer.text

    async def describe(video: int) -> None:
        answer = await client.put(
            f"/api/video-analysis/old{video}", json={"description": f"new{video}text"}
        )
        assert answer.status_code == 200, answer.text

    async def rename() -> None:
        answer = await client.patch(path, params={"name": "zebra"}, json={"name": "quagga"})
        assert answer.status_code == 200, answer.text

    def some(numbers: range) -> list[Any]:
        return [
            call
            for number in numbers
            for call in (
                post(client, f"new{number}", **{kind: ["zebra"]}),
                patch(number),
                describe(number),
            )
        ]

    await asyncio.gather(*some(range(10)), rename(), *some(range(10, 20)))
    assert await names_of(client, kind) == {"quagga": 60, "Ape": 20, "gnu": 20}
    for video in range(20):
        assert await of(client, kind, f"new{video}") == ["quagga"]
        assert await of(client, kind, f"patched{video}") == ["gnu", "quagga"]
        assert await of(client, kind, f"old{video}") == ["quagga", "Ape"]
        assert await found(client, f"new{video}text") == [f"old{video}"]
    assert await found(client, "zebra") == []
    answer = await client.get("/api/search", params={"q": "quagga", "limit": 100})
    assert answer.json()["count"] == 60


async def test_what_another_process_writes_beside_a_rename_has_the_new_name(
    own_database: Database, kind: str
) -> None:
    renaming, writing = (create_app(settings_for(own_database.url)) for _ in range(2))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def wait(*_: Any) -> None:
        begun.set()
        await may_end.wait()

    async with (
        renaming.router.lifespan_context(renaming),
        writing.router.lifespan_context(writing),
        client_of(renaming) as one,
        client_of(writing) as other,
    ):
        renaming.state.database._writer._store_replaced = wait
        await post(one, "first", **{kind: ["zebra"]})
        await post(one, "patched")
        rename = asyncio.create_task(
            one.patch(f"/api/{kind}", params={"name": "zebra"}, json={"name": "quagga"})
        )
        await begun.wait()
        writes = [
            asyncio.create_task(post(other, "new", **{kind: ["zebra", "ape"]})),
            asyncio.create_task(
                other.patch("/api/video-analysis/patched", json={kind: ["gnu", "zebra"]})
            ),
        ]
        await asyncio.sleep(0.2)
        may_end.set()
        assert (await rename).status_code == 200
        await asyncio.gather(*writes)
        assert await of(other, kind, "new") == ["quagga", "ape"]
        assert await of(other, kind, "patched") == ["gnu", "quagga"]
        await post(other, "later", **{kind: ["zebra"]})  # when both have ended, it is a new name
        assert await of(other, kind, "later") == ["zebra"]


async def test_names_that_are_renamed_to_each_other(client: httpx.AsyncClient, kind: str) -> None:
    for video in range(10):
        await post(client, f"v{video}", **{kind: ["gnu", "yak", "emu"]})

    async def rename(old: str, new: str) -> int:
        path = f"/api/{kind}"
        answer = await client.patch(path, params={"name": old}, json={"name": new})
        return answer.status_code

    async def merge(into: str, *names: str) -> int:
        answer = await client.post(f"/api/{kind}/merge", json={"names": names, "into": into})
        return answer.status_code

    calls = [rename("gnu", "ape"), rename("ape", "gnu"), merge("yak", "emu")]
    calls += [merge("emu", "yak"), merge("ape", "emu")]
    assert {*await asyncio.gather(*calls)} <= {200, 404, 409}
    counts = await names_of(client, kind)
    assert set(counts.values()) == {10}
    for video in range(10):
        names = await of(client, kind, f"v{video}")
        assert sorted(names) == sorted(counts)
        assert await found(client, names[0]) == sorted(f"v{number}" for number in range(10))
