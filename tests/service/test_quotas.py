"""How much each owner may have stored: to the last record and byte, whoever writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from backend.main import create_app
from tests.access.fixtures import make_key
from tests.fixtures import Database, client_of, prisma_on, settings_for
from tests.service.server import Server
from tests.service.test_bad_input import COLLECTION, assert_problem

pytestmark = pytest.mark.anyio

INSERT = (
    "INSERT INTO video_analysis (id, owner, video_id, description, updated_at)"
    " VALUES ('x', 'default', 'x', 'text', '2026-01-01')"
)


@asynccontextmanager
async def service(database: Database, **settings: int) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_for(database.url, audit_seal_seconds=0, **settings))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


def described(video_id: str, size: int = 10) -> dict[str, str]:
    return {"video_id": video_id, "description": "a" * size}


async def create(client: httpx.AsyncClient, video_id: str, size: int = 10) -> httpx.Response:
    return await client.post(COLLECTION, json=described(video_id, size))


async def test_the_record_after_the_last_is_refused(database: Database) -> None:
    async with service(database, quota_records=2) as client:
        statuses = [(await create(client, f"v{n}")).status_code for n in range(2)]
        refused = await create(client, "v2")
        exists = await create(client, "v0")
        changed = await client.put(f"{COLLECTION}v0", json={"description": "b" * 1000})
        deleted = await client.delete(f"{COLLECTION}v1")
        statuses += [(await create(client, f"v{n}")).status_code for n in (2, 3)]
    assert statuses == [201, 201, 201, 403]
    assert (exists.status_code, changed.status_code, deleted.status_code) == (409, 200, 204)
    assert assert_problem(refused, 403) == {
        "type": "urn:memory-mirror:problem:quota-exceeded",
        "title": "Quota exceeded",
        "status": 403,
        "detail": "There is no room for this: 2 of 2 records are used. Nothing was changed",
        "instance": COLLECTION,
        "usage": {"records": {"used": 2, "allowed": 2}},
    }
    assert sorted(database.rows()) == ["v0", "v2"]


async def test_bytes_are_counted_to_the_last(database: Database) -> None:
    async with service(database, quota_records=10, quota_bytes=200) as client:
        assert (await create(client, "a", 120)).status_code == 201
        assert (await create(client, "b", 81)).status_code == 403
        assert (await create(client, "b", 80)).status_code == 201
        grown = await client.put(f"{COLLECTION}b", json={"description": "b" * 81})
        document = assert_problem(grown, 403)
        assert document["detail"] == (
            "There is no room for this: 2 of 10 records and 200 of 200 bytes are used. "
            "Nothing was changed"
        )
        assert document["usage"]["bytes"] == {"used": 200, "allowed": 200}
        same = await client.put(f"{COLLECTION}b", json={"description": "c" * 80})
        tagged = await client.patch(f"{COLLECTION}b", json={"tags": ["beach"]})
        smaller = await client.put(f"{COLLECTION}a", json={"description": "a"})
        assert (same.status_code, tagged.status_code, smaller.status_code) == (200, 403, 200)
        assert (await client.get(f"{COLLECTION}b")).json()["tags"] == []
        now = await client.patch(f"{COLLECTION}b", json={"tags": ["beach"]})
        assert now.status_code == 200


async def test_what_there_was_before_may_be_more_and_may_shrink(database: Database) -> None:
    async with service(database) as client:
        for n in range(4):
            await create(client, f"v{n}", 100)
    assert database.count("owner_usage") == 0
    async with service(database, quota_records=2, quota_bytes=150) as client:
        assert (await create(client, "new")).json()["usage"] == {
            "records": {"used": 4, "allowed": 2},
            "bytes": {"used": 400, "allowed": 150},
        }
        for size, status in ((101, 403), (99, 200), (100, 403), (50, 200)):
            answer = await client.put(f"{COLLECTION}v0", json={"description": "b" * size})
            assert answer.status_code == status
        for n in range(3):
            assert (await client.delete(f"{COLLECTION}v{n}")).status_code == 204
        assert (await create(client, "new", 51)).status_code == 403
        assert (await create(client, "new", 50)).status_code == 201


@pytest.mark.parametrize("quota", [{"quota_records": 30}, {"quota_bytes": 30 * 20}])
async def test_of_many_at_once_exactly_as_many_as_may_are_stored(
    database: Database, quota: dict[str, int]
) -> None:
    async with service(database, **quota) as first, service(database, **quota) as second:
        answers = await asyncio.gather(
            *(create((first, second)[n % 2], f"v{n}", 20) for n in range(60))
        )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(403)) == (30, 30)
    assert len(database.rows()) == 30


async def test_what_others_are_writing_when_an_owner_is_first_counted_counts(
    database: Database,
) -> None:
    async with prisma_on(database.url) as other, service(database, quota_records=2) as client:
        async with other.tx() as transaction:
            await transaction.execute_raw(INSERT)
            first = asyncio.create_task(create(client, "v0"))
            await asyncio.sleep(0.2)
            assert not first.done()
        assert (await first).status_code == 201
        assert (await create(client, "v1")).status_code == 403
    assert sorted(database.rows()) == ["v0", "x"]


async def test_owners_have_a_quota_each(database: Database) -> None:
    settings = {"quota_records": 1, "auth": "required", "audit_seal_seconds": 0}
    app = create_app(settings_for(database.url, **settings))
    async with app.router.lifespan_context(app), client_of(app) as client:
        for name in ("ann", "bob"):
            _, key = await make_key(app, "records:write", owners=(name,))
            client.headers["X-API-Key"] = key
            assert (await create(client, "v0")).status_code == 201
            refused = assert_problem(await create(client, "v1"), 403)
            assert refused["usage"] == {"records": {"used": 1, "allowed": 1}}


async def test_other_programs_are_held_to_it_too(database: Database) -> None:
    async with service(database, quota_records=1, quota_bytes=50) as client:
        await create(client, "v0")
        with pytest.raises(Exception, match="owner_usage_within"):
            database.execute(INSERT)
        assert list(database.rows()) == ["v0"]


async def test_without_quotas_nothing_is_counted_any_longer(database: Database) -> None:
    async with service(database, quota_records=1) as client:
        await create(client, "v0")
    assert database.count("owner_usage") == 1
    async with service(database) as client:
        assert (await create(client, "v1")).status_code == 201
    assert database.count("owner_usage") == 0


async def test_a_key_of_what_was_refused_may_be_used_when_there_is_room(
    database: Database,
) -> None:
    async with service(database, quota_records=1) as client:
        await create(client, "v0")
        key = {"Idempotency-Key": "k"}
        refused = await client.post(COLLECTION, json=described("v1"), headers=key)
        await client.delete(f"{COLLECTION}v0")
        stored = await client.post(COLLECTION, json=described("v1"), headers=key)
        again = await client.post(COLLECTION, json=described("v1"), headers=key)
    assert [each.status_code for each in (refused, stored, again)] == [403, 201, 201]
    assert list(database.rows()) == ["v1"]


async def test_restoring_is_held_to_it(database: Database) -> None:
    async with service(database, quota_records=1) as client:
        await create(client, "v0")
        await client.delete(f"{COLLECTION}v0")
        await create(client, "v1")
        path = f"{COLLECTION}v0/versions/1/restore"
        assert_problem(await client.post(path), 403)
        await client.delete(f"{COLLECTION}v1")
        assert (await client.post(path)).status_code == 200


async def test_two_workers_share_it(own_database: Database, tmp_path: Path) -> None:
    server = Server(own_database.url, tmp_path, arguments=("--workers", "2"), QUOTA_RECORDS="20")
    await asyncio.to_thread(server.start)
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            answers = await asyncio.gather(*(create(client, f"v{n}") for n in range(40)))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(201), statuses.count(403)) == (20, 20)
        assert "Traceback" not in server.log()
    finally:
        server.stop()
    assert len(own_database.rows()) == 20
