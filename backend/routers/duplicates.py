"""Videos whose descriptions say the same."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from backend.core.errors import ScopeMissing
from backend.duplicates import LEAST_SIMILARITY
from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, needs
from backend.models.duplicates import Dismiss, Dismissed, DuplicatePage, MergeVideos
from backend.models.schemas import Limit, VideoAnalysis
from backend.records import RecordJson
from backend.routers.conditional import ETAG, conditions, expected_version
from backend.routers.dependencies import Asking, Database, Duplicates
from backend.routers.idempotent import IDEMPOTENCY_KEY, once
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, page_response
from backend.routers.video_analysis import shown

PATH = "/api/duplicates"
DISMISS = f"{PATH}/dismiss"
MERGE = f"{PATH}/merge"

router = APIRouter(tags=["Duplicates"], route_class=ApiRoute)

Threshold = Annotated[
    float,
    Field(
        ge=LEAST_SIMILARITY,
        le=1,
        allow_inf_nan=False,
        description="How similar two descriptions are to be: how many of their runs of three words "
        "they have in common, of all that either has.",
        examples=[0.8],
    ),
]


@router.get(
    PATH,
    summary="List videos whose descriptions say the same",
    response_description="Groups of them; the `Link` header names the next page.",
    response_model=DuplicatePage,
    operation_id="list_duplicates",
    responses={200: {"headers": {"Link": LINK}}, **problems(instance=PATH)},
)
@needs("records:read")
async def list_duplicates(
    request: Request,
    duplicates: Duplicates,
    threshold: Annotated[Threshold, Query()] = 0.8,
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> JsonResponse:
    """A group is all that similar descriptions lead to from one to the other. A page may hold fewer
    than `limit`, and `next_cursor` leads on."""
    page = await duplicates.page(threshold, limit=limit, cursor=cursor)
    return page_response(request, page)


@router.post(
    DISMISS,
    summary="Remember that videos are no duplicates",
    response_description="They are not listed for each other's sake any more.",
    response_model=Dismissed,
    operation_id="dismiss_duplicates",
    responses=problems(400, 404, 413, 415, 507, instance=DISMISS),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
@needs("records:write")
async def dismiss_duplicates(
    body: Dismiss, request: Request, database: Database, duplicates: Duplicates
) -> Response:
    """Whatever their descriptions say later, until they are deleted. A third video, similar to two
    of them, still has them in one group with itself."""

    async def work() -> dict[str, Any]:
        return await duplicates.dismiss(body.video_ids)

    return await once(request, database, body, work, JsonResponse)


@router.post(
    MERGE,
    summary="Make one record of several",
    response_description="The record that stays.",
    response_model=VideoAnalysis,
    operation_id="merge_duplicates",
    responses={
        200: {"headers": {"ETag": ETAG}},
        **problems(400, 404, 412, 413, 415, 428, 507, instance=MERGE),
    },
    openapi_extra=conditions(changes=True),
)
@needs("records:delete")
async def merge_duplicates(
    body: MergeVideos, request: Request, database: Database, asking: Asking
) -> Response:
    """It gets the tags, people and segments of the others, whose records are deleted; all or
    nothing. Its description and all else stay. `If-Match` is of the record that stays. The caller
    needs the scope `records:write` too. What was deleted can be restored."""
    if not asking.may("records:write"):
        raise ScopeMissing("records:write")
    expected = expected_version(request)

    async def work() -> RecordJson:
        return await database.merge_videos(body.keep, body.video_ids, expected=expected)

    return await once(request, database, body, work, shown)
