"""The audit: the change log filtered and exported, sealed so that what is altered is found out, and
pruned without breaking the seals."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.cli import main
from backend.core.caller import ALL_OWNERS, acting_for
from backend.history import audit as audit_module
from backend.history import seals
from backend.main import create_app
from tests.fixtures import Database, MakeDatabase, client_of, on_postgresql, settings_for

pytestmark = pytest.mark.anyio

Command = Callable[..., Awaitable[int]]

COLLECTION = "/api/video-analysis/"
AUDIT = "/api/audit"


@asynccontextmanager
async def service(database: Database, **settings: Any) -> AsyncIterator[FastAPI]:
    app = create_app(settings_for(database.url, **{"audit_seal_seconds": 0, **settings}))
    async with app.router.lifespan_context(app):
        yield app


async def create(client: httpx.AsyncClient, video_id: str, **fields: Any) -> None:
    body = {"video_id": video_id, "description": "A beach.", **fields}
    answer = await client.post(COLLECTION, json=body)
    assert answer.status_code == 201, answer.text


async def whole(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    answer = await client.get(AUDIT, params=query)
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["count"] == len(page["changes"]) <= query.get("limit", 100)
        found += page["changes"]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return found
        answer = await client.get(answer.links["next"]["url"])


async def rows(app: FastAPI, sql: str) -> list[dict[str, Any]]:
    with acting_for(ALL_OWNERS):
        found: Any = await app.state.database.client.query_raw(sql)
    return list(found)


async def seal_all(app: FastAPI) -> int:
    total = 0
    while (sealed := await app.state.audit.seal()) != 0:
        if sealed is None:
            await asyncio.sleep(0.01)
        else:
            total += sealed
    return total


async def trouble(app: FastAPI) -> str | None:
    found = await app.state.audit.verify()
    said: str | None = found.trouble
    return said


async def write_at_random(
    client: httpx.AsyncClient, number: int, seed: int = 1, *, renames: bool = True
) -> None:
    """`number` writes that change something."""
    dice = random.Random(seed)
    words = ["sea", "sand", "snow", "dog", "cat", "zoë"]

    written = 0

    async def write() -> None:
        nonlocal written
        path = f"{COLLECTION}v{dice.randrange(12)}"
        one, other = dice.sample(words, 2)
        match dice.choice(range(10) if renames else range(7)):
            case 0 | 1 | 2:
                body = {"video_id": path.rpartition("/")[2], "description": one, "tags": [other]}
                answer = await client.post(COLLECTION, json=body)
            case 3 | 4 | 5:
                answer = await client.put(path, json={"description": f"{one} {other}"})
            case 6:
                answer = await client.patch(path, json={"tags": [one], "people": [other]})
            case 7:
                answer = await client.patch("/api/tags", params={"name": one}, json={"name": other})
            case 8:
                body = {"names": [one], "into": other}
                answer = await client.post("/api/people/merge", json=body)
            case _:
                answer = await client.delete(path)
        assert answer.status_code in (200, 201, 204, 404, 409), answer.text
        written += answer.status_code < 300

    while written < number:
        await asyncio.gather(*(write() for _ in range(10)))


# The endpoint


async def test_what_a_row_tells(client: httpx.AsyncClient, database: Database) -> None:
    await create(client, "v", tags=["a"])
    answer = await client.put(COLLECTION + "v", json={"description": "Two."})
    await client.delete(COLLECTION + "v", headers={"X-Request-ID": "mine"})
    found = await whole(client)
    assert [(row["action"], row["version"]) for row in found] == [
        ("delete", 3), ("update", 2), ("create", 1)
    ]  # fmt: skip
    assert list(found[1]) == [
        "number", "owner", "at", "actor", "action", "kind", "name", "version", "request_id"
    ]  # fmt: skip
    assert found[1] == {
        "number": found[2]["number"] + 1,
        "owner": "default",
        "at": answer.json()["updated_at"],
        "actor": "anonymous",
        "action": "update",
        "kind": "video",
        "name": "v",
        "version": 2,
        "request_id": answer.headers["x-request-id"],
    }
    assert found[0]["request_id"] == "mine"


async def test_filters(client: httpx.AsyncClient, database: Database) -> None:
    for number in range(6):
        request = {"X-Request-ID": f"r{number % 2}"}
        body = {"video_id": f"v{number}", "description": "a"}
        await client.post(COLLECTION, json=body, headers=request)
        await client.put(f"{COLLECTION}v0", json={"description": str(number)}, headers=request)
        await asyncio.sleep(0.002)
    everything = await whole(client)
    assert len(everything) == 12
    times = sorted({row["at"] for row in everything})
    for query, wanted in (
        ({"action": "create"}, lambda row: row["action"] == "create"),
        ({"actor": "anonymous"}, lambda row: True),
        ({"actor": "somebody"}, lambda row: False),
        ({"video_id": "v0"}, lambda row: row["name"] == "v0"),
        ({"video_id": "v0", "action": "create"},
         lambda row: row["version"] == 1 and row["name"] == "v0"),
        ({"request_id": "r1"}, lambda row: row["request_id"] == "r1"),
        ({"from": times[3]}, lambda row: row["at"] >= times[3]),
        ({"to": times[3]}, lambda row: row["at"] <= times[3]),
        ({"from": times[2], "to": times[5], "action": "update"},
         lambda row: times[2] <= row["at"] <= times[5] and row["action"] == "update"),
        ({"from": times[2], "video_id": "v0"},
         lambda row: row["at"] >= times[2] and row["name"] == "v0"),
    ):  # fmt: skip
        expected = [row for row in everything if wanted(row)]
        for limit in (1, 3, 100):
            assert await whole(client, limit=limit, **query) == expected, query
    day = everything[0]["at"][:10]
    assert await whole(client, **{"from": day, "to": day})
    assert await whole(client, to="2020-01-01") == []


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2026-02-30"},
        {"video_id": "no/id"},
        {"actor": ""},
        {"actor": "a\0b"},
        {"format": "csv"},
        {"limit": "0"},
        {"cursor": "x"},
        {"cursor": "x", "format": "ndjson"},
        {"kind": "video"},
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get(AUDIT, params=query)
    assert answer.status_code == 422, answer.text


async def test_a_page_looks_at_a_bounded_number_of_rows(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_LOOKED_AT_ONCE", 3)
    monkeypatch.setattr(audit_module, "_MOST_LOOKED_AT", 6)
    await create(client, "rare")
    for number in range(15):
        await create(client, f"v{number}")
    await client.delete(f"{COLLECTION}v3")
    page = (await client.get(AUDIT, params={"action": "update"})).json()
    assert (page["count"], page["next_cursor"] is None) == (0, False)
    assert [row["name"] for row in await whole(client, action="delete", limit=1)] == ["v3"]
    assert len(await whole(client, limit=7)) == 17
    assert len(await whole(client, limit=7, video_id="v3")) == 2


async def test_seals_lead_to_a_time(
    client: httpx.AsyncClient,
    app: FastAPI,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sealed or not, in seals small or large, the same rows are found."""
    monkeypatch.setattr(seals, "_MOST_ROWS", 4)
    for number in range(30):
        await create(client, f"v{number}")
    await client.put(f"{COLLECTION}v1", json={"description": "b"})
    # Not in the order of the numbers, as other programs may leave it.
    database.execute("UPDATE change_log SET at = '2026-03-01T09:30:00.125+00:00' WHERE name = 'v7'")
    everything = await whole(client)
    times = sorted(row["at"] for row in everything)
    for _ in range(3):
        for start, end in itertools.combinations((times[0], times[1], times[9], times[20]), 2):
            expected = [row for row in everything if start <= row["at"] <= end]
            assert await whole(client, limit=5, **{"from": start, "to": end}) == expected
        await app.state.audit.seal()
        await app.state.audit.seal()
    await seal_all(app)
    for start, end in ((times[0], times[0]), (times[5], times[6]), (times[1], times[-1])):
        expected = [row for row in everything if start <= row["at"] <= end]
        assert await whole(client, limit=5, **{"from": start, "to": end}) == expected


