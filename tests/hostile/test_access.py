"""Very many keys, and what is sent in place of one: what it costs those who wait beside it."""

from __future__ import annotations

import secrets

import pytest
from pydantic import SecretStr

from backend.access import service as access
from backend.access.keys import Key
from backend.core.caller import ADMIN, MOST_OWNERS
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database
from tests.hostile.watch import watched

pytestmark = pytest.mark.anyio

OWNERS = ",".join(f"{n:02}" + "x" * 253 for n in range(MOST_OWNERS))


async def test_very_many_keys_with_many_long_owners(database: Database) -> None:
    async with service(database) as (app, client):
        _, key = await make_key(app, ADMIN, owners=("*",))
        sqlite = database.provider == "sqlite"
        at = "strftime('%Y-%m-%dT%H:%M:%f+00:00')" if sqlite else "now()"
        database.execute(
            "INSERT INTO access_key (id, name, owners, scopes, salt, hash, created_by, created_at)"
            " WITH RECURSIVE numbers (n) AS"
            f" (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {access.MOST_KEYS})"
            f" SELECT substr(CAST(1000000000000 + n AS TEXT), 2), '{'n' * 100}', '{OWNERS}',"
            f" 'admin', 's', 'h', 'x', {at} FROM numbers"
        )
        async with watched():
            page = (await client.get("/api/keys?limit=1000", headers=shown(key))).json()
            assert page["count"] == 1000
            following = await client.get(
                f"/api/keys?limit=1000&cursor={page['next_cursor']}", headers=shown(key)
            )
            assert following.json()["count"] == 1000
            body = {"name": "one too many", "owners": ["a"], "scopes": ["stats"]}
            refused = await client.post("/api/keys", json=body, headers=shown(key))
            assert refused.status_code == 409


async def test_very_many_credentials_that_open_nothing(database: Database) -> None:
    async with service(database, jwt_secret=SecretStr("s" * 32)) as (_, client):
        part = "eyJhbGciOiJIUzI1NiJ9"
        sent = [
            *(Key.new().text for _ in range(500)),
            *(f"{part}.{part}.{secrets.token_urlsafe(32)}" for _ in range(500)),
            *(f"{part}.{'e' * 8_000}.{secrets.token_urlsafe(32)}" for _ in range(500)),
            *("x" * 60_000 for _ in range(100)),
        ]
        async with watched():
            for credential in sent:
                answer = await client.get("/api/whoami", headers=shown(credential))
                assert answer.status_code == 401
