"""Cursors in requests, and the `Link` header (RFC 8288) in answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request, Response
from pydantic import Field, StringConstraints

from backend.core import cursors
from backend.http.response import JsonResponse

Cursor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=cursors.LONGEST, pattern=r"^[A-Za-z0-9_-]+$"),
    Field(
        description="The last page's `next_cursor`. The other parameters stay the same.",
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
    scope = request.scope
    start = _start(scope.get("root_path", "") + scope["path"], scope["query_string"])
    response.headers["Link"] = f'<{start}{cursor}>; rel="next"'


def page_response(request: Request, page: Mapping[str, Any]) -> JsonResponse:
    """A page as JSON has it, with its `next_cursor` in the Link header too."""
    response = JsonResponse(page)
    link_next(request, response, page["next_cursor"])
    return response


@lru_cache(maxsize=256)
def _start(path: str, query_string: bytes) -> str:
    """Of the next page's address, up to its cursor."""
    parameters = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    others = [item for item in parameters if item[0] != "cursor"]
    return f"{quote(path)}?{urlencode([*others, ('cursor', '')])}"
