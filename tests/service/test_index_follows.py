"""The search index follows what other programs do to the records by SQL."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest

from backend.engine.migrate import deploy
from backend.main import create_app
from backend.text.entry import length_class
from tests.postgres import PostgresServer
from tests.service.conftest import (
    SCHEMA,
    Database,
    PostgreSQL,
    SQLite,
    client_of,
    settings_for,
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


@pytest.mark.parametrize("last", ["*_metadata_and_search", "*_search_tray"])
async def test_a_database_of_an_earlier_release(
    tmp_path: Path, postgres_server: PostgresServer, last: str
) -> None:
    before = tmp_path / "prisma"
    shutil.copytree(SCHEMA.parent, before, ignore=shutil.ignore_patterns("node_modules"))
    for provider in ("sqlite", "postgresql"):
        [newest] = before.glob(f"migrations/{provider}/{last}")
        for later in newest.parent.glob("2*"):
            if later.name > newest.name:
                shutil.rmtree(later)
    databases: list[Database] = [
        SQLite(tmp_path / "old.db"),
        PostgreSQL(postgres_server, postgres_server.create_database()),
    ]
    for old in databases:
        await deploy(before / SCHEMA.name, old.url, log=lambda _: None)
        old.execute(
            "INSERT INTO video_analysis"
            " (id, video_id, description, location, has_relations, search_terms, updated_at)"
            " VALUES ('1', 'v1', 'A dog.', NULL, false, '2 a dog', '2026-01-01'),"
            " ('2', 'v2', 'A cat.', 'Ca\"t', true, '2 a cat', '2026-01-01'),"
            " ('3', 'v3', '', NULL, false, NULL, '2026-01-01');"
            "INSERT INTO tag (name) VALUES ('pet');"
            "INSERT INTO video_tag (analysis_id, tag_name, position, created_at)"
            " VALUES ('2', 'pet', 0, '2026-01-01')"
        )
        await deploy(SCHEMA, old.url, log=lambda _: None)
        app = create_app(settings_for(old.url))
        async with app.router.lifespan_context(app), client_of(app) as client:
            answer = (await client.get("/api/search", params={"q": "cat"})).json()
            assert [result["video_id"] for result in answer["results"]] == ["v2"]
            assert answer["facets"] == {
                "tags": [{"name": "pet", "count": 1}],
                "people": [],
                "location": [{"name": 'Ca"t', "count": 1}],
                "event_type": [],
            }
        assert old.indexed() == {"v1", "v2"}
        entries = f"search_term WHERE term = '{length_class(2)}' AND documents = 2"
        assert old.count(entries) == 1
