"""The list: filters, orders, cursors, totals, and many by id."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures import Database

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"


async def post(client: httpx.AsyncClient, video_id: str, **fields: Any) -> dict[str, Any]:
    body = {"video_id": video_id, "description": f"About {video_id}.", **fields}
    answer = await client.post(COLLECTION, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


@pytest.fixture
async def videos(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    choose = random.Random(7)
    made = []
    for number in range(40):
        fields: dict[str, Any] = {
            "tags": choose.sample(["a", "b", "c", "A", "d%", "e_"], choose.randint(0, 3)),
            "people": choose.sample(["Ben", "Rosa", "ben"], choose.randint(0, 2)),
            "description": choose.choice(["100% sand", "100 % sand", "Sand_castle", "sandXcastle"]),
        }
        for name, values in (
            ("location", ["Lisbon", "lisbon", "Rio"]),
            ("country", ["PT", "BR"]),
            ("mood", ["calm", "wild"]),
            ("event_type", ["party", "trip"]),
            ("recorded_date", ["2019-07-14", "2019-07-15", "2020-01-01"]),
        ):
            if choose.random() < 0.7:
                fields[name] = choose.choice(values)
        made.append(await post(client, f"v{number}", **fields))
    return made


async def listed(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get(COLLECTION, params=params)
    assert answer.status_code == 200, answer.text
    return [record["video_id"] for record in answer.json()["analyses"]]


def has(field: str, *names: str) -> Any:
    return lambda record: set(names) <= set(record[field])


def equal(**values: str) -> Any:
    return lambda record: all(record[name] == value for name, value in values.items())


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda r: True),
    ({"tag": "a"}, has("tags", "a")),
    ({"tag": ["a", "b"]}, has("tags", "a", "b")),
    ({"tag": "d%"}, has("tags", "d%")),
    ({"tag": "%"}, lambda r: False),
    ({"person": "ben"}, has("people", "ben")),
    ({"person": "Ben", "tag": "b"}, lambda r: "Ben" in r["people"] and "b" in r["tags"]),
    ({"location": "Lisbon"}, equal(location="Lisbon")),
    ({"country": "PT", "mood": "calm"}, equal(country="PT", mood="calm")),
    ({"event_type": " party "}, equal(event_type="party")),
    ({"recorded_from": "2019-07-15"}, lambda r: (r["recorded_date"] or "") >= "2019-07-15"),
    ({"recorded_to": "2019-07-15"}, lambda r: (r["recorded_date"] or "9") <= "2019-07-15"),
    ({"has_description_containing": "100%"}, lambda r: "100%" in r["description"]),
    ({"has_description_containing": "d_c"}, lambda r: "d_c" in r["description"]),
    ({"has_description_containing": "SAND"}, lambda r: False),
]
ORDERS = ["-created_at", "created_at", "-updated_at", "updated_at"]
ORDERS += ["-recorded_date", "recorded_date"]


async def test_filters_orders_and_pages(
    client: httpx.AsyncClient, videos: list[dict[str, Any]]
) -> None:
    for params, holds in FILTERS:
        for order in ORDERS:
            name = order.removeprefix("-")
            expected = sorted(
                filter(holds, videos),
                key=lambda r: (r[name] or "", r["id"]),
                reverse=order[0] == "-",
            )
            expected.sort(key=lambda r: r[name] is None)  # the unknown last
            ids = [record["video_id"] for record in expected]
            assert await listed(client, order=order, limit=1000, **params) == ids
            given_params = {"order": order, "limit": 15, "include_total": "true", **params}
            assert await walked(client, given_params, len(ids)) == ids


async def walked(client: httpx.AsyncClient, params: Any, total: int) -> list[str]:
    """By the `Link` headers."""
    found: list[str] = []
    url: str | None = str(httpx.URL(COLLECTION, params=params))
    while url is not None:
        answer = await client.get(url)
        page = answer.json()
        assert page["total"] == total
        assert page["count"] == len(page["analyses"])
        found += [record["video_id"] for record in page["analyses"]]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        url = answer.links["next"]["url"] if "next" in answer.links else None
    return found


async def test_times_are_from_and_to(
    client: httpx.AsyncClient, videos: list[dict[str, Any]]
) -> None:
    moments = sorted({video["created_at"] for video in videos})
    middle = moments[len(moments) // 2]
    for name in ("created", "updated"):
        later = await listed(client, limit=1000, **{f"{name}_from": middle})
        assert set(later) == {v["video_id"] for v in videos if v["created_at"] >= middle}
        before = await listed(client, limit=1000, **{f"{name}_to": middle})
        assert set(before) == {v["video_id"] for v in videos if v["created_at"] <= middle}
    elsewhere = (datetime.fromisoformat(middle) + timedelta(hours=2)).replace(tzinfo=None)
    shifted = elsewhere.isoformat() + "+02:00"
    assert await listed(client, limit=1000, created_from=shifted) == await listed(
        client, limit=1000, created_from=middle
    )
    today = middle[:10]
    assert len(await listed(client, limit=1000, created_from=today, created_to=today)) == 40
    assert await listed(client, created_to="2001-01-01") == []


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "tags=a",
        "order=name",
        "order=",
        "cursor=",
        "cursor=x",
        "cursor=" + "A" * 5000,
        "cursor=eJyLVgIAAJkATA",
        "include_total=2x",
        "tag=",
        "tag=%00",
        "location=%20",
        "location=" + "x" * 201,
        "created_from=yesterday",
        "created_from=2026-02-30",
        "created_from=2026-02-20T10:00:00",
        "created_to=0001-01-01T00:00:00%2B14:00",
        "recorded_from=2026-2-3",
        "mood=a&mood=b",
        "has_description_containing=",
        "has_description_containing=%00",
        "limit=0",
    ],
)
async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{COLLECTION}?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][:2] == ["query", query.split("=")[0]]


async def test_a_cursor_belongs_to_its_query(
    client: httpx.AsyncClient, videos: list[dict[str, Any]]
) -> None:
    cursor = (await client.get(COLLECTION, params={"limit": 5})).json()["next_cursor"]
    for other in ({"tag": "a"}, {"order": "created_at"}):
        answer = await client.get(COLLECTION, params={"cursor": cursor, **other})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["query", "cursor"]
    assert (await client.get(COLLECTION, params={"cursor": cursor, "limit": 9})).status_code == 200


@pytest.mark.parametrize("order", ORDERS)
async def test_a_walk_shows_every_untouched_record_once_while_others_write(
    client: httpx.AsyncClient, order: str
) -> None:
    choose = random.Random(3)
    dates = ["2019-07-14", "2019-07-15", None]
    kept = {f"keep{n}" for n in range(60)}
    for video_id in kept:
        await post(client, video_id, recorded_date=choose.choice(dates))
        await post(client, f"gone-{video_id}", recorded_date=choose.choice(dates))
    seen: list[str] = []
    async for page in walk(client, order=order, limit=7):
        seen += page
        for number in range(3):
            await post(client, f"new{len(seen)}-{number}", recorded_date=choose.choice(dates))
            await client.delete(f"{COLLECTION}gone-keep{choose.randrange(60)}")
    assert sorted(id_ for id_ in seen if id_ in kept) == sorted(kept)
    assert len(seen) == len(set(seen))


async def walk(client: httpx.AsyncClient, **params: Any) -> AsyncIterator[list[str]]:
    cursor = None
    for _ in range(200):
        given = {**params, "cursor": cursor} if cursor else params
        page = (await client.get(COLLECTION, params=given)).json()
        yield [record["video_id"] for record in page["analyses"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def test_look_up_keeps_the_order(client: httpx.AsyncClient) -> None:
    made = {id_: await post(client, id_, tags=["t"]) for id_ in ("a", "b", "c")}
    answer = await client.post("/api/lookup", json={"video_ids": ["c", "x", "a", "c", "y", "x"]})
    assert answer.status_code == 200
    assert answer.json() == {"analyses": [made["c"], made["a"], made["c"]], "missing": ["x", "y"]}
    assert (await client.post("/api/lookup", json={"video_ids": []})).json() == {
        "analyses": [],
        "missing": [],
    }


async def test_a_page_of_a_thousand_with_relations(client: httpx.AsyncClient) -> None:
    for start in range(0, 1001, 91):
        await asyncio.gather(*(post(client, f"v{n}", tags=["t"]) for n in range(start, start + 91)))
    page = (await client.get(COLLECTION, params={"limit": 1000, "tag": "t"})).json()
    assert [len(page["analyses"]), page["analyses"][999]["tags"]] == [1000, ["t"]]
    assert len(await listed(client, limit=1000, cursor=page["next_cursor"], tag="t")) == 1
    ids = [f"v{n}" for n in range(1000)]
    found = (await client.post("/api/lookup", json={"video_ids": ids})).json()["analyses"]
    assert [record["video_id"] for record in found] == ids


async def test_look_up_takes_a_thousand(client: httpx.AsyncClient) -> None:
    ids = [f"v{n}" for n in range(1000)]
    await post(client, "v999")
    answer = await client.post("/api/lookup", json={"video_ids": ids})
    assert [record["video_id"] for record in answer.json()["analyses"]] == ["v999"]
    assert answer.json()["missing"] == ids[:999]
    for wrong in ([*ids, "v1000"], ["a/b"], [""], "v1", [1]):
        assert (await client.post("/api/lookup", json={"video_ids": wrong})).status_code == 422


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES = ("tag", "person", "location", "country", "mood", "event_type", "has_description_containing")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TEXT)), cursor=TEXT)
async def test_any_text_at_any_filter(
    client: httpx.AsyncClient, database: Database, values: dict[str, str], cursor: str
) -> None:
    query = "&".join(f"{k}={quote(v.encode('utf-8', 'surrogatepass'))}" for k, v in values.items())
    answer = await client.get(f"{COLLECTION}?{query}")
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert answer.json()["analyses"] == []
    garbage = quote(cursor.encode("utf-8", "surrogatepass"))
    assert (await client.get(f"{COLLECTION}?cursor={garbage}")).status_code == 422
