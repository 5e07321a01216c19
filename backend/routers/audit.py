"""Who has changed what, and when."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from starlette.responses import StreamingResponse

from backend.history import AuditFilters
from backend.http.routes import ApiRoute, needs, unnoted
from backend.models.audit import AuditPage
from backend.models.schemas import Limit, VideoId
from backend.routers.dependencies import Audit
from backend.routers.filters import time_parameter
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, page_response

PATH = "/api/audit"
NDJSON = "application/x-ndjson"

router = APIRouter(tags=["Audit"], route_class=ApiRoute)


def _check_text(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "There is no NUL character in it")
    return value


def _word(description: str, example: str) -> Any:
    return Annotated[
        str | None,
        StringConstraints(min_length=1, max_length=300),
        AfterValidator(_check_text),
        Query(description=description, examples=[example]),
    ]


async def _filters(
    since: Annotated[time_parameter("Then or later."), Query(alias="from")] = None,  # type: ignore[valid-type]
    until: Annotated[time_parameter("Then or before.", last=True), Query(alias="to")] = None,  # type: ignore[valid-type]
    actor: _word("By whom.", "anonymous") = None,  # type: ignore[valid-type]
    action: _word("What was done.", "update") = None,  # type: ignore[valid-type]
    video_id: Annotated[VideoId | None, Query()] = None,
    request_id: _word("By which request.", "4f0c2a9e7d1b4c55a3f6e8d2b1907c3a") = None,  # type: ignore[valid-type]
) -> AuditFilters:
    return AuditFilters(since, until, actor, action, video_id, request_id)


_EXAMPLE = "".join(
    json.dumps(line) + "\n"
    for line in (
        {
            "number": 1042,
            "owner": "default",
            "at": "2026-03-01T09:30:00.125Z",
            "actor": "anonymous",
            "action": "update",
            "kind": "video",
            "name": "6789abcd-beach-day",
            "version": 2,
            "request_id": "4f0c2a9e7d1b4c55a3f6e8d2b1907c3a",
        },
        {"count": 1},
    )
)


@router.get(
    PATH,
    summary="List who has changed what",
    response_description="One page; its `Link` header names the next. As NDJSON: all rows, a line "
    "each, and last a line with their count.",
    response_model=AuditPage,
    operation_id="audit",
    responses={
        200: {
            "headers": {"Link": LINK},
            "content": {NDJSON: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **problems(instance=PATH),
    },
)
@needs("audit")
@unnoted
async def audit(
    request: Request,
    audit: Audit,
    filters: Annotated[AuditFilters, Depends(_filters)],
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
    format: Annotated[  # noqa: A002 - its name in the query
        Literal["json", "ndjson"] | None,
        Field(
            description="`ndjson`, or `Accept: application/x-ndjson`: all that match, whatever "
            "`limit` says.",
            examples=["ndjson"],
        ),
        Query(),
    ] = None,
) -> Response:
    """The newest first. A page may hold fewer than `limit`, and `next_cursor` leads on. An export
    whose last line is not a count was cut short."""
    if format == "ndjson" or (format is None and NDJSON in request.headers.get("accept", "")):
        return StreamingResponse(audit.export(filters, cursor=cursor), media_type=NDJSON)
    page = await audit.page(filters, limit=limit, cursor=cursor)
    return page_response(request, page)
