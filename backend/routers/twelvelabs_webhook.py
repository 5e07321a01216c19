"""What Twelve Labs tells by itself."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.http.routes import ApiRoute, open_to_all
from backend.routers.dependencies import Webhooks
from backend.routers.openapi import problems

PATH = "/api/twelvelabs/webhook"
SIGNATURE = "TL-Signature"

router = APIRouter(tags=["Twelve Labs"], route_class=ApiRoute)

_PROBLEMS = problems(400, 403, 404, 413, instance=PATH)
_PROBLEMS[400] |= {"description": "The body is no event."}
_PROBLEMS[403] |= {"description": "The signature is missing, wrong or older than 5 minutes."}
_PROBLEMS[404] |= {"description": "No key or no secret of webhooks is set here."}
_EVENT: Any = {
    "id": "whe_65e5b4",
    "created_at": "2026-03-01T09:30:00.125Z",
    "type": "index.task.ready",
    "data": {"id": "65e5b4a1c1", "status": "ready"},
}


@router.post(
    PATH,
    status_code=204,
    response_class=Response,
    summary="Take a webhook of Twelve Labs",
    response_description="It was taken, now or before.",
    operation_id="twelvelabs_webhook",
    responses=_PROBLEMS,
    openapi_extra={
        "parameters": [
            {
                "name": SIGNATURE,
                "in": "header",
                "description": "`t=`, the time in seconds since 1970, and `v1=`, the HMAC-SHA256 "
                "of it, a dot and the body, with the secret that both sides know.",
                "schema": {"type": "string", "examples": ["t=1772358600,v1=5257a869e7ec"]},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": _EVENT}},
        },
    },
)
@open_to_all
async def twelvelabs_webhook(request: Request, service: Webhooks) -> Response:
    """Needs no key: the signature says who asks. The index is looked at soon after."""
    await service.take(await request.body(), request.headers.get(SIGNATURE, ""))
    return Response(status_code=204)
