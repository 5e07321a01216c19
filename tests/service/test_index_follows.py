"""The search index follows what other programs do to the records by SQL."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.service.conftest import Database

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
    assert database.count("search_document") == 1


async def test_a_table_that_is_emptied(
    client: httpx.AsyncClient, database: Database, dogs: None
) -> None:
    if database.provider == "postgresql":
        database.execute("TRUNCATE video_analysis CASCADE")
    else:
        database.execute("DELETE FROM video_analysis")
    assert database.count("search_document") == 0
    assert await found(client, "dog") == []
    body = {"video_id": "v1", "description": "A dog again."}
    assert (await client.post(COLLECTION, json=body)).status_code == 201
    assert await found(client, "dog") == ["v1"]


async def test_counts_that_are_added_up_later_are_whole(
    client: httpx.AsyncClient, database: Database
) -> None:
    async def post(number: int) -> None:
        body = {"video_id": f"w{number}", "description": f"Cat{' and mouse' * (number % 2)}."}
        assert (await client.post(COLLECTION, json=body)).status_code == 201

    await asyncio.gather(*(post(number) for number in range(300)))
    database.execute("DELETE FROM video_analysis WHERE video_id = 'w1'")
    documents, mice = "documents", "documents"
    if database.provider == "postgresql":
        pending = " + (SELECT coalesce(sum(documents), 0) FROM search_change"
        documents += f"{pending})"
        mice += f"{pending} WHERE vector @@ 'mous')"
    assert database.count(f"search_total WHERE {documents} = 299") == 1
    assert database.count(f"search_term WHERE term = 'mous' AND {mice} = 149") == 1
