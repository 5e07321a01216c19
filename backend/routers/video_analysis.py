"""The descriptions of videos, by the video's id."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from backend.core.openapi import problems
from backend.core.route import ApiRoute
from backend.models.schemas import (
    Limit,
    VideoAnalysis,
    VideoAnalysisCreate,
    VideoAnalysisList,
    VideoAnalysisUpdate,
    VideoId,
)
from backend.routers.dependencies import Database

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
    operation_id="create_video_analysis",
    responses={
        201: {"headers": {"Location": LOCATION}},
        **problems(400, 409, 413, 415, instance=COLLECTION),
    },
)
async def create_video_analysis(
    body: VideoAnalysisCreate, request: Request, response: Response, database: Database
) -> VideoAnalysis:
    """Refused with 409 when the video has a description already: PUT replaces it."""
    record = await database.create_video_analysis(body.video_id, body.description)
    root = request.scope.get("root_path", "")
    response.headers["Location"] = f"{root}/api/video-analysis/{record.video_id}"
    return record


@router.get(
    COLLECTION,
    summary="List the newest descriptions",
    response_description="The newest first.",
    operation_id="list_video_analyses",
    responses=problems(instance=COLLECTION),
)
async def list_video_analyses(
    database: Database, limit: Annotated[Limit, Query()] = 100
) -> VideoAnalysisList:
    return await database.list_video_analyses(limit=limit)


@router.get(
    ITEM,
    summary="Read the description of a video",
    response_description="The record.",
    operation_id="get_video_analysis",
    responses=problems(404, instance=EXAMPLE),
)
async def get_video_analysis(video_id: VideoIdInPath, database: Database) -> VideoAnalysis:
    return await database.get_video_analysis(video_id)


@router.put(
    ITEM,
    summary="Replace the description of a video",
    response_description="The record with its new description and `updated_at`.",
    operation_id="update_video_analysis",
    responses=problems(400, 404, 413, 415, instance=EXAMPLE),
)
async def update_video_analysis(
    video_id: VideoIdInPath, body: VideoAnalysisUpdate, database: Database
) -> VideoAnalysis:
    return await database.update_video_analysis(video_id, body.description)


@router.delete(
    ITEM,
    status_code=204,
    response_class=Response,
    summary="Delete the description of a video",
    response_description="It is gone.",
    operation_id="delete_video_analysis",
    responses=problems(404, instance=EXAMPLE),
)
async def delete_video_analysis(video_id: VideoIdInPath, database: Database) -> None:
    await database.delete_video_analysis(video_id)
