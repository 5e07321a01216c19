"""The search index follows what other programs do to the records by SQL."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.fixtures import (
    Database,
)

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"


async def found(client: httpx.AsyncClient, word: str) -> list[str]:
    answer = await client.get("/api/search", params={"q": word})
    assert answer.status_code == 200, answer.text
    return sorted(result["video_id"] for result in answer.json()["results"])


@pytest.fixture
async def dogs(client: httpx.AsyncClient) -> None:
    for number in range(3):
        body = {"video_id": f"v{number}", "description": f"Dog number{number} barks."}
        assert (await client.post(COLLECTION, json=body)).status_code == 201


async def test_a_video_id_that_is_changed(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    database.execute("UPDATE video_analysis SET video_id = 'new' WHERE video_id = 'v1'")
    assert await found(client, "number1") == ["new"]
    assert await found(client, "dog") == ["new", "v0", "v2"]


async def test_rows_that_are_deleted(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    database.execute("DELETE FROM video_analysis WHERE video_id <> 'v1'")
    assert await found(client, "dog") == ["v1"]
    assert database.indexed() == {"v1"}


async def test_a_table_that_is_emptied(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    if database.provider == "postgresql":
        database.execute("TRUNCATE video_analysis CASCADE")
    else:
        database.execute("DELETE FROM video_analysis")
    assert await found(client, "dog") == []
    assert database.indexed() == set()
    body = {"video_id": "v1", "description": "A dog again."}
    assert (await client.post(COLLECTION, json=body)).status_code == 201
    assert await found(client, "dog") == ["v1"]


async def test_an_id_that_is_deleted_and_given_again(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    database.execute(
        "DELETE FROM video_analysis WHERE video_id = 'v1';"
        " UPDATE video_analysis SET video_id = 'v1' WHERE video_id = 'v2'"
    )
    assert await found(client, "dog") == ["v0", "v1"]
    assert await found(client, "number2") == ["v1"]
    assert database.indexed() == {"v0", "v1"}


async def test_a_record_that_another_program_writes_without_its_terms(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    database.execute("UPDATE video_analysis SET search_terms = NULL WHERE video_id = 'v1'")
    assert await found(client, "dog") == ["v0", "v2"]
    assert database.indexed() == {"v0", "v2"}


async def test_counts_are_whole_after_many_writes_at_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    async def write(number: int) -> None:
        body = {"video_id": f"w{number}", "description": f"Cat{' and mouse' * (number % 2)}."}
        assert (await client.post(COLLECTION, json=body)).status_code == 201
        if number % 3 == 0:
            assert len(await found(client, "cat")) > 0
        if number % 5 == 0:
            body = {"description": "A horse."}
            answer = await client.put(f"{COLLECTION}w{number}", json=body)
            assert answer.status_code == 200
        if number % 7 == 0:
            assert (await client.delete(f"{COLLECTION}w{number}")).status_code == 204

    await asyncio.gather(*(write(number) for number in range(300)))
    assert database.indexed() == {f"w{number}" for number in range(300) if number % 7}
