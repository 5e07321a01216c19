"""Moments that answer a question, found by Twelve Labs and by our own search."""

from __future__ import annotations

from fastapi import APIRouter

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, counted_as, needs, only_reads
from backend.models.recall import Recall, RecallRequest
from backend.routers.dependencies import Recalls
from backend.routers.openapi import problems

PATH = "/api/recall"

router = APIRouter(tags=["Search"], route_class=ApiRoute)


@router.post(
    PATH,
    summary="Recall moments",
    response_description="The best first.",
    operation_id="recall",
    response_model=Recall,
    responses=problems(400, 413, 415, instance=PATH),
)
@counted_as("search")
@needs("search")
@only_reads
async def recall(body: RecallRequest, service: Recalls) -> JsonResponse:
    """Asks Twelve Labs' search, of pictures and sound, and this service's own, of descriptions, at
    once, and joins what they find by its ranks. A video stands once, or twice where the two have
    found different moments of it.

    Where Twelve Labs does not answer in time, the moments come from the descriptions alone, and
    `sources` says so."""
    return JsonResponse(await service.recall(body.query, limit=body.limit))
