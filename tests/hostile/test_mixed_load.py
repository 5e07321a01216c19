"""What the service takes for good when it does a little of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fixtures import Database
from tests.service.server import Server

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
RECORDS = 100
MOST_KEPT = 50 * 2**20
"""Bytes beside those of a service that has just started."""


async def test_memory_after_a_mixed_load(own_database: Database, tmp_path: Path) -> None:
    with Server(own_database.url, tmp_path, LOG_LEVEL="warning") as server:
        process = psutil.Process(server.pid)
        before = process.memory_info().rss
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            await in_turn(
                client.post(
                    COLLECTION,
                    json={
                        "video_id": f"v{n}",
                        "description": f"Dog {n} runs after ball {n * 7} near tree {n * 13}. " * 5,
                        "tags": [f"t{n % 20}"],
                    },
                )
                for n in range(RECORDS)
            )
            await in_turn(
                request
                for n in range(RECORDS)
                for request in (
                    client.get(f"{COLLECTION}v{n}"),
                    client.get(COLLECTION, params={"limit": n + 1, "order": "created_at"}),
                    client.get("/api/search", params={"q": f"dog {n} ball", "limit": n % 100 + 1}),
                    client.patch(f"{COLLECTION}v{n}", json={"mood": f"mood {n % 9}"}),
                    client.get(f"{COLLECTION}v{n}/versions"),
                )
            )
            await in_turn(
                client.post("/api/context", json={"query": f"tree {n}", "max_tokens": 4000})
                for n in range(20)
            )
        kept = process.memory_info().rss - before
    assert kept < MOST_KEPT, f"{kept / 2**20:.0f} MiB"


async def in_turn(requests: Iterable[Awaitable[httpx.Response]]) -> None:
    """A few at a time."""
    left = iter(requests)

    async def send() -> None:
        for request in left:
            response = await request
            assert response.status_code in (200, 201), response.text

    await asyncio.gather(*(send() for _ in range(8)))
