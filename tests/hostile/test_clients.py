"""Many clients that ask for much and take nothing, or leave: what they cost in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fixtures import Database
from tests.service.server import Server

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
CLIENTS = 200
MOST_ADDED = 150 * 2**20


@pytest.mark.parametrize("leaves", [False, True], ids=["takes nothing", "leaves"])
async def test_pages_of_a_megabyte(own_database: Database, tmp_path: Path, leaves: bool) -> None:
    server = Server(own_database.url, tmp_path, LOG_LEVEL="warning")
    await asyncio.to_thread(server.start)
    process = psutil.Process(server.pid)
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            segments = [{"start": n, "end": n + 1, "text": f"part {n} " * 8} for n in range(12)]
            for first in range(0, 600, 50):
                bodies = [
                    {"video_id": f"v{n}", "description": "a dog " * 100, "segments": segments}
                    for n in range(first, first + 50)
                ]
                await asyncio.gather(*(client.post(COLLECTION, json=body) for body in bodies))
            page = await client.get(COLLECTION, params={"limit": 1000})
            assert len(page.content) > 1_000_000
            before = process.memory_info().rss
            connections = [await connected(server.port) for _ in range(CLIENTS)]
            peak = 0
            for turn in range(30):
                await asyncio.sleep(0.1)
                peak = max(peak, process.memory_info().rss)
                if leaves and turn == 1:
                    for connection in connections:
                        connection.abort()
            for connection in connections:
                connection.abort()
            assert (await client.get(COLLECTION)).status_code == 200
        assert peak - before < MOST_ADDED
        assert "Traceback" not in server.log()
    finally:
        server.stop()


async def connected(port: int) -> asyncio.Transport:
    """A connection that has asked for a page, and takes nothing of it."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    transport.write(b"GET /api/video-analysis/?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return transport
