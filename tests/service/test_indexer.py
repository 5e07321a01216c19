"""The queue that writes leave is applied soon after, without anybody waiting for it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from backend.main import create_app
from backend.search import indexer as indexer
from backend.search.searcher import SQL
from backend.text.entry import index_entry
from tests.fixtures import Database, client_of, on_postgresql, prisma_on, settings_for

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"


async def post(client: httpx.AsyncClient, number: int) -> None:
    body = {"video_id": f"v{number}", "description": f"A dog and number{number}end."}
    assert (await client.post(COLLECTION, json=body)).status_code == 201


async def until_nothing_waits(database: Database) -> None:
    async with asyncio.timeout(30):
        while database.count("search_queue"):  # noqa: ASYNC110  a database sets no event
            await asyncio.sleep(0.05)


async def test_when_nothing_more_is_written(client: httpx.AsyncClient, database: Database) -> None:
    await post(client, 1)
    await until_nothing_waits(database)
    assert database.count("search_term WHERE term = 'dog' AND documents = 1") == 1
    assert (await client.delete(f"{COLLECTION}v1")).status_code == 204
    await until_nothing_waits(database)
    assert database.count("search_term WHERE term = 'dog' AND documents = 0") == 1


async def test_when_much_was_written(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "IDLE_SECONDS", 1e6)
    enough = SQL[own_database.provider].APPLY_AFTER
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        await asyncio.gather(*(post(client, number) for number in range(enough)))
        await until_nothing_waits(own_database)
        assert own_database.count(f"search_total WHERE documents = {enough}") == 1
        await post(client, 1000)
        assert own_database.count("search_queue") == 1


async def test_more_than_is_taken_in_at_once(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "IDLE_SECONDS", 1e6)
    numbers = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)"
    database.execute(
        f"{numbers} INSERT INTO video_analysis"
        " (id, video_id, description, search_terms, updated_at)"
        " SELECT 'id' || n, 'v' || n, 'A dog.', '2 a dog', '2026-01-01' FROM n"
    )
    answer = await client.get("/api/search", params={"q": "dog", "limit": 1})
    assert answer.json()["count"] == 1
    assert database.count("search_queue") == 0
    assert len(database.indexed()) == 2500


async def test_what_was_left_when_the_service_stopped(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        app = create_app(settings_for(own_database.url))
        async with app.router.lifespan_context(app), client_of(app) as client:
            if own_database.count("search_queue"):
                await until_nothing_waits(own_database)
                break
            await post(client, 1)
    assert own_database.count("search_document") == 1


async def test_searches_at_once_share_it(client: httpx.AsyncClient, database: Database) -> None:
    async def write_and_find(number: int) -> None:
        await post(client, number)
        answer = await client.get("/api/search", params={"q": f"number{number}end"})
        assert [result["video_id"] for result in answer.json()["results"]] == [f"v{number}"]

    await asyncio.gather(*(write_and_find(number) for number in range(40)))
    assert len(database.indexed()) == 40


async def test_a_search_that_is_given_up_does_not_stop_it(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "IDLE_SECONDS", 1e6)
    await post(client, 1)
    search = asyncio.create_task(client.get("/api/search", params={"q": "dog"}))
    while database.count("search_queue") and not search.done():
        await asyncio.sleep(0)
        search.cancel()
    await asyncio.gather(search, return_exceptions=True)
    assert await number_of_dogs(client) == 1
    assert database.indexed() == {"v1"}


@on_postgresql
async def test_a_transaction_that_ends_after_later_ones(own_database: Database) -> None:
    app = create_app(settings_for(own_database.url))
    row: Any = {"videoId": "late", "description": "A dog.", "searchTerms": index_entry(["A dog."])}
    async with (
        app.router.lifespan_context(app),
        client_of(app) as client,
        prisma_on(own_database.url) as other,
    ):
        async with other.tx() as transaction:
            await transaction.videoanalysis.create(row)
            for number in range(3):
                await post(client, number)
                assert await number_of_dogs(client) == number + 1
        assert await number_of_dogs(client) == 4
        assert own_database.count("search_queue") == 0


@on_postgresql
async def test_a_queue_position_of_another_cluster(own_database: Database) -> None:
    own_database.execute(
        "UPDATE search_total SET applied_before = '1000000000000'"
    )  # as a dump may hold it
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        for number in range(3):
            await post(client, number)
            assert await number_of_dogs(client) == number + 1


async def number_of_dogs(client: httpx.AsyncClient) -> int:
    count: int = (await client.get("/api/search", params={"q": "dog"})).json()["count"]
    return count
