"""Who sent the request."""

from __future__ import annotations

from fastapi import APIRouter

from backend.core.caller import SCOPES, owner
from backend.http.routes import ApiRoute, needs_a_caller, unnoted
from backend.models.access import WhoAmI
from backend.routers.dependencies import Asking
from backend.routers.openapi import problems

PATH = "/api/whoami"

router = APIRouter(tags=["Access"], route_class=ApiRoute)


@router.get(
    PATH,
    summary="Ask who is asking",
    response_description="The caller, and for whom it acts.",
    operation_id="whoami",
    responses=problems(instance=PATH),
)
@needs_a_caller
@unnoted
async def whoami(caller: Asking) -> WhoAmI:
    """By the key or token of this very request."""
    return WhoAmI(
        kind=caller.kind,
        id=caller.id,
        name=caller.name,
        owner=owner.get(),
        owners=list(caller.owners),
        scopes=[scope for scope in SCOPES if scope in caller.scopes],
        expires=caller.expires,
    )
