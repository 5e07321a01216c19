"""Videos uploaded to the index, and how far each has come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import StringConstraints, ValidationError
from pydantic_core import to_json
from starlette.responses import StreamingResponse

from backend.core.errors import BodyTooLarge, FieldError, InvalidRequest, UnsupportedMediaType
from backend.core.strict_json import parse_json
from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, counted_as, needs
from backend.http.streamed import StreamedResponse
from backend.models.video_index import UploadJob, VideoByUrl
from backend.routers.dependencies import Database, Uploads
from backend.routers.form_file import form_file
from backend.routers.idempotent import IDEMPOTENCY_KEY, asked_once, once
from backend.routers.openapi import problems

PATH = "/api/videos"
JOB = "/api/jobs/{job_id}"
EXAMPLE = "/api/jobs/cmd2k8w1x0000v8l4h2q9z7ab"
EVENT_STREAM = "text/event-stream"
FORM_BYTES = 64 * 1024
"""What a form has besides its file, at most."""
MOST_JSON_BYTES = 16 * 1024
RETRY_MILLISECONDS = 2_000

router = APIRouter(tags=["Twelve Labs"], route_class=ApiRoute)

_LOCATION = {"description": "The job's path.", "required": True, "schema": {"type": "string"}}
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": VideoByUrl.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": _FILE},
                "additionalProperties": False,
            },
            "example": {"file": "..."},
        },
        "application/octet-stream": {"schema": _FILE, "example": "..."},
    },
}
_JOB: Any = {
    "id": "cmd2k8w1x0000v8l4h2q9z7ab",
    "state": "indexing",
    "video_id": "639963a1ce36463e0199c8c7",
    "filename": "beach-day.mp4",
    "error": None,
    "created_at": "2026-03-01T09:30:00.125Z",
    "updated_at": "2026-03-01T09:30:12.000Z",
}
JobId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]+$"),
    Path(description="As the upload was answered.", examples=[_JOB["id"]]),
]
_NO_JOB = problems(404, instance=EXAMPLE)
_NO_JOB[404] |= {"description": "There is no such job, or no index."}
_PROBLEMS = problems(400, 404, 409, 413, 415, 502, 507, instance=PATH)
_PROBLEMS[404] |= {"description": "There is no index."}
_PROBLEMS[409] |= {"description": "A request with the same `Idempotency-Key` still runs."}
_PROBLEMS[415] |= {"description": "The body is neither JSON nor a form nor a video."}


@router.post(
    PATH,
    status_code=202,
    response_model=UploadJob,
    summary="Upload a video to the index",
    response_description="The job, which goes on by itself; `Location` tells how far.",
    operation_id="upload_video",
    responses={202: {"headers": {"Location": _LOCATION}}, **_PROBLEMS},
    openapi_extra={"requestBody": _BODY, "parameters": [IDEMPOTENCY_KEY]},
)
@counted_as("bulk")
@needs("twelvelabs")
async def upload_video(
    request: Request,
    database: Database,
    uploads: Uploads,
    filename: Annotated[
        str,
        StringConstraints(min_length=1, max_length=255, pattern=r"^[^\u0000-\u001f/\\]+$"),
        Query(description="Of a video that is the body itself.", examples=["beach-day.mp4"]),
    ] = "video.mp4",
) -> Response:
    """As JSON with a `url`, which Twelve Labs fetches; as a form with a `file`; or the video itself
    as the body, with its type. A file is sent on as it comes and not kept here; the answer comes
    when Twelve Labs has it. Then the video is indexed, and described as others are.

    `Idempotency-Key` goes with a `url` alone: a file is not known before its end."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return await _by_url(request, database, uploads)
    if "idempotency-key" in request.headers:
        raise InvalidRequest(
            [FieldError(("header", "Idempotency-Key"), "It goes with a url alone", "unexpected")]
        )
    if media_type == "multipart/form-data":
        file = await form_file(request)
        async with aclosing(file.parts) as parts:
            return _accepted(request, await uploads.upload_file(parts, file.filename))
    if media_type.startswith("video/") or media_type == "application/octet-stream":
        size = request.headers.get("content-length")
        async with aclosing(_body(request)) as parts:
            job = await uploads.upload_file(
                parts, filename, size=None if size is None else int(size)
            )
        return _accepted(request, job)
    raise UnsupportedMediaType(
        "The body must be sent as application/json, multipart/form-data, video/... or "
        "application/octet-stream."
    )


async def _by_url(request: Request, database: Database, uploads: Uploads) -> Response:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_JSON_BYTES:
            raise BodyTooLarge(MOST_JSON_BYTES)
    try:
        body = VideoByUrl.model_validate(parse_json(content))
    except ValidationError as error:
        raise InvalidRequest(
            [
                FieldError(("body", *each["loc"]), each["msg"], each["type"])
                for each in error.errors()
            ]
        ) from error
    asked = asked_once(request, lambda: content)
    id_ = None
    if asked is not None:  # of two requests that run at once, or after a crash, there is one job
        id_ = sha256(f"{asked.caller}\n{asked.key}\n{asked.fingerprint}".encode()).hexdigest()
    return await once(
        request,
        database,
        body,
        lambda: uploads.upload_url(body.url, id_=id_),
        lambda job: _accepted(request, job),
    )


async def _body(request: Request) -> AsyncGenerator[bytes]:
    async for part in request.stream():
        if part:
            yield part


def _accepted(request: Request, job: dict[str, Any]) -> JsonResponse:
    response = JsonResponse(job, status_code=202)
    root = request.scope.get("root_path", "")
    response.headers["Location"] = f"{root}/api/jobs/{job['id']}"
    return response


@router.get(
    JOB,
    summary="Tell how far an upload has come",
    response_description="As it is now.",
    operation_id="get_job",
    response_model=UploadJob,
    responses=_NO_JOB,
)
@needs("twelvelabs")
async def get_job(job_id: JobId, uploads: Uploads) -> JsonResponse:
    """`queued`, `indexing`, `describing`, then `ready`: the video has its record; or `failed`."""
    return JsonResponse(await uploads.job(job_id))


@router.get(
    f"{JOB}/events",
    summary="Follow an upload",
    response_description="Server-sent events, each with the job: as it is now, and whenever its "
    "state changes.",
    operation_id="follow_job",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                EVENT_STREAM: {
                    "schema": {"type": "string"},
                    "example": f"event: job\ndata: {to_json(_JOB).decode()}\n\n",
                }
            }
        },
        **_NO_JOB,
    },
)
@needs("twelvelabs")
async def follow_job(job_id: JobId, uploads: Uploads) -> Response:
    """Ends when the job does, or after a minute; a browser's EventSource then asks again by
    itself, until it is closed."""
    async with AsyncExitStack() as closing:
        jobs = await closing.enter_async_context(aclosing(await uploads.follow(job_id)))
        return StreamedResponse(_events(jobs), closing=closing.pop_all(), media_type=EVENT_STREAM)
    raise AssertionError("an exit stack suppresses no error")


async def _events(jobs: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    async for job in jobs:
        yield b"event: job\ndata: " + to_json(job) + b"\n\n"