async def test_an_export_is_all_and_its_count(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_EXPORTED_AT_ONCE", 4)
    for number in range(9):
        await create(client, f"v{number}")
    everything = await whole(client)
    for query, headers in (({"format": "ndjson"}, {}), ({}, {"Accept": "application/x-ndjson"})):
        answer = await client.get(AUDIT, params=query, headers=headers)
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert "content-length" not in answer.headers
        *lines, trailer = [json.loads(line) for line in answer.text.splitlines()]
        assert (lines, trailer) == (everything, {"count": 9})
    answer = await client.get(AUDIT, params={"format": "ndjson", "actor": "nobody"})
    assert answer.text == '{"count":0}\n'


async def test_an_export_that_fails_has_no_count(
    app: FastAPI, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_EXPORTED_AT_ONCE", 2)
    async with client_of(app) as client:
        for number in range(5):
            await create(client, f"v{number}")
    lines = app.state.audit.export(audit_module.AuditFilters())
    assert (await anext(lines)).count(b"\n") == 2
    database.execute("ALTER TABLE change_log RENAME TO change_elsewhere")
    try:
        with pytest.raises(Exception, match="not ready"):
            await anext(lines)
    finally:
        database.execute("ALTER TABLE change_elsewhere RENAME TO change_log")


async def test_an_export_reads_only_as_it_is_taken(app: FastAPI, database: Database) -> None:
    """Back-pressure: blocks are read one by one, when the client has taken the last."""
    async with client_of(app) as client:
        await create(client, "v")
    taken: list[bytes] = []
    lines = app.state.audit.export(audit_module.AuditFilters())
    taken.append(await anext(lines))
    database.execute("DELETE FROM change_log")
    taken += [line async for line in lines]
    assert json.loads(taken[-1]) == {"count": 1}


async def test_renames_have_a_row_of_their_own(
    client: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    await create(client, "v", tags=["a", "b"], people=["Ada"])
    await create(client, "w", tags=["a"])
    await client.patch("/api/tags", params={"name": "a"}, json={"name": "c"})
    await client.post("/api/tags/merge", json={"names": ["b"], "into": "c"})
    await client.delete("/api/people", params={"name": "Ada"})
    assert (await client.delete("/api/people", params={"name": "Ada"})).status_code == 404
    found = [row for row in await whole(client) if row["kind"] != "video"]
    assert [(row["kind"], row["action"], row["name"], row["actor"]) for row in found] == [
        ("person", "delete", "Ada", "anonymous"),
        ("tag", "merge", "b", "anonymous"),
        ("tag", "rename", "a", "anonymous"),
    ]
    assert all(row["request_id"] and row["version"] is None for row in found)
    images = await rows(app, "SELECT image FROM change_log WHERE kind <> 'video' ORDER BY number")
    assert [json.loads(row["image"]) for row in images] == [
        {"to": "c", "videos": 2},
        {"to": "c", "videos": 1},
        {"to": None, "videos": 1},
    ]
    assert (await client.get("/api/deleted")).json()["deleted"] == []


async def test_a_record_brought_back_is_logged_when_it_was(client: httpx.AsyncClient) -> None:
    await create(client, "v")
    await client.delete(f"{COLLECTION}v")
    await asyncio.sleep(0.01)
    restored = (await client.post(f"{COLLECTION}v/versions/1/restore")).json()
    assert (await whole(client))[0]["at"] == restored["updated_at"] > restored["created_at"]


# Reads


async def test_reads_are_logged_where_it_is_asked_for(own_database: Database) -> None:
    async with service(own_database, audit_reads=True) as app, client_of(app) as client:
        await create(client, "v")
        read = await client.get(f"{COLLECTION}v")
        await client.head(f"{COLLECTION}v")
        await client.get(f"{COLLECTION}w")  # 404: nothing was read
        await client.get(COLLECTION, params={"limit": 1})
        await client.get("/api/search", params={"q": "what nobody is to know"})
        await client.post("/api/context", json={"query": "beach"})
        await client.get(AUDIT)
        await client.get("/api/test/health")
    async with service(own_database) as app, client_of(app) as client:
        await client.get(f"{COLLECTION}v")
        found = await whole(client, action="read")
        assert [row["name"] for row in reversed(found)] == [
            f"{COLLECTION}v", f"{COLLECTION}v", COLLECTION, "/api/search", "/api/context"
        ]  # fmt: skip
        assert {(row["kind"], row["actor"]) for row in found} == {("read", "anonymous")}
        assert found[-1]["request_id"] == read.headers["x-request-id"]


async def test_reads_that_come_too_fast_are_counted(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.history.reads.MOST_WAITING", 3)
    async with service(own_database, audit_reads=True) as app, client_of(app) as client:
        for _ in range(8):
            assert (await client.get(COLLECTION)).status_code == 200
    async with service(own_database) as app, client_of(app) as client:
        assert len(await whole(client, action="read")) == 3
        [lost] = await whole(client, action="lost")
        assert (lost["kind"], lost["name"]) == ("read", "5 reads")


# Commands


@pytest.fixture
def command(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("DATABASE_URL", own_database.url)

    async def run(*words: str) -> int:
        return await asyncio.to_thread(main, words)

    return run


async def test_commands_name_themselves(
    own_database: Database,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    async with service(own_database) as app, client_of(app) as client:
        await create(client, "v", tags=["a"])
        assert await command("tags", "--rename", "a", "b") == 0
        actor = "memory-mirror tags (ada)"
        found = await whole(client, actor=actor)
        assert [(row["kind"], row["action"]) for row in found] == [
            ("tag", "rename"), ("video", "update")
        ]  # fmt: skip
        capsys.readouterr()
        assert await command("audit", "list", "--actor", actor, "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"changes": found, "count": 2}
        assert await command("audit", "list", "--limit", "2") == 0
        assert f"{actor}  update video v version 2\n" in capsys.readouterr().out
        assert await command("audit", "list", "--from", "yesterday") == 2
        assert "--from: A time is a day" in capsys.readouterr().err
        await client.delete(f"{COLLECTION}v")
        assert (await whole(client, action="delete"))[0]["actor"] == "anonymous"


async def test_the_command_seals_and_verifies(
    own_database: Database,
    command: Command,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with service(own_database) as app, client_of(app) as client:
        assert await command("audit", "verify") == 0
        assert capsys.readouterr().out == "0 rows in 0 seals agree; 0 rows not sealed yet\n"
        for number in range(3):
            await create(client, f"v{number}")
        assert await command("audit", "seal") == 0
        assert capsys.readouterr().out == "3 rows sealed\n"
        await create(client, "late")
        assert await command("audit", "verify") == 0
        first, last = capsys.readouterr().out.splitlines()
        assert first == "3 rows in 1 seals agree; 1 rows not sealed yet"
        hash_ = last.removeprefix("The last seal's hash: ")
        assert await command("audit", "seal") == 0
        assert await command("audit", "verify", "--hash", hash_) == 0
        assert await command("audit", "verify", "--hash", "0" * 64) == 1
        # Whoever makes all seals anew cannot make that hash again.
        own_database.execute(
            "UPDATE change_log SET actor = 'other' WHERE name = 'v1'; DELETE FROM change_seal;"
            " DELETE FROM change_follower"
        )
        assert await command("audit", "seal") == 0
        assert await command("audit", "verify") == 0
        assert await command("audit", "verify", "--hash", hash_) == 1
        capsys.readouterr()
        own_database.execute("UPDATE change_log SET actor = 'none' WHERE name = 'v1'")
        assert await command("audit", "verify") == 1
        assert capsys.readouterr().out.startswith("Row 2 was altered since seal ")


# Seals


@pytest.fixture(scope="module")
async def sealed_app(make_database: MakeDatabase) -> AsyncIterator[tuple[FastAPI, Database]]:
    """After 300 random writes, in seals of 20 rows."""
    database = make_database()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seals, "_MOST_ROWS", 20)
        async with service(database) as app, client_of(app) as client:
            for part in range(3):
                await write_at_random(client, 100, seed=part)
                await seal_all(app)
            yield app, database


async def test_all_that_was_written_is_sealed(sealed_app: tuple[FastAPI, Database]) -> None:
    app, database = sealed_app
    found = await app.state.audit.verify()
    assert (found.trouble, found.unsealed) == (None, 0)
    assert found.rows == database.count("change_log") > 300
    kinds = await rows(app, "SELECT DISTINCT kind FROM change_log")
    assert {row["kind"] for row in kinds} == {"video", "tag", "person"}


COLUMNS = {
    "change_log": "number, at, actor, action, request_id, kind, name, version, image, image_hash",
    "change_seal": "id, first_xid, first_number, last_xid, last_number, count, earliest, latest,"
    " at, hash, digests",
}

ALTERED_ROWS = {
    "at": "'2026-03-01T09:30:00.125+00:00'",
    "actor": "NULL",
    "action": "'create '",
    "request_id": "'other'",
    "kind": "'Video'",
    "name": "'other'",
    "version": "version + 1000",
    "image": "'{}'",
    "image_hash": "'00'",
}

ALTERED_SEALS = {
    "first_number": "first_number - 1",
    "last_number": "last_number - 1",
    "count": "count + 1",
    "earliest": "'2026-03-01T09:30:00.125+00:00'",
    "latest": "'2036-03-01T09:30:00.125+00:00'",
    "at": "'2026-03-01T09:30:00.125+00:00'",
    "hash": "'00'",
    "digests": "substr(digests, 5)",
}


@contextlib.asynccontextmanager
async def put_back(app: FastAPI, database: Database) -> AsyncIterator[None]:
    """Both tables, afterwards."""
    for table in COLUMNS:
        database.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    try:
        yield
    finally:
        over, xid = (
            ("", "") if database.provider == "sqlite" else (" OVERRIDING SYSTEM VALUE", "xid, ")
        )
        for table, columns in COLUMNS.items():
            columns = (xid if table == "change_log" else "") + columns
            database.execute(
                f"DELETE FROM {table}; INSERT INTO {table} ({columns}){over}"
                f" SELECT {columns} FROM kept_{table}; DROP TABLE kept_{table}"
            )


async def some_row(app: FastAPI) -> int:
    """With an image, in the midst of a seal."""
    found = await rows(
        app,
        "SELECT number FROM change_log WHERE kind = 'video' AND action = 'update'"
        " ORDER BY number LIMIT 1 OFFSET 30",
    )
    return int(found[0]["number"])


@pytest.mark.parametrize("column", ALTERED_ROWS)
async def test_an_altered_row_is_named(sealed_app: tuple[FastAPI, Database], column: str) -> None:
    app, database = sealed_app
    number = await some_row(app)
    async with put_back(app, database):
        database.execute(
            f"UPDATE change_log SET {column} = {ALTERED_ROWS[column]} WHERE number = {number}"
        )
        said = await trouble(app)
        assert said is not None
        assert said.startswith(f"Row {number} was altered since seal "), said
    assert await trouble(app) is None


async def test_a_row_that_is_missing_is_named(sealed_app: tuple[FastAPI, Database]) -> None:
    app, database = sealed_app
    ends = await rows(app, "SELECT last_number FROM change_seal ORDER BY id LIMIT 3")
    for number in (await some_row(app), 1, int(ends[2]["last_number"])):
        async with put_back(app, database):
            database.execute(f"DELETE FROM change_log WHERE number = {number}")
            said = await trouble(app)
            assert said is not None
            assert said.startswith(f"Row {number} is missing since seal "), said


async def test_a_row_that_was_inserted_is_named(sealed_app: tuple[FastAPI, Database]) -> None:
    app, database = sealed_app
    number = await some_row(app)
    postgresql = database.provider == "postgresql"
    values = "number - 5000000, at, actor, action, kind, name"
    over = " OVERRIDING SYSTEM VALUE" if postgresql else ""
    columns = "number, at, actor, action, kind, name"
    if postgresql:
        columns, values = f"xid, {columns}", f"xid, {values}"
    async with put_back(app, database):
        database.execute(
            f"INSERT INTO change_log ({columns}){over} SELECT {values} FROM change_log"
            f" WHERE number = {number}"
        )
        if not postgresql:
            # Between two that are there: all later ones move on.
            database.execute(
                f"UPDATE change_log SET number = -number - 1 WHERE number > {number};"
                "UPDATE change_log SET number = -number WHERE number < 0 AND number > -1000000;"
                f"UPDATE change_log SET number = {number} + 1 WHERE number = {number} - 5000000"
            )
        said = await trouble(app)
        assert said is not None
        if postgresql:
            assert said.startswith(f"Row {number - 5000000} was inserted since seal "), said
        else:
            assert said.startswith(f"Row {number + 1} was altered since seal "), said


async def test_rows_that_changed_places_are_named(sealed_app: tuple[FastAPI, Database]) -> None:
    app, database = sealed_app
    number = await some_row(app)
    async with put_back(app, database):
        if database.provider == "postgresql":
            database.execute(
                f"UPDATE change_log SET xid = (SELECT xid FROM change_log ORDER BY xid LIMIT 1)"
                f" WHERE number = {number}"
            )
        else:
            database.execute(
                f"UPDATE change_log SET number = -1 WHERE number = {number};"
                f"UPDATE change_log SET number = {number} WHERE number = {number} + 1;"
                f"UPDATE change_log SET number = {number} + 1 WHERE number = -1"
            )
        said = await trouble(app)
        assert said is not None
        assert f"ow {number} " in said, said


@pytest.mark.parametrize("column", ALTERED_SEALS)
async def test_an_altered_seal_is_named(sealed_app: tuple[FastAPI, Database], column: str) -> None:
    app, database = sealed_app
    async with put_back(app, database):
        database.execute(f"UPDATE change_seal SET {column} = {ALTERED_SEALS[column]} WHERE id = 4")
        said = await trouble(app)
        assert said is not None
        assert said.startswith("Seal 4 is not as it was made"), said


@on_postgresql
@pytest.mark.parametrize("column", ["first_xid", "last_xid"])
async def test_the_transaction_of_a_seal_is_checked(
    sealed_app: tuple[FastAPI, Database], column: str
) -> None:
    app, database = sealed_app
    async with put_back(app, database):
        database.execute(
            f"UPDATE change_seal SET {column} = ({column}::text::bigint - 1)::text::xid8"
            " WHERE id = 4"
        )
        assert "eal 4" in (await trouble(app) or "")


async def test_a_seal_that_is_missing_is_named(sealed_app: tuple[FastAPI, Database]) -> None:
    app, database = sealed_app
    last = database.count("change_seal")
    for number in (1, 4, last):
        async with put_back(app, database):
            database.execute(f"DELETE FROM change_seal WHERE id = {number}")
            said = await trouble(app)
            assert said is not None
            assert said.startswith(f"Seal {number} is missing"), said
    async with put_back(app, database):
        database.execute("DELETE FROM change_seal WHERE id = 4")
        database.execute("UPDATE change_seal SET id = id - 1 WHERE id = 5")
        assert (await trouble(app) or "").startswith("Seal 4 is not as it was made")


async def test_two_that_seal_at_once_seal_each_row_once(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MOST_ROWS", 7)
    async with service(own_database) as one, service(own_database) as other:  # noqa: SIM117
        async with client_of(one) as client, client_of(other) as another:

            async def seal_on(app: FastAPI, until: asyncio.Event) -> int:
                total = 0
                while not until.is_set():
                    total += await app.state.audit.seal() or 0
                    await asyncio.sleep(0)
                return total

            written = asyncio.Event()
            tasks = [asyncio.create_task(seal_on(app, written)) for app in (one, other, one)]
            await asyncio.gather(
                write_at_random(client, 100, seed=1),
                write_at_random(another, 100, seed=2, renames=False),
            )
            written.set()
            total = sum(await asyncio.gather(*tasks)) + await seal_all(one)
            assert total == own_database.count("change_log")
            found = await one.state.audit.verify()
            assert (found.trouble, found.rows, found.unsealed) == (None, total, 0)


async def test_a_sealer_that_dies_repeats_nothing(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is cut off: a batch is sealed whole or not at all."""
    monkeypatch.setattr(seals, "_MOST_ROWS", 5)
    async with service(own_database) as app, client_of(app) as client:
        await write_at_random(client, 60)
        for delay in range(40):
            task = asyncio.create_task(app.state.audit.seal())
            for _ in range(delay * 3):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            if own_database.provider == "sqlite":  # a lease ends by itself, a minute later
                own_database.execute("UPDATE change_follower SET held_until = 0")
            assert await trouble(app) is None
        await seal_all(app)
        found = await app.state.audit.verify()
        assert (found.trouble, found.unsealed) == (None, 0)
        assert found.rows == own_database.count("change_log")


@on_postgresql
async def test_a_transaction_that_commits_late_is_sealed_in_its_place(
    own_database: Database,
) -> None:
    async with service(own_database) as app, client_of(app) as client:
        await create(client, "first")
        database = app.state.database.client
        async with database.tx(timeout=timedelta(seconds=60)) as late:
            await late.execute_raw(
                "INSERT INTO change_log (owner, at, action, kind, name)"
                " VALUES ('default', now(), 'note', 'n', 'low')"
            )
            for number in range(5):
                await create(client, f"v{number}")
            await seal_all(app)
            assert await trouble(app) is None
            [row] = await rows(app, "SELECT max(last_number) AS last FROM change_seal")
            assert int(row["last"]) == 1, "nothing beside or after what still runs"
        assert await seal_all(app) == 6
        found = await app.state.audit.verify()
        assert (found.trouble, found.rows, found.unsealed) == (None, 7, 0)


@on_postgresql
async def test_writers_that_commit_out_of_order_are_all_sealed(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "_MOST_ROWS", 9)
    async with service(own_database) as app:
        database = app.state.database.client
        dice = random.Random(3)
        writing = 4

        async def write(name: int) -> None:
            nonlocal writing
            for number in range(15):
                async with database.tx(timeout=timedelta(seconds=60)) as transaction:
                    for _ in range(dice.randrange(1, 4)):
                        await transaction.execute_raw(
                            "INSERT INTO change_log (owner, at, action, kind, name)"
                            f" VALUES ('default', now(), 'note', 'n', '{name} {number}')"
                        )
                        await asyncio.sleep(dice.random() / 100)
            writing -= 1

        async def seal_on() -> None:
            while writing:
                await app.state.audit.seal()
                await asyncio.sleep(0.001)

        await asyncio.gather(seal_on(), *(write(name) for name in range(4)))
        await seal_all(app)
        found = await app.state.audit.verify()
        assert (found.trouble, found.unsealed) == (None, 0)
        assert found.rows == own_database.count("change_log")


async def test_the_service_seals_by_itself(own_database: Database) -> None:
    async with service(own_database, audit_seal_seconds=0.05) as app, client_of(app) as client:
        await create(client, "v")
        async with asyncio.timeout(10):
            while not own_database.count("change_seal"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await trouble(app) is None


async def test_both_databases_have_the_same_digests(own_database: Database) -> None:
    own_database.execute(
        "INSERT INTO change_log (at, actor, action, request_id, kind, name, version, image)"
        " VALUES ('2026-03-01T09:30:00.120+00:00', 'Zoë \"x\"', 'update', NULL, 'video', 'v', 7,"
        ' \'{"a": "é"}\')'
    )
    async with service(own_database) as app:
        await app.state.audit.seal()
        [seal] = await rows(app, "SELECT digests FROM change_seal")
        assert seal["digests"] == DIGESTS


DIGESTS = "AAAAAAAAAAEptw/sBlQNFepzXf8xbaTkvOKd4yu4LvkAoGcRYnsKPg=="


# Pruning


async def prune(app: FastAPI) -> None:
    for portion in app.state.followers.portions:
        while await portion():
            pass


async def kept(client: httpx.AsyncClient, video_id: str) -> list[int]:
    page = (await client.get(f"{COLLECTION}{video_id}/versions", params={"limit": 1000})).json()
    found = []
    for each in page["versions"]:
        answer = await client.get(f"{COLLECTION}{video_id}/versions/{each['version']}")
        assert (answer.status_code == 200) == each["is_kept"]
        assert answer.status_code in (200, 404)
        if each["is_kept"]:
            found.append(each["version"])
    return found


async def test_only_the_last_versions_are_kept(own_database: Database) -> None:
    async with service(own_database, history_versions=3) as app, client_of(app) as client:
        for video_id in ("v", "w"):
            await create(client, video_id)
            for number in range(8):
                await client.put(COLLECTION + video_id, json={"description": str(number)})
        await client.delete(f"{COLLECTION}w")
        assert await kept(client, "v") == list(range(9, 0, -1))
        await prune(app)
        assert await kept(client, "v") == [9, 8, 7, 6]
        assert await kept(client, "w") == [9, 8, 7]
        assert (await client.get("/api/deleted")).json()["count"] == 1
        assert await trouble(app) is None
        [row] = await rows(app, "SELECT count(*) AS n FROM change_log WHERE image_hash IS NOT NULL")
        assert row["n"] == 11
        await client.put(f"{COLLECTION}v", json={"description": "more"})
        await prune(app)
        assert await kept(client, "v") == [10, 9, 8, 7]
        assert await trouble(app) is None
    # With fewer the log is followed from its beginning.
    async with service(own_database, history_versions=1) as app, client_of(app) as client:
        await prune(app)
        assert await kept(client, "v") == [10, 9]
        own_database.execute(
            "UPDATE change_log SET image_hash = '00' WHERE name = 'v' AND version = 3"
        )
        assert (await trouble(app) or "").endswith("was altered since seal 1.")


async def test_old_versions_are_let_go(own_database: Database) -> None:
    async with service(own_database, history_days=30) as app, client_of(app) as client:
        await create(client, "v", tags=["a"])
        await client.put(f"{COLLECTION}v", json={"description": "Two."})
        await client.patch("/api/tags", params={"name": "a"}, json={"name": "b"})
        past = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="milliseconds")
        own_database.execute(f"UPDATE change_log SET at = '{past}'")
        ahead = (datetime.now(UTC) + timedelta(days=31)).isoformat(timespec="milliseconds")
        await client.put(f"{COLLECTION}v", json={"description": "Three."})
        own_database.execute(f"UPDATE change_log SET at = '{ahead}' WHERE version = 1")
        await client.put(f"{COLLECTION}v", json={"description": "Four."})
        await prune(app)
        assert await kept(client, "v") == [5, 4, 3]
        await prune(app)
        assert await kept(client, "v") == [5, 4, 3]
        assert await trouble(app) is None
        # What became of a tag is no version: it stays.
        [row] = await rows(app, "SELECT image FROM change_log WHERE kind = 'tag'")
        assert json.loads(row["image"]) == {"to": "b", "videos": 1}


async def test_what_is_not_sealed_keeps_its_image(own_database: Database) -> None:
    async with service(own_database, history_versions=1) as app, client_of(app) as client:
        await create(client, "v")
        for number in range(5):
            await client.put(f"{COLLECTION}v", json={"description": str(number)})
        _, *pruning, _ = app.state.followers.portions
        for portion in pruning:
            assert await portion() == 0
        assert len(await kept(client, "v")) == 6


async def test_everything_is_kept_where_it_is_asked_for(own_database: Database) -> None:
    settings = {"history_versions": 0, "history_days": 0}
    async with service(own_database, **settings) as app, client_of(app) as client:
        await create(client, "v")
        for number in range(60):
            await client.put(f"{COLLECTION}v", json={"description": str(number)})
        own_database.execute("UPDATE change_log SET at = '2020-03-01T09:30:00.125+00:00'")
        await prune(app)
        assert len(await kept(client, "v")) == 61
