"""Conditional requests (RFC 9110, section 13): what a client has, and what it expects.

A record's ETag is its version, `"7"`. What is made of many records has an ETag made of the
response's own bytes: it costs what the response costs, and is never wrong.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from fastapi import Request, Response

from backend.core.config import Settings
from backend.core.errors import FieldError, InvalidRequest, PreconditionRequired
from backend.http.response import NotModified
from backend.records import Expected
from backend.routers.idempotent import IDEMPOTENCY_KEY

ANY = "*"
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_TAGS = re.compile(rf"\s*{_TAG.pattern}(?:\s*,\s*{_TAG.pattern})*\s*".replace("(W/)", "(?:W/)"))
_VERSION = re.compile(r'"([1-9][0-9]{0,9})"')

CACHE_CONTROL = b"private, no-cache"
"""May be kept, by the client alone, and used again once it was asked about."""

ETAG = {"description": "The record's version.", "required": True, "schema": {"type": "string"}}
NOT_MODIFIED = {"description": "The client has it already. No body."}
PAGE_ETAG = {"description": "Of these bytes.", "required": True, "schema": {"type": "string"}}
_TAGS_SCHEMA = {
    "type": "string",
    "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$',
    "examples": ['"1"'],
}
_IF_MATCH = 'Change only this version, else 412: the `ETag` that was read, such as `"7"`.'
_IF_NONE_MATCH = "The `ETag` that the client has: 304 if nothing has changed since."


def conditions(*, changes: bool, creates: str | None = None) -> dict[str, Any]:
    """For a route's `openapi_extra`: the headers that it reads."""
    names = {"If-Match": _IF_MATCH} if changes else {"If-None-Match": _IF_NONE_MATCH}
    if creates is not None:
        names["If-None-Match"] = creates
    parameters = [
        {"name": name, "in": "header", "description": text, "schema": _TAGS_SCHEMA}
        for name, text in names.items()
    ]
    return {"parameters": [*parameters, IDEMPOTENCY_KEY] if changes else parameters}


def etag_of(version: int) -> str:
    return f'"{version}"'


def expected_version(request: Request) -> Expected | None:
    """What If-Match says of the record that is to be changed. Raises InvalidRequest, and
    PreconditionRequired where it must say something."""
    tags = _tags(request, "if-match")
    if tags is None:
        settings: Settings = request.app.state.settings
        if settings.require_if_match:
            raise PreconditionRequired
        return None
    if isinstance(tags, str):
        return Expected(None)
    # Compared strongly: a weak tag, and one that no version has, match nothing.
    found = [_VERSION.fullmatch(tag) for weak, tag in tags if not weak]
    return Expected(frozenset(int(match[1]) for match in found if match))


def is_only_to_create(request: Request) -> bool:
    """`If-None-Match: *`. Raises InvalidRequest."""
    return _tags(request, "if-none-match") == ANY


def has_already(request: Request, etag: str) -> bool:
    """Whether If-None-Match names what would be answered. Raises InvalidRequest."""
    if _values(request, b"if-none-match") == [etag.encode()]:  # as most send it
        return True
    tags = _tags(request, "if-none-match")
    if tags is None:
        return False
    return isinstance(tags, str) or any(tag == etag for _, tag in tags)


def asks_whether_changed(request: Request) -> bool:
    return bool(_values(request, b"if-none-match"))


def not_modified(etag: str) -> Response:
    return NotModified(_headers(etag))


def with_etag(response: Response, etag: str) -> None:
    response.raw_headers += _headers(etag)


def _headers(etag: str) -> list[tuple[bytes, bytes]]:
    return [(b"etag", etag.encode()), (b"cache-control", CACHE_CONTROL)]


def unless_known(request: Request, response: Response) -> Response:
    """`response`, with an ETag made of its body, or 304 where the client has the same."""
    # Processors have instructions for it: half the time of BLAKE2.
    etag = f'"{sha256(response.body).hexdigest()[:32]}"'
    if has_already(request, etag):
        return not_modified(etag)
    with_etag(response, etag)
    return response


def _values(request: Request, header: bytes) -> list[bytes]:
    """Without the decoding of all others that `Request.headers` does."""
    return [value for name, value in request.scope["headers"] if name == header]


def _tags(request: Request, header: str) -> str | list[tuple[bool, str]] | None:
    """ANY, or each tag and whether it is weak. None: there is no such header."""
    values = [value.decode("latin-1") for value in _values(request, header.encode())]
    if not values:
        return None
    text = ", ".join(values)
    if text.strip() == ANY:
        return ANY
    if _TAGS.fullmatch(text) is None:
        name = header.title()
        reason = f'{name} is * or a list of ETags, such as "7"'
        raise InvalidRequest([FieldError(("header", name), reason, "etag")])
    return [(bool(weak), tag) for weak, tag in _TAG.findall(text)]
