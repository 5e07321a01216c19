"""Does the server work?"""

from __future__ import annotations

from fastapi import APIRouter, Request

from backend.core.caller import asking
from backend.http.routes import ApiRoute, counted_as, open_to_all, unnoted
from backend.models.schemas import Health
from backend.routers.dependencies import Database
from backend.routers.openapi import problems

PATH = "/api/test/health"

router = APIRouter(tags=["Server"], route_class=ApiRoute)


@router.get(
    PATH,
    summary="Ask whether the service and its database answer",
    response_description="They do.",
    operation_id="health",
    responses=problems(instance=PATH),
)
@counted_as(None)
@open_to_all
@unnoted
async def health(request: Request, database: Database) -> Health:
    """503 when the database does not answer, or its tables are not up to date. Without a key,
    where one is needed, only whether it works."""
    await database.check()
    if asking.get() is None:
        return Health(status="ok")
    return Health(status="ok", version=request.app.version, database=database.provider)
