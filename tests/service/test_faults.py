"""What happens outside the service: each fault is told as what it is, and nothing is lost."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.core import cursors
from backend.core.errors import StartupError
from backend.engine.errors import EngineError
from backend.engine.migrate import deploy
from backend.main import create_app
from tests.fixtures import (
    SCHEMA,
    Database,
    SQLite,
    client_of,
    on_sqlite,
    settings_for,
)
from tests.postgres import PostgresServer
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

BODY = {"video_id": "v", "description": "A zebra."}


def another(number: int) -> dict[str, Any]:
    return {"video_id": f"other-{number}", "description": "x" * 60_000}


@on_sqlite
@pytest.mark.parametrize("fault", ["deleted", "replaced"])
async def test_a_file_that_is_gone_takes_no_writes(own_database: SQLite, fault: str) -> None:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.post(COLLECTION, json=BODY)).status_code == 201
        own_database.path.unlink()
        if fault == "replaced":
            sqlite3.connect(own_database.path).close()
        for response in (
            await client.post(COLLECTION, json=another(1)),
            await client.put(f"{COLLECTION}v", json={"description": "New."}),
            await client.delete(f"{COLLECTION}v"),
            await client.get("/api/test/health"),
        ):
            assert response.status_code == 503
            assert response.headers["retry-after"]


@on_sqlite
async def test_a_file_replaced_while_a_write_waits_for_it_takes_no_writes(
    own_database: SQLite,
) -> None:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        other = sqlite3.connect(own_database.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(client.post(COLLECTION, json=BODY))
        await asyncio.sleep(0.2)  # until it waits
        own_database.path.unlink()
        other.close()
        assert (await writing).status_code == 503


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"This is no database. " * 50, "file is not a database"), (None, "unable to open")],
)
async def test_a_file_that_cannot_be_opened_is_named(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "odd.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    app = create_app(settings_for(f"file:{path}"))
    with pytest.raises(StartupError) as raised:
        await app.state.database.connect()
    assert str(path) in str(raised.value)
    assert reason in str(raised.value)
    assert "server" not in str(raised.value)


async def test_a_database_of_another_encoding_is_refused_by_the_migration(
    postgres_server: PostgresServer,
) -> None:
    name = "latin1_database"
    postgres_server.psql(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(EngineError, match="has the encoding LATIN1"):
        await deploy(SCHEMA, postgres_server.url(name), log=lambda _: None)
    postgres_server.drop_database(name)


async def test_a_separator_in_a_text_separates_nothing(client: httpx.AsyncClient) -> None:
    odd = "a\x1eb\nc"
    body = {**BODY, "tags": [odd], "segments": [{"start": 0.0, "end": 1.0, "text": odd}]}
    await client.post(COLLECTION, json=body)
    await client.post(COLLECTION, json={**body, "video_id": "w"})
    page = (await client.get(COLLECTION)).json()["analyses"]
    assert [(each["tags"], each["segments"]) for each in page] == [
        (body["tags"], body["segments"])
    ] * 2


@on_sqlite
async def test_a_full_disk_is_507_and_reads_go_on(own_database: SQLite) -> None:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.post(COLLECTION, json=BODY)).status_code == 201
        # SQLite says SQLITE_FULL for a file at its limit of pages as it does for a full disk.
        pages: Any = await app.state.database.client.query_raw("PRAGMA page_count")
        count = pages[0]["page_count"] + 20
        await app.state.database.client.execute_raw(f"PRAGMA max_page_count = {count}")
        statuses = [
            (await client.post(COLLECTION, json=another(number))).status_code
            for number in range(20)
        ]
        assert set(statuses) == {201, 507}
        full = await client.post(COLLECTION, json=another(99))
        assert full.json()["type"] == "urn:memory-mirror:problem:storage-full"
        assert (await client.get(f"{COLLECTION}v")).status_code == 200
        assert (await client.get(COLLECTION)).json()["count"] == 1 + statuses.count(201)
        await app.state.database.client.execute_raw(f"PRAGMA max_page_count = {count * 100}")
        assert (await client.post(COLLECTION, json=another(99))).status_code == 201


@on_sqlite
async def test_a_locked_file_is_503(own_database: SQLite) -> None:
    app = create_app(settings_for(f"{own_database.url}?connection_limit=1&socket_timeout=3"))
    tagged = {"video_id": "tagged", "description": "A zebra.", "tags": ["a"]}
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.post(COLLECTION, json=tagged)).status_code == 201
        other = sqlite3.connect(own_database.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            responses = await asyncio.gather(
                client.post(COLLECTION, json=BODY),
                *(client.patch(f"{COLLECTION}tagged", json={"tags": ["b"]}) for _ in range(4)),
                *(client.patch("/api/tags?name=a", json={"name": "c"}) for _ in range(4)),
                client.delete("/api/tags?name=a"),
            )
        finally:
            other.close()
        assert {response.status_code for response in responses} == {503}
        assert all(response.headers["retry-after"] for response in responses)
        assert (await client.post(COLLECTION, json=BODY)).status_code == 201


async def test_renaming_beside_creates_and_deletes_is_never_a_500(
    client: httpx.AsyncClient, database: Database
) -> None:
    tags = ["a", "b"]

    async def create(number: int) -> list[int]:
        found = []
        for turn in range(6):
            id_ = f"v{number}-{turn}"
            body = {"video_id": id_, "description": "A zebra.", "tags": tags}
            found.append((await client.post(COLLECTION, json=body)).status_code)
            if turn % 2:
                found.append((await client.delete(f"{COLLECTION}{id_}")).status_code)
        return found

    async def rename() -> list[int]:
        found = []
        for turn in range(12):
            old, new = tags if turn % 2 else reversed(tags)
            into = {"names": [old], "into": new}
            found.append((await client.post("/api/tags/merge", json=into)).status_code)
            found.append((await client.delete("/api/tags", params={"name": old})).status_code)
        return found

    results = await asyncio.gather(*(create(number) for number in range(8)), rename(), rename())
    assert {status for each in results for status in each} <= {200, 201, 204, 404, 409, 503}


async def test_extra_stays_within_its_limit_however_often_it_is_patched(
    client: httpx.AsyncClient,
) -> None:
    await client.post(COLLECTION, json=BODY)
    for start in (0, 60):
        extra = {f"name {number}": 1 for number in range(start, start + 60)}
        response = await client.patch(f"{COLLECTION}v", json={"extra": extra})
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["body", "extra"]
    stored = (await client.get(f"{COLLECTION}v")).json()
    assert len(stored["extra"]) == 60


async def test_a_name_is_limited_as_it_is_stored(client: httpx.AsyncClient) -> None:
    three = "\ufb2c"  # one character that is three in NFC
    response = await client.post(COLLECTION, json={**BODY, "tags": [three * 100]})
    assert response.status_code == 422
    response = await client.post(COLLECTION, json={**BODY, "tags": [three * 60]})
    assert response.status_code == 201


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_cursor_beyond_all_time_is_refused(client: httpx.AsyncClient, moment: str) -> None:
    for number in range(2):
        await client.post(COLLECTION, json={**BODY, "video_id": f"v{number}"})
    first = (await client.get(COLLECTION, params={"limit": 1})).json()["next_cursor"]
    packed = base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_")
    _, query, *_ = json.loads(packed)
    edited = cursors.encode(query, [moment, "id"])
    response = await client.get(COLLECTION, params={"limit": 1, "cursor": edited})
    assert response.status_code == 422
