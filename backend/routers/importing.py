"""Importing a file of many records, sent as the body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError, to_json
from starlette.responses import StreamingResponse

from backend.core.config import Settings
from backend.core.errors import FieldError, InvalidRequest, UnsupportedMediaType
from backend.http.problems import problem_within, requested_path
from backend.http.routes import ApiRoute, counted_as, needs
from backend.http.streamed import StreamedResponse
from backend.records import Mode
from backend.routers.dependencies import Database
from backend.routers.idempotent import IDEMPOTENCY_KEY, asked_once
from backend.routers.openapi import problems
from backend.routers.video_analysis import Override
from backend.transfer import (
    Format,
    Import,
    ImportTurns,
    OnError,
    Options,
    Written,
    names_of,
    read_lines,
)

PATH = "/api/import"
NDJSON = "application/x-ndjson"
MEDIA_TYPES = (
    NDJSON, "application/ndjson", "application/jsonl", "application/json", "text/csv",
    "application/gzip", "application/x-gzip", "application/zstd", "application/octet-stream",
)  # fmt: skip
"""None that a form or a page of another site can send unasked: a browser asks first."""

_HELD_IN_MEMORY = 2**20
_WRITTEN_AT_ONCE = 2**20

router = APIRouter(tags=["Transfer"], route_class=ApiRoute)


def _check_names(text: str) -> str:
    try:
        names_of(text)
    except ValueError as error:
        raise PydanticCustomError("names", str(error)) from error
    return text


def _lines(*documents: Any) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


_RECORD = {"video_id": "6789abcd-beach-day", "description": "Two children build a sandcastle."}
_SUMMARY = {
    "lines": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "skipped": 0,
    "failed": 0,
    "last_line": 1,
    "resumed_after": None,
    "dry_run": False,
    "complete": True,
    "committed": True,
}
_EXAMPLE = _lines(
    {"line": 1, "video_id": "6789abcd-beach-day", "status": "created"}, {"summary": _SUMMARY}
)
_BODY = {
    "required": True,
    "description": "NDJSON, a JSON array, or CSV with a header, in UTF-8; plain, gzip or zstd.",
    "content": {
        NDJSON: {"schema": {"type": "string"}, "example": _lines(_RECORD)},
        "application/json": {
            "schema": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/VideoAnalysisCreate"},
            },
            "example": [_RECORD],
        },
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary"},
            "example": "video_id,description\r\n6789abcd-beach-day,Two children.\r\n",
        },
    },
}


@router.post(
    PATH,
    response_class=StreamingResponse,
    summary="Store the records of a file",
    response_description="What became of each line, a line each, and last a line with a summary.",
    operation_id="import_records",
    responses={
        200: {"content": {NDJSON: {"schema": {"type": "string"}, "example": _EXAMPLE}}},
        **problems(400, 409, 413, 415, 507, instance=PATH),
    },
    openapi_extra={"requestBody": _BODY, "parameters": [IDEMPOTENCY_KEY]},
)
@counted_as("bulk")
@needs("transfer")
async def import_records(
    request: Request,
    database: Database,
    mode: Annotated[
        Mode,
        Query(
            description="Where a video has a record: the line fails (`create`), what it gives "
            "changes (`upsert`), the record becomes what the line says (`replace`), it stays "
            "(`skip`).",
            examples=["upsert"],
        ),
    ] = "create",
    on_error: Annotated[
        OnError,
        Query(
            description="`stop`: all lines or none. `continue`: all that are right.",
            examples=["continue"],
        ),
    ] = "stop",
    dry_run: Annotated[
        bool, Query(description="Only tell what would be done.", examples=[True])
    ] = False,
    override: Override = None,
    with_history: Annotated[
        bool,
        Query(
            description="Take over also what `GET /api/export?with_history=true` has written: ids, "
            "times, versions and changes. Only NDJSON, and only with `create` or `skip`.",
            examples=[True],
        ),
    ] = False,
    format: Annotated[  # noqa: A002 - its name in the query
        Format | None,
        Query(description="Where it is not recognised.", examples=["ndjson"]),
    ] = None,
    map: Annotated[  # noqa: A002 - its name in the query
        str,
        StringConstraints(max_length=2_000),
        AfterValidator(_check_names),
        Query(
            description="Which columns or members are which fields; none after the `=` leaves one "
            "out.",
            examples=["video=video_id,text=description"],
        ),
    ] = "",
) -> Response:
    """Each line is checked and stored as if it were sent by itself, with the source `import` if it
    names none. Lines of one video apply one after the other. `id`, `created_at`, `updated_at`,
    `version` and `sources`, which exported records have, are left out.

    An answer whose last line is not a summary was cut. With `on_error=continue` lines are stored
    500 at a time, and a request that is sent again with the same `Idempotency-Key` goes on after
    the last that is stored."""
    _check_media_type(request)
    options = Options(mode, on_error, dry_run, override is not None, with_history)
    if with_history and format not in (None, "ndjson"):
        reason = "Only NDJSON has the history of records"
        raise InvalidRequest([FieldError(("query", "format"), reason, "with_history")])
    settings: Settings = request.app.state.settings
    async with AsyncExitStack() as closing:
        body = _ImportedBody(request.app.state.imports)
        closing.callback(body.close)
        await body.receive(request)
        path = requested_path(request.scope)
        import_ = Import(
            database,
            read_lines(
                body.file,
                max_line=settings.max_body_bytes,
                max_bytes=settings.import_max_bytes,
                format="ndjson" if with_history else format,
                names=names_of(map),
                with_history=with_history,
            ),
            options,
            lambda written: _shown(written, path),
        )
        parts = import_.run(asked_once(request, lambda: body.digest))
        closing.push_async_callback(parts.aclose)
        first = await anext(parts, b"")
        if import_.summary.error is not None and not import_.summary.lines:
            raise import_.summary.error
        answer = _answer(import_, first, parts, path)
        closing.push_async_callback(answer.aclose)
        return StreamedResponse(answer, closing=closing.pop_all(), media_type=NDJSON)
    raise AssertionError("an exit stack suppresses no error")


async def _answer(
    import_: Import, first: bytes, parts: AsyncGenerator[bytes], path: str
) -> AsyncGenerator[bytes]:
    yield first
    async for part in parts:
        yield part
    summary = import_.summary.as_json()
    if import_.summary.error is not None:
        summary["error"] = problem_within(import_.summary.error, path)
    yield to_json({"summary": summary}) + b"\n"


def _shown(written: Written, path: str) -> bytes:
    line: dict[str, Any] = {
        "line": written.line,
        "video_id": written.video_id,
        "status": written.status,
    }
    if written.error is not None:
        line["error"] = problem_within(written.error, path)
    return to_json(line) + b"\n"


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"The file must be sent with a Content-Type of: {', '.join(MEDIA_TYPES)}."
        )


class _ImportedBody:
    """A request's body, whole before anything is done with it: few clients read an answer while
    they send, and none is to hold a transaction open."""

    def __init__(self, turns: ImportTurns) -> None:
        """Raises ImportsRunning."""
        turns.take()
        self._turns = turns
        self.file = SpooledTemporaryFile[bytes](_HELD_IN_MEMORY)
        self.digest = b""

    async def receive(self, request: Request) -> None:
        digest, held = sha256(), bytearray()
        async for part in request.stream():
            held += part
            if len(held) >= _WRITTEN_AT_ONCE:
                await asyncio.to_thread(self._write, bytes(held), digest)
                held.clear()
        self._write(bytes(held), digest)
        self.file.seek(0)
        self.digest = digest.digest()

    def close(self) -> None:
        self._turns.give_back()
        self.file.close()

    def _write(self, part: bytes, digest: Any) -> None:
        digest.update(part)
        self.file.write(part)
