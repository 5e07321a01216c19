"""Cursors in requests, and the `Link` header (RFC 8288) in answers."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from pydantic import Field, StringConstraints

from backend.core import cursors

Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=cursors.LONGEST, pattern=r"^[A-Za-z0-9_-]+$"),
    Field(
        description="The last answer's `next_cursor`. The other parameters stay the same.",
        examples=[cursors.EXAMPLE],
    ),
]

LINK: dict[str, Any] = {
    "description": 'The next page: `<...>; rel="next"`. Absent at the end.',
    "schema": {"type": "string"},
}


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    if cursor is None:
        return
    others = [item for item in request.query_params.multi_items() if item[0] != "cursor"]
    path = quote(request.scope.get("root_path", "") + request.scope["path"])
    query = urlencode([*others, ("cursor", cursor)])
    response.headers["Link"] = f'<{path}?{query}>; rel="next"'
