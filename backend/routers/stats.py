"""What is stored, in numbers."""

from __future__ import annotations

from fastapi import APIRouter

from backend.http.routes import ApiRoute, needs
from backend.models.stats import Stats
from backend.routers.dependencies import Database
from backend.routers.filters import GivenFilters
from backend.routers.openapi import problems

PATH = "/api/stats"

router = APIRouter(tags=["Search"], route_class=ApiRoute)


@router.get(
    PATH,
    summary="Count what is stored",
    response_description="Of all videos, or of those that the filters name.",
    operation_id="stats",
    responses=problems(instance=PATH),
)
@needs("stats")
async def stats(database: Database, filters: GivenFilters) -> Stats:
    return await database.stats(filters)
