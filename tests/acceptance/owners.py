"""Two owners of one service of several processes, on each database: see tests/access/two_owners.py.

Not part of `make test`, as it takes a while: `make test-owners` (REQUESTS=100000 SEED=).
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from backend.commands.keys import OPERATOR
from backend.services import make_services
from tests.access.two_owners import OWNERS, Side, compare
from tests.fixtures import Database, MakeDatabase
from tests.service.server import Server

pytestmark = pytest.mark.anyio

REQUESTS = int(os.environ.get("REQUESTS", "100000"))
SEED = int(os.environ.get("SEED") or random.randrange(10**6))

Sides = tuple[dict[str, Side], dict[str, Side]]


async def _key(database: Database, owner: str) -> str:
    services = make_services(database.url)
    await services.database.connect()
    try:
        _, text = await services.access.create(
            OPERATOR, name="test", owners=(owner,), scopes=("admin",), expires_at=None
        )
    finally:
        await services.database.disconnect()
    return text


@pytest.fixture(params=["1", "3"], ids=["one process", "three processes"])
async def sides(
    request: pytest.FixtureRequest, make_database: MakeDatabase, tmp_path: Path
) -> AsyncIterator[Sides]:
    """Those of one service, and those of a service of its own for each owner."""
    async with AsyncExitStack() as stack:

        async def start(database: Database, name: str, workers: str) -> httpx.AsyncClient:
            folder = tmp_path / name
            folder.mkdir()
            server = Server(
                database.url,
                folder,
                arguments=("--workers", workers),
                LOG_LEVEL="warning",
                AUDIT_SEAL_SECONDS="0",  # or versions would be let go here earlier than there
            )
            stack.enter_context(server)
            client = httpx.AsyncClient(base_url=server.url, timeout=60)
            return await stack.enter_async_context(client)

        database = make_database()
        keys = {owner: await _key(database, owner) for owner in OWNERS}
        together = await start(database, "together", request.param)
        alone = {}
        for owner in OWNERS:
            own = make_database()
            key = await _key(own, owner)
            alone[owner] = Side(await start(own, owner, "1"), key)
        yield {owner: Side(together, keys[owner]) for owner in OWNERS}, alone


async def test_each_owner_gets_the_answers_of_a_service_of_its_own(sides: Sides) -> None:
    shared, alone = sides
    print(f"SEED={SEED}")
    statuses = await compare(shared, alone, number=REQUESTS, seed=SEED)
    print(dict(sorted(statuses.items())))
    assert {200, 201, 204, 304, 404, 409, 412, 422} <= statuses.keys()


async def test_what_is_anothers_takes_as_long_as_what_is_not_there(sides: Sides) -> None:
    """Told, not held to: the medians of reads in turn."""
    shared, _ = sides
    record = {"video_id": "hers", "description": "Hers."}
    await shared["ann"].send(("POST", "/api/video-analysis/", {"json": record}))
    taken: dict[str, list[float]] = {"hers": [], "none": []}
    for _ in range(2_000):
        for name, times in taken.items():
            started = time.perf_counter()
            answer = await shared["bob"].send(("GET", f"/api/video-analysis/{name}", {}))
            times.append(time.perf_counter() - started)
            assert answer.status_code == 404
    medians = {name: statistics.median(times) * 1e6 for name, times in taken.items()}
    print({name: f"{median:.0f} us" for name, median in medians.items()})
