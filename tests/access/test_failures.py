"""An address whose keys fail is refused for a while, and no other."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database
from tests.service.test_bad_input import COLLECTION, assert_problem

pytestmark = pytest.mark.anyio

BAD = "mm_none_secret"


def client_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("varies", [True, False], ids=["another key each time", "the same key"])
async def test_an_address_whose_keys_fail_is_refused(database: Database, varies: bool) -> None:
    async with service(database, rate_limit_failures="3/hour") as (app, _):
        _, key = await make_key(app, "records:read")
        client = client_from(app, "203.0.113.9")
        answers = [
            await client.get(COLLECTION, headers=shown(f"{BAD}{n if varies else ''}"))
            for n in range(5)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        document = assert_problem(answers[3], 429)
        assert document["type"] == "urn:memory-mirror:problem:rate-limited"
        assert 3500 < int(answers[3].headers["retry-after"]) <= 3600
        # Also with a key that opens, which is not looked at. What is open stays so.
        assert (await client.get(COLLECTION, headers=shown(key))).status_code == 429
        assert (await client.get("/api/test/health")).status_code == 200
        assert (await client.get(COLLECTION)).status_code == 401
        other = client_from(app, "203.0.113.10")
        assert (await other.get(COLLECTION, headers=shown(key))).status_code == 200


async def test_without_a_key_nothing_has_failed(database: Database) -> None:
    async with service(database, rate_limit_failures="3/hour") as (app, _):
        _, key = await make_key(app, "records:read")
        client = client_from(app, "203.0.113.9")
        for _ in range(10):
            assert (await client.get(COLLECTION)).status_code == 401
            assert (await client.get(COLLECTION, headers=shown(key))).status_code == 200


async def test_keys_are_counted_by_themselves_wherever_they_come_from(database: Database) -> None:
    async with service(database, rate_limit_read="2/hour") as (app, _):
        first = (await make_key(app, "records:read"))[1]
        second = (await make_key(app, "records:read"))[1]
        statuses = [
            (await client_from(app, address).get(COLLECTION, headers=shown(key))).status_code
            for address, key in [
                ("203.0.113.1", first),
                ("203.0.113.2", first),
                ("203.0.113.3", first),
                ("203.0.113.3", second),
            ]
        ]
    assert statuses == [200, 200, 429, 200]
