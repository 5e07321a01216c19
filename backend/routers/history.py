"""What was stored before, and bringing it back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BeforeValidator, Field

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute
from backend.models.history import DeletedPage, VersionDiff, VersionPage
from backend.models.schemas import Limit, VideoAnalysis, check_digits
from backend.routers.conditional import ETAG, conditions, expected_version
from backend.routers.dependencies import Database, History
from backend.routers.idempotent import once
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, page_response
from backend.routers.video_analysis import EXAMPLE, ITEM, VideoIdInPath, shown

VERSIONS = f"{ITEM}/versions"
VERSION = f"{VERSIONS}/{{version}}"
DELETED = "/api/deleted"

router = APIRouter(tags=["History"], route_class=ApiRoute)

Number = Annotated[
    int,
    BeforeValidator(check_digits),
    Field(ge=1, le=2**31 - 2, description="A version of the record.", examples=[1]),
]


@router.get(
    VERSIONS,
    summary="List the versions of a record",
    response_description="One page; its `Link` header names the next.",
    response_model=VersionPage,
    operation_id="list_versions",
    responses={
        200: {"headers": {"Link": LINK}},
        **problems(404, instance=f"{EXAMPLE}/versions"),
    },
)
async def list_versions(
    video_id: VideoIdInPath,
    request: Request,
    history: History,
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> JsonResponse:
    """The newest first, with who made each. Also of a record that was deleted."""
    page = await history.versions(video_id, limit=limit, cursor=cursor)
    return page_response(request, page)


@router.get(
    VERSION,
    summary="Read a version of a record",
    response_description="The record as it was.",
    response_model=VideoAnalysis,
    operation_id="get_version",
    responses=problems(404, instance=f"{EXAMPLE}/versions/1"),
)
async def get_version(
    video_id: VideoIdInPath, version: Annotated[Number, Path()], history: History
) -> JsonResponse:
    return JsonResponse(await history.version(video_id, version))


@router.get(
    f"{VERSION}/diff",
    summary="Compare two versions of a record",
    response_description="Each field that differs; of the description, the words.",
    response_model=VersionDiff,
    operation_id="diff_versions",
    responses=problems(404, instance=f"{EXAMPLE}/versions/1/diff"),
)
async def diff_versions(
    video_id: VideoIdInPath,
    version: Annotated[Number, Path()],
    to: Annotated[Number, Query()],
    history: History,
) -> JsonResponse:
    return JsonResponse(await history.diff(video_id, version, to))


@router.post(
    f"{VERSION}/restore",
    summary="Bring a version of a record back",
    response_description="The record: a new version, which says what that one said.",
    response_model=VideoAnalysis,
    operation_id="restore_version",
    responses={
        200: {"headers": {"ETag": ETAG}},
        **problems(403, 404, 412, 428, 507, instance=f"{EXAMPLE}/versions/1/restore"),
    },
    openapi_extra=conditions(changes=True),
)
async def restore_version(
    video_id: VideoIdInPath,
    version: Annotated[Number, Path()],
    request: Request,
    history: History,
    database: Database,
) -> Response:
    """A record that was deleted is there again, under its old id."""
    expected = expected_version(request)
    return await once(
        request,
        database,
        None,
        lambda: history.restore(video_id, version, expected=expected),
        shown,
    )


@router.get(
    DELETED,
    summary="List the videos whose records were deleted",
    response_description="Those deleted last come first.",
    response_model=DeletedPage,
    operation_id="list_deleted",
    responses={200: {"headers": {"Link": LINK}}, **problems(instance=DELETED)},
)
async def list_deleted(
    request: Request,
    history: History,
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> JsonResponse:
    """Those that can be restored, as long as their versions are kept. A page may hold fewer than
    `limit`, and `next_cursor` leads on."""
    page = await history.deleted(limit=limit, cursor=cursor)
    return page_response(request, page)
