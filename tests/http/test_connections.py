"""What a connection may take: size and time of heads and bodies, and who is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from backend.http import server
from backend.http.server import HttpProtocol

pytestmark = pytest.mark.anyio

Receive = Any
Send = Any


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    """Answers, after a while, with the number of bytes of the body."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % length})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(echo, http=HttpProtocol, port=0, lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(10):
        while not running.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    await task


async def sent(port: int, data: bytes, *, shuts: bool = False) -> bytes:
    """All that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            if shuts:
                writer.write_eof()
            await writer.drain()
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                return await reader.read()
            return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def status_of(response: bytes) -> int:
    head, _, body = response.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status >= 400:
        problem = json.loads(body)
        assert problem["status"] == status
        assert b"application/problem+json" in head
    return status


HOST = b"Host: localhost\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST, 200),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 60_000 + b"\r\n" + HOST, 200),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70_000 + b"\r\n" + HOST, 431),
        (b"GET / HTTP/1.1\r\n" + b"X-A: aaaaaaaa\r\n" * 6_000 + HOST, 431),
        (b"GET /" + b"a" * 16_000 + b" HTTP/1.1\r\n" + HOST, 200),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + HOST, 414),
        (b"GET /" + b"a" * 170_000 + b" HTTP/1.1\r\n" + HOST, 414),
        (b"GET / HTTP/1.1\r\n : \r\n" + HOST, 400),
    ],
)
async def test_the_size_of_a_head(port: int, head: bytes, status: int) -> None:
    assert status_of(await sent(port, head + b"\r\n")) == status


async def test_a_head_without_end_is_not_read_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX-A: ")
    written = 0
    with contextlib.suppress(ConnectionError):
        while written < 100_000_000 and not reader.at_eof():
            writer.write(b"a" * 65_536)
            written += 65_536
            await writer.drain()
            await asyncio.sleep(0)
    assert written < 20_000_000  # what the sockets' buffers hold
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_body_counts_for_itself(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 300000\r\n" + HOST + b"\r\n"
    response = await sent(port, head + b"a" * 300_000)
    assert status_of(response) == 200
    assert b"\r\n300000\r\n" in response


async def test_a_slow_head_and_a_slow_body(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 1.0)
    monkeypatch.setattr(server, "BODY_SECONDS", 1.0)
    body = b"POST / HTTP/1.1\r\nContent-Length: 10\r\n" + HOST + b"\r\nabc"
    slow_head, slow_body, silent = await asyncio.gather(
        sent(port, b"GET / HTTP/1.1\r\nX-"), sent(port, body), sent(port, b"")
    )
    assert (status_of(slow_head), status_of(slow_body), silent) == (408, 408, b"")


async def test_a_client_that_shuts_its_sending_side_is_answered(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert status_of(await sent(port, whole, shuts=True)) == 200
    part = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"
    assert await sent(port, part, shuts=True) == b""
