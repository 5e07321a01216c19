"""A request that only reads is given up when its client leaves; one that writes is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from backend.http.server import HttpProtocol
from backend.main import create_app
from backend.records.reader import PAGES_AT_ONCE
from backend.transfer.export import AT_ONCE
from tests.fixtures import Database, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture
async def running(own_database: Database) -> AsyncIterator[tuple[Any, uvicorn.Server, int]]:
    app = create_app(settings_for(own_database.url))
    config = uvicorn.Config(app, http=HttpProtocol, port=0, log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield app, server, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


def request(method: str, path: str, body: object = None) -> bytes:
    content = json.dumps(body).encode() if body is not None else b""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    ).encode() + content


@pytest.mark.parametrize(
    "read",
    [
        request("GET", "/api/video-analysis/?limit=1000"),
        request("GET", "/api/search?q=zebra&q=ape"),  # FastAPI refuses it
        request("GET", "/api/search?q=zebra"),
        request("HEAD", "/api/search?q=zebra"),
        request("POST", "/api/lookup", {"video_ids": ["v"]}),
        request("POST", "/api/context", {"query": "zebra"}),
    ],
)
async def test_a_read_is_stopped(
    running: tuple[Any, uvicorn.Server, int], read: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app, server, port = running
    pages = app.state.database.reader.pages
    for _ in range(PAGES_AT_ONCE):
        await pages.acquire()
    try:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(read)
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.transport.abort()
        async with asyncio.timeout(10):
            while server.server_state.tasks:  # noqa: ASYNC110  it has no event
                await asyncio.sleep(0.01)
    finally:
        for _ in range(PAGES_AT_ONCE):
            pages.release()
    assert "Traceback" not in caplog.text
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as client:
        assert (await client.get("/api/video-analysis/")).status_code == 200


async def test_a_write_is_not(running: tuple[Any, uvicorn.Server, int]) -> None:
    *_, port = running
    for number in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        body = {"video_id": f"v{number}", "description": "A zebra."}
        writer.write(request("POST", "/api/video-analysis/", body))
        await writer.drain()
        writer.close()
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as client:
        async with asyncio.timeout(10):
            while (await client.get("/api/video-analysis/")).json()["count"] < 20:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_an_export_ends_with_its_client(
    running: tuple[Any, uvicorn.Server, int], caplog: pytest.LogCaptureFixture
) -> None:
    _, server, port = running
    url = f"http://localhost:{port}"
    async with httpx.AsyncClient(base_url=url) as client:
        for n in range(60):
            body = {"video_id": f"v{n}", "description": "zebra " * 10_000}
            assert (await client.post("/api/video-analysis/", json=body)).status_code == 201
        for _ in range(AT_ONCE + 1):  # or the last would be refused
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request("GET", "/api/export"))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.transport.abort()
            async with asyncio.timeout(10):
                while server.server_state.tasks:  # noqa: ASYNC110  it has no event
                    await asyncio.sleep(0.01)
        answer = await client.get("/api/export")
    assert b'{"trailer":' in answer.content.splitlines()[-1]
    assert "Traceback" not in caplog.text
