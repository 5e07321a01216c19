"""The service against its own OpenAPI document, by schemathesis with all its checks.

More, with another seed:  schemathesis run URL/openapi.json --checks all --max-examples 500
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.commands import memory_mirror
from tests.fixtures import Database
from tests.service.server import Server

WITH_ALL = ("--name", "conformance", "--owner", "*", "--scopes", "admin")

# What no schema can say: a cursor must be one that an answer gave, a segment ends not before its
# start, a context is asked for by hits or by a query, and a key belongs to one request. What a
# condition does not hold for is 304 or 412. X-API-Key comes before the valid key beside it: 401.
# One backup runs at a time: 429.
CONFIG = """\
hooks = "hooks"

[[operations]]
exclude-operation-id = ["stats", "look_up", "health"]

[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "304", "401", "404", "409", "412", "422", "429"]
"""
# The type of an import's body, which schemathesis does not know.
HOOKS = """\
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def as_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
"""
# Most random bodies are refused before they reach the database, so one database is enough for them.
PHASES = {
    "sqlite": "examples,coverage,fuzzing,stateful",
    "postgresql": "examples,stateful",
}


def test_the_service_does_what_its_document_says(own_database: Database, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    (tmp_path / "hooks.py").write_text(HOOKS)
    key = memory_mirror(own_database, "keys", "create", *WITH_ALL).stdout.splitlines()[0]
    with Server(own_database.url, tmp_path, RATE_LIMIT_FAILURES="0") as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("run", f"{server.url}/openapi.json", "--checks=all", "--seed=1"),
                *(f"--phases={PHASES[own_database.provider]}", "--max-examples=4"),
                *("--generation-database=none", "--no-color"),
                *("--continue-on-failure", "--no-shrink"),
                *("--header", f"Authorization: Bearer {key}", "--header", "X-Owner: default"),
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        log = server.log()
    assert done.returncode == 0, done.stdout
    assert "Operations:       47 selected / 47 total" in done.stdout
    assert "Traceback" not in log
