"""Many descriptions by their videos' ids."""

from __future__ import annotations

from fastapi import APIRouter

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, needs, only_reads
from backend.models.schemas import Lookup, LookupResult
from backend.routers.dependencies import Database
from backend.routers.openapi import problems

PATH = "/api/lookup"

router = APIRouter(tags=["Video analysis"], route_class=ApiRoute)


@router.post(
    PATH,
    summary="Read many descriptions by id",
    response_description="Those that are stored, and the ids of those that are not.",
    operation_id="look_up",
    response_model=LookupResult,
    responses=problems(400, 413, 415, instance=PATH),
)
@needs("records:read")
@only_reads
async def look_up(body: Lookup, database: Database) -> JsonResponse:
    """At most 1,000 ids; the response keeps their order."""
    return JsonResponse(await database.look_up(body.video_ids))
