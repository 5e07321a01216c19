"""What users say of a video beside its description: given, merged, stored, and shown."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from tests.fixtures import Database, MakeDatabase

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
MADE_BY_A_CHANGE = ("updated_at", "version", "sources")
ITEM = "/api/video-analysis/v"

FULL: dict[str, Any] = {
    "title": "Beach day",
    "recorded_date": "2019-07-14",
    "age": 7,
    "location": "Lisbon",
    "country": "Portugal",
    "mood": "joyful",
    "event_type": "vacation",
    "duration": 82.73,
    "people": ["Grandma Rosa", "Ben"],
    "tags": ["beach", "summer", "été"],
    "extra": {"camera": "Super 8", "reels": 2, "fps": 18.5, "lost": False, "places": ["a", "b"]},
    "segments": [
        {"start": 0.83, "end": 19.86, "text": "The children fill their buckets."},
        {"start": 17.0, "end": 17.0, "text": "A wave."},
    ],
}
EMPTY = dict.fromkeys(FULL) | {"people": [], "tags": [], "extra": {}, "segments": []}


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in FULL}


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"video_id": "v", "description": "A beach.", **fields}
    answer = await client.post(COLLECTION, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


async def test_all_of_it_comes_back_as_it_went_in(client: httpx.AsyncClient) -> None:
    created = await create(client, **FULL)
    assert without_times(created) == FULL
    assert (await client.get(ITEM)).json() == created
    assert (await client.get(COLLECTION)).json()["analyses"] == [created]


async def test_times_are_shown_to_the_last_digit(client: httpx.AsyncClient) -> None:
    times = [0.0, 40.0, 0.1 + 0.2, 1e-7, 5e-324, 1e7]
    choose = random.Random(1)
    times += [choose.uniform(0, 10**digits) for digits in range(8) for _ in range(20)]
    parts = [{"start": time, "end": time, "text": "x"} for time in times]
    created = await create(client, segments=parts)
    assert created["segments"] == parts
    again = await client.get(ITEM)
    assert again.json() == created
    assert '"end":40.0,' in again.text


async def test_a_record_without_any_says_so(client: httpx.AsyncClient) -> None:
    assert without_times(await create(client)) == EMPTY
    assert without_times((await client.get(ITEM)).json()) == EMPTY


async def test_names_are_trimmed_composed_and_kept_once(client: httpx.AsyncClient) -> None:
    created = await create(client, tags=[" e\u0301te\u0301 ", "été", "Été"], location=" Rio ")
    assert created["tags"] == ["été", "Été"]
    assert created["location"] == "Rio"
    assert (await client.get(ITEM)).json() == created


async def test_put_replaces_the_description_alone(client: httpx.AsyncClient) -> None:
    created = await create(client, **FULL)
    changed = (await client.put(ITEM, json={"description": "Snow."})).json()
    made = {name: changed[name] for name in MADE_BY_A_CHANGE}
    assert changed == {**created, "description": "Snow.", **made}
    assert changed["updated_at"] > created["updated_at"]
    assert (await client.get(ITEM)).json() == changed


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({}, {}),
        ({"description": "New."}, {"description": "New."}),
        ({"title": "Other", "age": 8}, {"title": "Other", "age": 8}),
        (dict.fromkeys(FULL), EMPTY),
        ({"tags": ["snow", "beach"]}, {"tags": ["snow", "beach"]}),
        ({"people": []}, {"people": []}),
        *(
            ({"description": "New.", **each}, {"description": "New.", **each})
            for each in (
                {"tags": ["snow"]},
                {"people": ["Ada"]},
                {"segments": []},
                {"mood": "calm"},
            )
        ),
        ({"segments": [FULL["segments"][1]]}, {"segments": [FULL["segments"][1]]}),
        (
            {"extra": {"reels": None, "fps": 24, "new": ["x"]}},
            {
                "extra": {
                    "camera": "Super 8",
                    "fps": 24,
                    "lost": False,
                    "places": ["a", "b"],
                    "new": ["x"],
                }
            },
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_a_patch_is_merged(
    client: httpx.AsyncClient, patch: Any, expected: Any, media_type: str
) -> None:
    created = await create(client, **FULL)
    answer = await client.request("PATCH", ITEM, json=patch, headers={"content-type": media_type})
    assert answer.status_code == 200, answer.text
    record = answer.json()
    made = {name: record[name] for name in MADE_BY_A_CHANGE}
    assert record == {**created, **expected, **made}
    assert record["updated_at"] > created["updated_at"]
    assert (await client.get(ITEM)).json() == record


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"age": "7"}, ["body", "age"]),
        ({"age": -1}, ["body", "age"]),
        ({"recorded_date": "2019-02-30"}, ["body", "recorded_date"]),
        ({"recorded_date": "2019-W09-3"}, ["body", "recorded_date"]),
        ({"tags": ["fine", "  "]}, ["body", "tags", 1]),
        ({"tags": ["x"] * 101}, ["body", "tags"]),
        ({"people": "Ben"}, ["body", "people"]),
        ({"location": "a\0b"}, ["body", "location"]),
        ({"duration": -0.5}, ["body", "duration"]),
        ({"segments": [{"start": 2, "end": 1, "text": "x"}]}, ["body", "segments", 0]),
        ({"segments": [{"start": 0, "end": 1}]}, ["body", "segments", 0, "text"]),
        ({"extra": {"deep": {"er": 1}}}, ["body", "extra", "deep"]),
        ({"extra": {"n": 2**70}}, ["body", "extra", "n"]),
        ({"colour": "red"}, ["body", "colour"]),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, database: Database, fields: Any, place: Any
) -> None:
    body = {"video_id": "new", "description": "x", **fields}
    answer = await client.post(COLLECTION, json=body)
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [place]
    assert database.rows() == {}

    created = await create(client, **FULL)
    answer = await client.patch(ITEM, json=fields)
    assert answer.status_code == 422
    assert (await client.get(ITEM)).json() == created


@pytest.mark.parametrize(
    "body", [{"description": None}, {"description": ""}, {"video_id": "w"}, [], None, "x"], ids=str
)
async def test_what_is_no_patch_is_refused(client: httpx.AsyncClient, body: Any) -> None:
    created = await create(client, **FULL)
    assert (await client.patch(ITEM, json=body)).status_code == 422
    assert (await client.get(ITEM)).json() == created


async def test_patching_what_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/api/video-analysis/none", json={"title": "x"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Video analysis not found for video_id: none"


async def test_deleting_a_video_takes_its_parts(
    client: httpx.AsyncClient, database: Database
) -> None:
    await create(client, **FULL)
    assert (await client.delete(ITEM)).status_code == 204
    for table in ("video_tag", "video_person", "segment"):
        assert database.count(table) == 0
    assert database.indexed() == set()
    assert without_times(await create(client)) == EMPTY


async def test_changes_at_once_are_each_made_whole(client: httpx.AsyncClient) -> None:
    await create(client)
    names = [f"n{n}" for n in range(20)]

    async def put(name: str) -> int:
        return (await client.put(ITEM, json={"description": name})).status_code

    async def patch(name: str) -> int:
        patch = {"tags": [name, "all"], "title": name, "extra": {name: 1}}
        return (await client.patch(ITEM, json=patch)).status_code

    statuses = await asyncio.gather(*map(put, names), *map(patch, names))

    assert set(statuses) == {200}
    record = (await client.get(ITEM)).json()
    assert record["tags"] == [record["title"], "all"]
    assert set(record["extra"]) == set(names)
    assert record["description"] in names


async def test_new_names_given_at_once_are_made_once(client: httpx.AsyncClient) -> None:
    async def post(number: int) -> int:
        tags = [f"tag{n}" for n in range(number % 5, number % 5 + 5)]
        body = {"video_id": f"v{number}", "description": "x", "tags": tags[:: number % 2 * 2 - 1]}
        return (await client.post(COLLECTION, json=body)).status_code

    assert set(await asyncio.gather(*map(post, range(40)))) == {201}


async def test_a_failed_create_leaves_nothing(
    client: httpx.AsyncClient, make_database: MakeDatabase
) -> None:
    created = await create(client, **FULL)
    answer = await client.post(COLLECTION, json={"video_id": "v", "description": "x", **FULL})
    assert answer.status_code == 409
    assert (await client.get(ITEM)).json() == created
