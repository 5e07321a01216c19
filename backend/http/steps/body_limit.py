"""413 for bodies over the limit, before they are read whole."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
from starlette.types import Message, Receive, Scope, Send

from backend.core.errors import BodyTooLarge
from backend.http.exchange import Exchange
from backend.http.problems import Problem

DRAIN_SECONDS = 2.0
DRAIN_BYTES = 64 * 1024 * 1024


class BodyLimit:
    """Raises BodyTooLarge at once for a declared length, or later from `Exchange.receive`.
    `of_paths`: what holds for paths of their own."""

    def __init__(self, max_bytes: int, of_paths: Mapping[str, int]) -> None:
        self._max_bytes = max_bytes
        self._of_paths = dict(of_paths) | {f"{path}/": most for path, most in of_paths.items()}

    def __call__(self, exchange: Exchange) -> None:
        most = self._of_paths.get(exchange.scope["path"], self._max_bytes)
        # The server has checked that it is a number.
        if int(exchange.headers.get(b"content-length", b"0")) > most:
            raise BodyTooLarge(most)
        exchange.max_body_bytes = most


class BodyRefusal(Problem):
    """Answers at once, then reads on for a moment before the connection closes.

    Closing while the client still sends makes its system drop what it has received: it would see
    a broken connection and not our answer.
    """

    def __init__(self, error: BodyTooLarge) -> None:
        super().__init__(
            error.status,
            error.detail,
            kind=error.kind,
            title=error.title,
            headers={"Connection": "close"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_drain(message: Message) -> None:
            if message["type"] == "http.response.body":
                await send({**message, "more_body": True})
                await _drain(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await super().__call__(scope, receive, send_and_drain)


async def _drain(receive: Receive) -> None:
    drained = 0
    with anyio.move_on_after(DRAIN_SECONDS):
        while drained < DRAIN_BYTES:
            message = await receive()
            drained += len(message.get("body", b""))
            if not message.get("more_body"):
                return
