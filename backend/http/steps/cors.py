"""CORS, with its refusals as problem documents."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from backend.http.problems import Problem

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EXPOSED_HEADERS = ("Location", "Link", "Retry-After", "X-Request-ID")


_MOST_ORIGINS = 100


class Cors(CORSMiddleware):
    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        self._kept: dict[bytes | None, list[tuple[bytes, bytes]]] = {}

    async def headers_for(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        """What an answer to a page of this origin carries."""
        kept = self._kept.get(origin)
        if kept is None:
            message: Message = {"type": "http.response.start", "headers": []}
            asked = Headers(raw=[] if origin is None else [(b"origin", origin)])
            await self.send(message, _nowhere, asked)
            kept = message["headers"]
            if len(self._kept) < _MOST_ORIGINS:
                self._kept[origin] = kept
        return kept

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        kept = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-type", "content-length")
        }
        return Problem(response.status_code, f"{bytes(response.body).decode()}.", headers=kept)


async def _nowhere(message: Message) -> None:
    pass
