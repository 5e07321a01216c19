"""ASGI without a framework: the least that a Python server can do for these four operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

PREFIX = "/api/video-analysis/"
HEADERS = [(b"content-type", b"application/json")]

Answer = Awaitable[tuple[int, bytes]]


class BareApp:
    """`open_database` and `close_database` run at start and end; the operations answer with a
    status and a body."""

    def __init__(
        self,
        *,
        get: Callable[[str], Answer],
        latest: Callable[[int], Answer],
        create: Callable[[str, str], Answer],
        update: Callable[[str, str], Answer],
        open_database: Callable[[], Awaitable[None]] | None = None,
        close_database: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.get = get
        self.latest = latest
        self.create = create
        self.update = update
        self.open_database = open_database
        self.close_database = close_database

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        video_id = scope["path"].removeprefix(PREFIX)
        method = scope["method"]
        if method == "GET":
            if video_id:
                status, body = await self.get(video_id)
            else:
                query = scope["query_string"]
                status, body = await self.latest(int(query[6:]) if query else 100)
        else:
            sent = orjson.loads(await _body(receive))
            if method == "POST":
                status, body = await self.create(sent["video_id"], sent["description"])
            else:
                status, body = await self.update(video_id, sent["description"])
        await send({"type": "http.response.start", "status": status, "headers": _headers(body)})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        if self.open_database:
            await self.open_database()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.close_database:
            await self.close_database()
        await send({"type": "lifespan.shutdown.complete"})


def _headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [*HEADERS, (b"content-length", str(len(body)).encode())]


async def _body(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body
