"""All records, or those that filters name, in one response."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from backend.http.routes import ApiRoute, counted_as, needs
from backend.http.streamed import StreamedResponse
from backend.routers.dependencies import Exports
from backend.routers.filters import GivenFilters
from backend.routers.openapi import problems
from backend.transfer import FORMS, ExportFormat

PATH = "/api/export"

router = APIRouter(tags=["Transfer"], route_class=ApiRoute)

_RECORD = {"video_id": "6789abcd-beach-day", "description": "Two children build a sandcastle."}
_TRAILER = {
    "trailer": {
        "count": 1,
        "sha256": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    }
}
_EXAMPLES: dict[ExportFormat, Any] = {
    "ndjson": f"{json.dumps(_RECORD)}\n{json.dumps(_TRAILER)}\n",
    "json": [_RECORD],
    "parquet": "PAR1...PAR1",
    "csv": "video_id,description\r\n6789abcd-beach-day,Two children build a sandcastle.\r\n",
}


def _schema(format_: ExportFormat) -> dict[str, Any]:
    if format_ == "json":
        return {"type": "array", "items": {"$ref": "#/components/schemas/VideoAnalysis"}}
    if format_ == "parquet":
        return {"type": "string", "format": "binary"}
    return {"type": "string"}


@router.get(
    PATH,
    summary="Export records",
    response_description="The records, the oldest first, as reading each answers it. NDJSON ends "
    "with a line that has their number and the SHA-256 of all bytes before it.",
    response_class=Response,
    operation_id="export",
    responses={
        200: {
            "content": {
                FORMS[name].media_type: {"schema": _schema(name), "example": example}
                for name, example in _EXAMPLES.items()
            }
        },
        **problems(instance=PATH),
    },
)
@counted_as("bulk")
@needs("transfer")
async def export(
    exports: Exports,
    filters: GivenFilters,
    format: Annotated[  # noqa: A002 - its name in the query
        ExportFormat,
        Field(
            description="CSV has lists and objects as JSON in their columns, and an apostrophe "
            "before what a spreadsheet would run. Parquet needs pyarrow where the service runs, "
            "or is a 422.",
            examples=["ndjson"],
        ),
        Query(),
    ] = "ndjson",
    with_history: Annotated[
        bool,
        Query(
            description="With each record, before its line, all its changes: what "
            "`POST /api/import?with_history=true` takes over. Of NDJSON alone.",
            examples=[True],
        ),
    ] = False,
) -> Response:
    """All of one moment, whatever is written meanwhile. What ends without its last line, or without
    the end of its array, was cut short. It may take an hour; four run at once, and a further one is
    refused with 429."""
    async with AsyncExitStack() as closing:
        body = await closing.enter_async_context(
            exports.export(filters, format, with_history=with_history)
        )
        return StreamedResponse(
            body,
            closing=closing.pop_all(),
            media_type=FORMS[format].media_type,
            file_name=f"memory-mirror.{format}",
        )
    raise AssertionError("an exit stack suppresses no error")
