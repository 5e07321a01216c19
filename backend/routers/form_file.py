"""The one file of a form, as it comes: never held whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

from fastapi import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from backend.core.errors import FieldError, InvalidRequest

FIELD = "file"


class FormFile(NamedTuple):
    filename: str
    parts: AsyncGenerator[bytes]
    """Raises InvalidRequest where the form goes on otherwise, or has no end."""


async def form_file(request: Request) -> FormFile:
    """Of multipart/form-data. Raises InvalidRequest."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if not boundary or len(boundary) > 70 or not boundary.isascii():
        raise _wrong("multipart/form-data names no boundary, of at most 70 characters")
    events = _events(request, boundary)
    first = await anext(events, None)
    if not isinstance(first, MultipartSegment) or first.name != FIELD or not first.filename:
        await events.aclose()
        raise _wrong(f"The form has one field, named {FIELD}, with a file and its name")
    return FormFile(first.filename, _content(events))


async def _content(
    events: AsyncGenerator[MultipartSegment | bytes | bytearray | None],
) -> AsyncGenerator[bytes]:
    async for event in events:
        if isinstance(event, MultipartSegment):
            raise _wrong(f"The form has one field, named {FIELD}")
        if event is not None:
            yield bytes(event)


async def _events(
    request: Request, boundary: str
) -> AsyncGenerator[MultipartSegment | bytes | bytearray | None]:
    parser = PushMultipartParser(boundary, max_segment_count=2, strict=True)
    try:
        async for chunk in request.stream():
            if chunk:
                for event in parser.parse(chunk):
                    yield event
        for event in parser.parse(b"") if not parser.closed else ():
            yield event
    except MultipartError as error:
        raise _wrong(f"The body is no form with a file: {error}") from error


def _wrong(reason: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body",), reason, "form_invalid")])
