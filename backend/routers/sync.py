"""The records in step with the video index: how far, and now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, needs
from backend.models.schemas import Limit
from backend.models.sync import IndexedVideoPage, SyncRun, SyncStatus
from backend.routers.dependencies import Sync
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, page_response
from backend.twelvelabs import Listed

PATH = "/api/twelvelabs"
STATUS, VIDEOS, SYNC = f"{PATH}/status", f"{PATH}/videos", f"{PATH}/sync"

router = APIRouter(tags=["Twelve Labs"], route_class=ApiRoute)


@router.get(
    STATUS,
    summary="Tell how far records and index are in step",
    response_description="As of the last runs.",
    operation_id="twelvelabs_status",
    response_model=SyncStatus,
    responses=problems(404, instance=STATUS),
)
@needs("twelvelabs")
async def status(sync: Sync) -> JsonResponse:
    """How many videos are in which state, what there is to do, the last runs, and what was used
    today. 404 where there is no index."""
    return JsonResponse(await sync.status())


@router.get(
    VIDEOS,
    summary="List the videos of the index in one state",
    response_description="One page; its `Link` header names the next.",
    operation_id="twelvelabs_videos",
    response_model=IndexedVideoPage,
    responses={200: {"headers": {"Link": LINK}}, **problems(404, instance=VIDEOS)},
)
@needs("twelvelabs")
async def videos(
    request: Request,
    sync: Sync,
    state: Annotated[
        Listed,
        Field(description="As the status counts them.", examples=["missing"]),
        Query(),
    ],
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> JsonResponse:
    """By their ids."""
    return page_response(request, await sync.listed(state, limit=limit, cursor=cursor))


@router.post(
    SYNC,
    status_code=202,
    summary="Compare the index with the records now",
    response_description="The run, which begins as soon as a worker is free.",
    operation_id="twelvelabs_sync",
    response_model=SyncRun,
    responses=problems(404, 507, instance=SYNC),
)
@needs("twelvelabs")
async def sync_now(
    sync: Sync,
    kind: Annotated[
        Literal["full", "new"],
        Field(
            description="`full`: all videos. `new`: those added since, and those that were being "
            "indexed.",
            examples=["full"],
        ),
        Query(),
    ] = "full",
) -> JsonResponse:
    """Where one waits already, it is that one. The status tells how it goes."""
    return JsonResponse(await sync.ask(kind), status_code=202)
