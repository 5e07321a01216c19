"""Descriptions packed for a conversation."""

from __future__ import annotations

from fastapi import APIRouter

from backend.http.routes import ApiRoute, counted_as, needs, only_reads
from backend.models.context import ContextPack, ContextRequest
from backend.routers.dependencies import Context
from backend.routers.openapi import problems

PATH = "/api/context"

router = APIRouter(tags=["Search"], route_class=ApiRoute)


@router.post(
    PATH,
    summary="Pack descriptions for a conversation",
    response_description="As much as fits, the best hit first.",
    operation_id="context",
    responses=problems(400, 413, 415, instance=PATH),
)
@counted_as("search")
@needs("search")
@only_reads
async def context(body: ContextRequest, service: Context) -> ContextPack:
    """Give the `hits` of another search, best first, or a `query` for this service's own.

    Each video stands once, under a citation mark such as `[1]`, with the segments that fall into
    the times of its hits. What does not fit whole is cut at the end of a sentence, or omitted.
    Tokens are counted with `o200k_base`, exactly for OpenAI's models since GPT-4o; other models
    count differently, for English by some 10 to 20 percent."""
    return await service.pack(body)
