"""Where videos are streamed from."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from backend.http.routes import ApiRoute, needs
from backend.models.video_index import VideoStream
from backend.routers.dependencies import Streams
from backend.routers.openapi import problems
from backend.routers.video_analysis import EXAMPLE, ITEM, VideoIdInPath

router = APIRouter(tags=["Twelve Labs"], route_class=ApiRoute)

_PROBLEMS = problems(404, 502, instance=f"{EXAMPLE}/stream")
_PROBLEMS[404] |= {
    "description": "The index has no such video, or no stream of it; or there is no index."
}


@router.get(
    f"{ITEM}/stream",
    summary="Tell where a video is streamed from",
    response_description="Its playlist and pictures, for some time.",
    operation_id="get_stream",
    response_model=VideoStream,
    responses=_PROBLEMS,
)
@needs("records:read")
async def get_stream(video_id: VideoIdInPath, service: Streams) -> VideoStream:
    """Addresses at Twelve Labs, which need no key. They expire: ask again when they do, not
    before."""
    stream = await service.stream(video_id)
    return VideoStream(
        video_id=video_id,
        url=stream.url,
        thumbnail_url=next(iter(stream.thumbnails), None),
        thumbnail_urls=list(stream.thumbnails),
        expires_at=(
            None if stream.expires is None else datetime.fromtimestamp(stream.expires, UTC)
        ),
    )
