"""A response in JSON whose content needs no check: it was checked on its way in."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic_core import to_json
from starlette.responses import Response


class JsonResponse(Response):
    """`content` holds what JSON can hold, as the route's response_model describes it. FastAPI
    passes it on as it is, without validating and writing it again."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        # What Response would find out by itself, at ten times the cost.
        self._fill(self.render(content), status_code)

    @classmethod
    def of_bytes(cls, body: bytes, status_code: int) -> JsonResponse:
        """A response whose body is written already."""
        response = cls.__new__(cls)
        response._fill(body, status_code)
        return response

    def _fill(self, body: bytes, status_code: int) -> None:
        self.status_code = status_code
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
        ]

    def render(self, content: Any) -> bytes:
        try:
            return orjson.dumps(content)
        except TypeError:  # integers of more than 64 bits, which other programs may have stored
            return to_json(content)


class NotModified(Response):
    """304 with these headers."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = 304
        self.background = None
        self.body = b""
        self.raw_headers = headers
