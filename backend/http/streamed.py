"""A response whose body is made while it is sent, of what must be closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import AsyncExitStack

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class StreamedResponse(StreamingResponse):
    """`closing` is closed when the body has been sent, or the client has left."""

    def __init__(
        self,
        body: AsyncIterable[bytes],
        *,
        closing: AsyncExitStack,
        media_type: str,
        file_name: str | None = None,
    ) -> None:
        headers = None
        if file_name is not None:
            headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        super().__init__(body, media_type=media_type, headers=headers)
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._closing:
            await super().__call__(scope, receive, send)
