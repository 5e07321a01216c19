"""One request and its response, as the steps of the pipeline see them."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope, Send

from backend.core.caller import Caller
from backend.core.errors import BodyTooLarge, ServiceError

RawHeaders = list[tuple[bytes, bytes]]

CLIENT_LEFT = "memory_mirror.client_left"
"""In the scope of a request: what the server calls when the client has left before its end."""


class Exchange:
    """The steps read the request here and add `response_headers`, which every response carries,
    whoever makes it."""

    __slots__ = (
        "_buffered",
        "_receive",
        "_received_bytes",
        "_send",
        "_servers_scope",
        "body_bytes_sent",
        "caller",
        "client_left",
        "has_repeated_headers",
        "headers",
        "max_body_bytes",
        "refusal",
        "response_headers",
        "scope",
        "sends_body",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = self._servers_scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.has_repeated_headers = len(self.headers) != len(scope["headers"])
        self.response_headers: RawHeaders = []
        self.max_body_bytes: int | None = None
        """`receive` raises BodyTooLarge beyond it."""
        self.caller: Caller | None = None
        self.refusal: ServiceError | None = None
        """Why there is no caller: what an endpoint that needs one answers."""
        self.sends_body = True
        """False for HEAD: the response keeps its headers and loses its body."""
        self.status: int | None = None
        """Of the response, once it has begun."""
        self.body_bytes_sent = 0
        self.client_left = False
        """And so the request was stopped."""
        self._receive = receive
        self._received_bytes = 0
        self._buffered: list[Message] = []
        self._send = send

    async def receive(self) -> Message:
        """The next message of the request; first those that were put back by `replay`."""
        if self._buffered:
            return self._buffered.pop(0)
        message = await self._receive()
        if self.max_body_bytes is not None:
            # A chunked body declares no length: it is counted as it comes.
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self.max_body_bytes:
                limit, self.max_body_bytes = self.max_body_bytes, None
                raise BodyTooLarge(limit)
        return message

    def replay(self, messages: list[Message]) -> None:
        """Let `receive` give these again."""
        self._buffered[:0] = messages

    def stop_if_client_leaves(self) -> None:
        """For what only reads: the task of this request is cancelled. A write goes on, as it would
        have done had the client left a moment later."""
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            self.client_left = True
            task.cancel()

        self._servers_scope[CLIENT_LEFT] = stop

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *self.response_headers]
            message = {**message, "headers": headers}
        elif self.sends_body:
            self.body_bytes_sent += len(message.get("body", b""))
        else:
            message = {**message, "body": b""}
        await self._send(message)
