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
    """Answers, after a while, with the number of bytes of the body; for /<bytes> with so many."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    await asyncio.sleep(0.05)
    number = scope["path"].removeprefix("/")
    body = bytes(int(number)) if number.isdigit() else b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


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
    assert response.endswith(b"\r\n\r\n300000")


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


async def test_clients_that_do_not_take_their_responses(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All together they hold up no more than so many bytes, and not those who do."""
    size = 16_000_000
    monkeypatch.setattr(server, "MAX_UNSENT_BYTES", 4 * size)
    request = b"GET /%d HTTP/1.1\r\n" % size + HOST + b"\r\n"
    async with contextlib.AsyncExitStack() as stack:
        streams = []  # without them the connections would be closed
        for _ in range(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            streams.append((reader, writer))
            stack.callback(writer.transport.abort)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request)
        async with asyncio.timeout(20):
            while "do not take their responses" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
        assert 0 < server._unsent.bytes <= 4 * size
        assert 0 < server._unsent.connections < 10
        assert len(await sent(port, request)) > size
    assert caplog.text.count("do not take their responses") == 1
    async with asyncio.timeout(20):
        while server._unsent.bytes or server._unsent.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_client_that_takes_nothing_for_long(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SEND_SECONDS", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /16000000 HTTP/1.1\r\n" + HOST + b"\r\n")
    await asyncio.sleep(4)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    received = 0
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(1_000_000):
            received += len(part)
    assert received < 16_000_000
    writer.close()
