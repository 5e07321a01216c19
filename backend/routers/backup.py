"""All that is stored, of all owners, in one file."""

from __future__ import annotations

from contextlib import AsyncExitStack

from fastapi import APIRouter, Response

from backend.http.routes import ApiRoute, counted_as, needs
from backend.http.streamed import StreamedResponse
from backend.routers.dependencies import Asking, Backups
from backend.routers.openapi import problems
from backend.transfer import name_of_now

PATH = "/api/backup"
MEDIA_TYPE = "application/zip"

router = APIRouter(tags=["Transfer"], route_class=ApiRoute)


@router.get(
    PATH,
    summary="Back up everything",
    response_description="A ZIP of a manifest and a file of each table, for "
    "`memory-mirror restore`.",
    response_class=Response,
    operation_id="backup",
    responses={
        200: {
            "content": {
                MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}, "example": "PK"}
            }
        },
        **problems(instance=PATH),
    },
)
@counted_as("bulk")
@needs("admin")
async def backup(backups: Backups, caller: Asking) -> Response:
    """All owners and all tables, of one moment, whatever is written meanwhile: only for a key that
    acts for `*`. One that was cut short lacks its directory, and no program opens it. It may take
    an hour; one runs at a time, and a further one is refused with 429."""
    async with AsyncExitStack() as closing:
        body = await closing.enter_async_context(backups.backup(caller))
        return StreamedResponse(
            body,
            closing=closing.pop_all(),
            media_type=MEDIA_TYPE,
            file_name=name_of_now("mmz"),
        )
    raise AssertionError("an exit stack suppresses no error")
