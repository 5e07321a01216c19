"""The descriptions of videos, by the video's id."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute
from backend.models.schemas import (
    Limit,
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisList,
    VideoAnalysisPatch,
    VideoAnalysisUpdate,
    VideoId,
)
from backend.records import Order, stored_record_json
from backend.routers.dependencies import Database
from backend.routers.filters import GivenFilters
from backend.routers.openapi import merge_patch_body, problems
from backend.routers.paging import LINK, Cursor, link_next

COLLECTION = "/api/video-analysis/"
ITEM = "/api/video-analysis/{video_id}"
EXAMPLE = "/api/video-analysis/6789abcd-beach-day"
LOCATION = {"description": "The record's path.", "required": True, "schema": {"type": "string"}}

router = APIRouter(tags=["Video analysis"], route_class=ApiRoute)

VideoIdInPath = Annotated[VideoId, Path()]


@router.post(
    COLLECTION,
    status_code=201,
    summary="Store the description of a video",
    response_description="The record as it is stored.",
    response_model=VideoAnalysis,
    operation_id="create_video_analysis",
    responses={
        201: {"headers": {"Location": LOCATION}},
        **problems(400, 409, 413, 415, 507, instance=COLLECTION),
    },
)
async def create_video_analysis(
    body: VideoAnalysisCreate, request: Request, database: Database
) -> JsonResponse:
    """Refused with 409 when the video has a description already: PUT replaces it."""
    record = await database.create_video_analysis(body)
    response = JsonResponse(record, status_code=201)
    root = request.scope.get("root_path", "")
    response.headers["Location"] = f"{root}/api/video-analysis/{body.video_id}"
    return response


@router.get(
    COLLECTION,
    summary="List descriptions",
    response_description="One page; its `Link` header names the next.",
    response_model=VideoAnalysisList,
    operation_id="list_video_analyses",
    responses={200: {"headers": {"Link": LINK}}, **problems(instance=COLLECTION)},
)
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
) -> JsonResponse:
    """By default the newest first. All filters must hold."""
    page = await database.list_video_analyses(
        filters, order=order, limit=limit, cursor=cursor, include_total=include_total
    )
    response = JsonResponse(page)
    link_next(request, response, page["next_cursor"])
    return response


@router.get(
    ITEM,
    summary="Read the description of a video",
    response_description="The record.",
    response_model=VideoAnalysis,
    operation_id="get_video_analysis",
    responses=problems(404, instance=EXAMPLE),
)
async def get_video_analysis(video_id: VideoIdInPath, database: Database) -> JsonResponse:
    return JsonResponse(await database.get_video_analysis(video_id))


@router.put(
    ITEM,
    summary="Replace the description of a video",
    response_description="The record with its new description and `updated_at`.",
    response_model=VideoAnalysis,
    operation_id="update_video_analysis",
    responses=problems(400, 404, 413, 415, 507, instance=EXAMPLE),
)
async def update_video_analysis(
    video_id: VideoIdInPath, body: VideoAnalysisUpdate, database: Database
) -> JsonResponse:
    record = await database.update_video_analysis(video_id, body.description)
    return JsonResponse(stored_record_json(record))


@router.patch(
    ITEM,
    summary="Change some of what is stored of a video",
    response_description="The record with its changes and a new `updated_at`.",
    response_model=VideoAnalysis,
    operation_id="patch_video_analysis",
    responses=problems(400, 404, 413, 415, 507, instance=EXAMPLE),
    openapi_extra=merge_patch_body("VideoAnalysisPatch"),
)
async def patch_video_analysis(
    video_id: VideoIdInPath, body: VideoAnalysisPatch, database: Database
) -> JsonResponse:
    """A JSON merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): a field present is
    replaced, `null` removes it, what is absent stays. `extra` is merged by name; lists are
    replaced whole."""
    return JsonResponse(stored_record_json(await database.patch_video_analysis(video_id, body)))


@router.delete(
    ITEM,
    status_code=204,
    response_class=Response,
    summary="Delete the description of a video",
    response_description="It is gone.",
    operation_id="delete_video_analysis",
    responses=problems(404, 507, instance=EXAMPLE),
)
async def delete_video_analysis(video_id: VideoIdInPath, database: Database) -> None:
    await database.delete_video_analysis(video_id)
