"""Keys and tokens stand in no log at any level, in no error, and not in the database."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from backend.access.keys import Key
from tests.access.fixtures import shown
from tests.commands import memory_mirror
from tests.fixtures import Database, SQLite
from tests.service.server import Server

LONGEST_TOLD = 8
"""So many characters of a secret may stand anywhere by chance, and no more."""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_key_is_told(database: Database, tmp_path: Path, log_format: str) -> None:
    made = memory_mirror(database, "keys", "create", "--name", "a", "--scopes", "admin")
    key = made.stdout.splitlines()[0]
    unknown = Key.new().text
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    answers = []
    with Server(
        database.url,
        tmp_path,
        LOG_LEVEL="debug",
        LOG_FORMAT=log_format,
        AUDIT_READS="true",
        JWT_SECRET="s" * 32,
    ) as server:
        with httpx.Client(base_url=server.url) as client:
            for sent in (key, unknown, mistyped, token):
                for headers in (shown(sent), {"Authorization": f"Bearer {sent}"}):
                    for method, path in (
                        ("GET", "/api/whoami"),
                        ("GET", f"/api/stats?key={sent}"),
                        ("GET", f"/api/search?q={sent}"),
                        ("DELETE", f"/api/keys/{sent}"),
                        ("POST", "/api/keys"),
                        ("GET", f"/{sent}/{sent}"),
                    ):
                        answers.append(client.request(method, path, headers=headers))
                        if sent == token:
                            break  # a path may hold what looks like no key
            assert {answer.status_code for answer in answers} >= {200, 401, 404, 422}
        server.stop()
        log = server.log()
    told = log + "".join(f"{answer.headers}{answer.text}" for answer in answers)
    if isinstance(database, SQLite):
        told += database.path.read_bytes().decode("latin-1")
    assert key.split("_")[1] in log, "who made or used a key may be told by its id"
    for secret in (*(each.split("_")[2] for each in (key, unknown, mistyped)), token):
        parts = {secret[at : at + LONGEST_TOLD] for at in range(len(secret) - LONGEST_TOLD)}
        assert not [part for part in parts if part in told]
