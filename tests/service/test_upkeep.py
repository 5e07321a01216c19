"""What writes put off on PostgreSQL is done soon after, without anybody waiting for it."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from backend.core.search import upkeep
from backend.main import create_app
from tests.service.conftest import Database, client_of, settings_for

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("make_database", ["postgresql"], indirect=True),
]

COLLECTION = "/api/video-analysis/"


async def post(client: httpx.AsyncClient, number: int) -> None:
    body = {"video_id": f"v{number}", "description": f"A dog and number{number}."}
    assert (await client.post(COLLECTION, json=body)).status_code == 201


async def until_nothing_waits(database: Database) -> None:
    async with asyncio.timeout(30):
        while database.count("search_change"):  # noqa: ASYNC110  a database sets no event
            await asyncio.sleep(0.05)


async def test_when_nothing_more_is_written(client: httpx.AsyncClient, database: Database) -> None:
    await post(client, 1)
    await until_nothing_waits(database)
    assert database.count("search_term WHERE term = 'dog' AND documents = 1") == 1
    assert (await client.delete(f"{COLLECTION}v1")).status_code == 204
    await until_nothing_waits(database)
    assert database.count("search_term WHERE term = 'dog' AND documents = 0") == 1


async def test_when_much_was_written(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "IDLE_SECONDS", 1e6)
    await asyncio.gather(*(post(client, number) for number in range(upkeep.WRITES)))
    await until_nothing_waits(database)
    assert database.count("search_total WHERE documents = 128") == 1
    await post(client, 1000)
    assert database.count("search_change") == 1


async def test_who_may_not_do_it_writes_all_the_same(own_database: Database) -> None:
    own_database.execute(
        "CREATE OR REPLACE FUNCTION search_add_up() RETURNS VOID LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE insufficient_privilege; END $$"
    )
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        await asyncio.gather(*(post(client, number) for number in range(upkeep.WRITES)))
        answer = await client.get("/api/search", params={"q": "number77"})
        assert [result["video_id"] for result in answer.json()["results"]] == ["v77"]
    assert own_database.count("search_change") == upkeep.WRITES
