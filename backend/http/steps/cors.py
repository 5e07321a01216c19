"""CORS, with its refusals as problem documents."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.http.exchange import Exchange, RawHeaders
from backend.http.problems import Problem

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED_HEADERS = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Link",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)

_MAX_CACHED_ORIGINS = 100
_MAX_CACHED_LENGTH = 256


class Cors(CORSMiddleware):
    """A step of the pipeline; Starlette's middleware decides."""

    def __init__(self, origins: Sequence[str]) -> None:
        super().__init__(
            _no_app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        self._cached: dict[bytes | None, RawHeaders] = {}

    def __call__(self, exchange: Exchange) -> Response | None:  # type: ignore[override]
        origin = exchange.headers.get(b"origin")
        if (
            origin is not None
            and exchange.scope["method"] == "OPTIONS"
            and b"access-control-request-method" in exchange.headers
        ):
            return self.preflight_response(Headers(scope=exchange.scope))
        exchange.response_headers += self._headers_for(origin)
        return None

    def _headers_for(self, origin: bytes | None) -> RawHeaders:
        """What a response to a page of this origin carries: as `CORSMiddleware.send` has it."""
        cached = self._cached.get(origin)
        if cached is not None:
            return cached
        headers = MutableHeaders(raw=[])
        if origin is not None:
            headers.update(self.simple_headers)
        if (
            origin is not None
            and not self.allow_all_origins
            and self.is_allowed_origin(text := origin.decode("latin-1"))
        ):
            self.allow_explicit_origin(headers, text)
        else:
            headers["Vary"] = "Origin"
        if len(self._cached) < _MAX_CACHED_ORIGINS and len(origin or b"") <= _MAX_CACHED_LENGTH:
            self._cached[origin] = headers.raw
        return headers.raw

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-type", "content-length")
        }
        return Problem(response.status_code, f"{bytes(response.body).decode()}.", headers=headers)


async def _no_app(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError("a step of the pipeline calls no other")
