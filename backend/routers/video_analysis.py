"""The descriptions of videos, by the video's id."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, needs
from backend.models.schemas import (
    Limit,
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisList,
    VideoAnalysisPatch,
    VideoAnalysisUpdate,
    VideoId,
)
from backend.records import Order, RecordJson
from backend.routers.conditional import (
    ETAG,
    NOT_MODIFIED,
    PAGE_ETAG,
    asks_whether_changed,
    conditions,
    etag_of,
    expected_version,
    has_already,
    is_only_to_create,
    not_modified,
    unless_known,
    with_etag,
)
from backend.routers.dependencies import Database
from backend.routers.filters import GivenFilters
from backend.routers.idempotent import IDEMPOTENCY_KEY, once
from backend.routers.openapi import merge_patch_body, problems
from backend.routers.paging import LINK, Cursor, page_response

COLLECTION = "/api/video-analysis/"
ITEM = "/api/video-analysis/{video_id}"
EXAMPLE = "/api/video-analysis/6789abcd-beach-day"
LOCATION = {"description": "The record's path.", "required": True, "schema": {"type": "string"}}

router = APIRouter(tags=["Video analysis"], route_class=ApiRoute)

VideoIdInPath = Annotated[VideoId, Path()]
Override = Annotated[
    Literal["human"] | None,
    Query(description="`human`: a machine's values may replace a person's.", examples=["human"]),
]


@router.post(
    COLLECTION,
    status_code=201,
    summary="Store the description of a video",
    response_description="The record as it is stored.",
    response_model=VideoAnalysis,
    operation_id="create_video_analysis",
    responses={
        201: {"headers": {"Location": LOCATION, "ETag": ETAG}},
        **problems(400, 409, 413, 415, 507, instance=COLLECTION),
    },
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
@needs("records:write")
async def create_video_analysis(
    body: VideoAnalysisCreate, request: Request, database: Database
) -> Response:
    """Refused with 409 when the video has a description already: PUT replaces it. Without `source`
    the values are taken for a machine's, which a person's replace."""
    return await once(
        request,
        database,
        body,
        lambda: database.create_video_analysis(body),
        lambda record: _created(request, record),
    )


@router.get(
    COLLECTION,
    summary="List descriptions",
    response_description="One page; its `Link` header names the next.",
    response_model=VideoAnalysisList,
    operation_id="list_video_analyses",
    responses={
        200: {"headers": {"Link": LINK, "ETag": PAGE_ETAG}},
        304: NOT_MODIFIED,
        **problems(instance=COLLECTION),
    },
    openapi_extra=conditions(changes=False),
)
@needs("records:read")
async def list_video_analyses(
    request: Request,
    database: Database,
    filters: GivenFilters,
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
    order: Annotated[
        Order,
        Query(
            description="`-` for the latest first. Unknown recorded dates come last.",
            examples=["-created_at"],
        ),
    ] = "-created_at",
    include_total: Annotated[
        bool, Query(description="Also count them all.", examples=[True])
    ] = False,
) -> Response:
    """By default the newest first. All filters must hold. A page of very large records holds fewer
    than `limit`, and `next_cursor` leads on."""
    page = await database.list_video_analyses(
        filters, order=order, limit=limit, cursor=cursor, include_total=include_total
    )
    return unless_known(request, page_response(request, page))


@router.get(
    ITEM,
    summary="Read the description of a video",
    response_description="The record.",
    response_model=VideoAnalysis,
    operation_id="get_video_analysis",
    responses={
        200: {"headers": {"ETag": ETAG}},
        304: NOT_MODIFIED,
        **problems(404, instance=EXAMPLE),
    },
    openapi_extra=conditions(changes=False),
)
@needs("records:read")
async def get_video_analysis(
    video_id: VideoIdInPath, request: Request, database: Database
) -> Response:
    if asks_whether_changed(request):
        version = await database.get_version(video_id)
        if version is not None and has_already(request, etag_of(version)):
            return not_modified(etag_of(version))
    return shown(await database.get_video_analysis(video_id))


@router.put(
    ITEM,
    summary="Replace the description of a video",
    response_description="The record with its new description and `updated_at`.",
    response_model=VideoAnalysis,
    operation_id="update_video_analysis",
    responses={
        200: {"headers": {"ETag": ETAG}},
        201: {
            "description": "The record, which there was not before.",
            "model": VideoAnalysis,
            "headers": {"Location": LOCATION, "ETag": ETAG},
        },
        **problems(400, 404, 409, 412, 413, 415, 428, 507, instance=EXAMPLE),
    },
    openapi_extra=conditions(changes=True, creates="`*`: create the record, or 412."),
)
@needs("records:write")
async def update_video_analysis(
    video_id: VideoIdInPath,
    body: VideoAnalysisUpdate,
    request: Request,
    database: Database,
    override: Override = None,
) -> Response:
    """Without `source` a person does it. A machine that would replace a person's words is refused
    with 409, which shows them, unless it says `override=human`."""
    if is_only_to_create(request):
        return await once(
            request,
            database,
            body,
            lambda: database.create_by_put(video_id, body),
            lambda record: _created(request, record),
        )
    expected = expected_version(request)
    return await once(
        request,
        database,
        body,
        lambda: database.update_video_analysis(
            video_id, body, expected=expected, override_human=override is not None
        ),
        shown,
    )


@router.patch(
    ITEM,
    summary="Change some of what is stored of a video",
    response_description="The record with its changes and a new `updated_at`.",
    response_model=VideoAnalysis,
    operation_id="patch_video_analysis",
    responses={
        200: {"headers": {"ETag": ETAG}},
        **problems(400, 404, 409, 412, 413, 415, 428, 507, instance=EXAMPLE),
    },
    openapi_extra={**conditions(changes=True), **merge_patch_body("VideoAnalysisPatch")},
)
@needs("records:write")
async def patch_video_analysis(
    video_id: VideoIdInPath,
    body: VideoAnalysisPatch,
    request: Request,
    database: Database,
    override: Override = None,
) -> Response:
    """A JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): a field present is
    replaced, `null` removes it, what is absent stays. `extra` is merged by name; lists are
    replaced whole. `source` says where these values come from; without it a person gives them. A
    machine that would replace what a person has said is refused with 409, unless it says
    `override=human`."""
    expected = expected_version(request)
    return await once(
        request,
        database,
        body,
        lambda: database.patch_video_analysis(
            video_id, body, expected=expected, override_human=override is not None
        ),
        shown,
    )


@router.delete(
    ITEM,
    status_code=204,
    response_class=Response,
    summary="Delete the description of a video",
    response_description="It is gone.",
    operation_id="delete_video_analysis",
    responses=problems(404, 412, 428, 507, instance=EXAMPLE),
    openapi_extra=conditions(changes=True),
)
@needs("records:delete")
async def delete_video_analysis(
    video_id: VideoIdInPath, request: Request, database: Database
) -> Response:
    expected = expected_version(request)
    return await once(
        request,
        database,
        None,
        lambda: database.delete_video_analysis(video_id, expected=expected),
        lambda _: Response(status_code=204),
    )


def shown(record: RecordJson) -> JsonResponse:
    """With its ETag."""
    response = JsonResponse(record)
    with_etag(response, etag_of(record["version"]))
    return response


def _created(request: Request, record: RecordJson) -> JsonResponse:
    response = JsonResponse(record, status_code=201)
    root = request.scope.get("root_path", "")
    response.headers["Location"] = f"{root}/api/video-analysis/{record['video_id']}"
    response.headers["ETag"] = etag_of(record["version"])
    return response
