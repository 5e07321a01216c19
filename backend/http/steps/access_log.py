"""One line per request in the log, and an X-Request-ID on every answer.

Never a query string or a body: they may hold what people said about their videos.
"""

from __future__ import annotations

import logging
import re
from random import getrandbits
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.logs import Event, request_id
from backend.http.problems import requested_path

_event = Event(logging.getLogger(__name__), "request")

LONGEST_PATH = 1000
CLIENT_CLOSED_REQUEST = 499
"""As nginx logs a request whose client left before there was an answer."""

_SANE_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")


class RequestLog:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        line = RequestLine(scope)
        token = request_id.set(line.id)
        status, sent = CLIENT_CLOSED_REQUEST, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", line.id.encode())]
                message = {**message, "headers": headers}
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            line.write(status, sent)
            request_id.reset(token)


class RequestLine:
    """Made when a request comes, written when it has been answered. One scope has one id and one
    start, however many lines are made for it."""

    __slots__ = ("_scope", "id")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        if _ID not in scope:
            scope[_ID] = _incoming_id(scope) or f"{getrandbits(128):032x}"
            scope[_STARTED] = perf_counter()
        self.id: str = scope[_ID]

    def write(self, status: int, sent: int) -> None:
        """`sent` are the bytes of the body."""
        if not _event.is_wanted:
            return
        scope = self._scope
        _event.log(
            {
                "method": scope["method"],
                "route": getattr(scope.get("route"), "path", None),
                "path": requested_path(scope)[:LONGEST_PATH],
                "status": status,
                "duration_ms": round((perf_counter() - scope[_STARTED]) * 1000, 2),
                "bytes": sent,
            }
        )


_ID = "memory-mirror.request-id"
_STARTED = "memory-mirror.started"


def _incoming_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value).decode()
    return None
