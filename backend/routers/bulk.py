"""Many records in one request, each as if it were sent by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from backend.core.errors import FieldError, InvalidRequest
from backend.http.problems import problem_within, requested_path
from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, counted_as, needs
from backend.models.bulk import BulkDelete, BulkDeleted, BulkFilters, BulkResults, BulkWrite
from backend.models.schemas import VideoId
from backend.records import ALL, DatabaseService, Filters, Mode, VideoAnalysisNotFound
from backend.routers.dependencies import Database
from backend.routers.filters import GivenFilters
from backend.routers.idempotent import IDEMPOTENCY_KEY, asked_once, once, replayed
from backend.routers.openapi import problems
from backend.routers.video_analysis import COLLECTION, Override
from backend.transfer import Import, Line, Options, Written

PATH = "/api/bulk"
OTHER_PATH = f"{COLLECTION}bulk"
"""Not in the document: by other methods it is the path of a video of that name."""
DELETE = "/api/bulk/delete"

MOST_IDS = 100
"""In a URL, of which 16 KiB are read."""

router = APIRouter(tags=["Transfer"], route_class=ApiRoute)

DryRun = Annotated[bool, Query(description="Only count them.", examples=[True])]


@router.post(OTHER_PATH, include_in_schema=False, response_model=BulkResults)
@router.post(
    PATH,
    summary="Store up to 1,000 records",
    response_description="What became of each.",
    response_model=BulkResults,
    operation_id="write_bulk",
    responses=problems(400, 409, 413, 415, 507, instance=PATH),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
@counted_as("bulk")
@needs("transfer")
async def write_bulk(
    body: BulkWrite,
    request: Request,
    database: Database,
    mode: Annotated[
        Mode, Query(description="As of an import: `create`, `upsert`, ...", examples=["upsert"])
    ] = "create",
    override: Override = None,
) -> Response:
    """All that are right are stored. An item that is refused has its own status.
    `POST /api/video-analysis/bulk` is the same."""
    path = requested_path(request.scope)
    items = (Line(number, item, 0) for number, item in enumerate(body.items, start=1))
    import_ = Import(
        database,
        items,
        Options(mode, "continue", override_human=override is not None),
        lambda written: to_json(_written(written, path)) + b"\n",
        tells_again=True,
    )
    parts = import_.run(asked_once(request, lambda: json.dumps(body.items).encode()))
    told = b"".join([part async for part in parts])
    summary = import_.summary
    if summary.error is not None:
        raise summary.error
    results = [orjson.Fragment(line) for line in told.splitlines()]
    response = JsonResponse.of_bytes(
        orjson.dumps({"results": results, "failed": summary.failed}), 200
    )
    return replayed(response) if summary.resumed_after == len(body.items) else response


@router.delete(
    COLLECTION,
    summary="Delete many records",
    response_description="How many are gone.",
    response_model=BulkDeleted,
    operation_id="delete_video_analyses",
    responses=problems(409, 507, instance=COLLECTION),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
@counted_as("bulk")
@needs("records:delete")
async def delete_video_analyses(
    request: Request,
    database: Database,
    filters: GivenFilters,
    video_id: Annotated[
        list[VideoId],
        Query(max_length=MOST_IDS, description="Given more than once: these."),
    ] = [],  # noqa: B006 - copied by FastAPI
    confirm: Annotated[
        int | None,
        Field(ge=0, le=2**31 - 1),
        Query(description="With filters: how many there are, as a dry run has said.", examples=[2]),
    ] = None,
    dry_run: DryRun = False,
) -> Response:
    """All or none: those of `video_id`, or those that filters name. Without either nothing is
    deleted. By filters only with their number as `confirm`, which a dry run tells: 409 where there
    are not as many any more. A list of more than 100 is for `POST /api/bulk/delete`."""
    if bool(video_id) == (filters != ALL):
        reason = "Give either video_id or filters"
        raise InvalidRequest([FieldError(("query",), reason, "bulk_delete")])
    if video_id:
        return await _delete_these(request, database, None, video_id, dry_run=dry_run)
    return await _delete_matching(request, database, None, filters, confirm, dry_run=dry_run)


@router.post(
    DELETE,
    summary="Delete many records, named in a body",
    response_description="How many are gone.",
    response_model=BulkDeleted,
    operation_id="delete_bulk",
    responses=problems(400, 409, 413, 415, 507, instance=DELETE),
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
)
@counted_as("bulk")
@needs("records:delete")
async def delete_bulk(
    body: BulkDelete, request: Request, database: Database, dry_run: DryRun = False
) -> Response:
    """As `DELETE /api/video-analysis/`, for up to 1,000."""
    if body.filters is not None:
        filters = _filters_of(body.filters)
        return await _delete_matching(
            request, database, body, filters, body.confirm, dry_run=dry_run
        )
    return await _delete_these(request, database, body, body.video_ids or (), dry_run=dry_run)


async def _delete_these(
    request: Request,
    database: DatabaseService,
    body: BaseModel | None,
    video_ids: Sequence[str],
    *,
    dry_run: bool,
) -> Response:
    ids = list(dict.fromkeys(video_ids))
    if dry_run:
        asked_once(request, bytes)  # a key that is none is refused here, too
        return _deleted(await database.count_of(ids), 0)
    path = requested_path(request.scope)

    def shown(found: Sequence[str]) -> Response:
        there = set(found)
        results = [_result(n, id_, id_ in there, path) for n, id_ in enumerate(ids, start=1)]
        return _deleted(len(found), len(found), results)

    return await once(request, database, body, lambda: database.delete_many(ids), shown)


async def _delete_matching(
    request: Request,
    database: DatabaseService,
    body: BaseModel | None,
    filters: Filters,
    confirm: int | None,
    *,
    dry_run: bool,
) -> Response:
    if dry_run:
        asked_once(request, bytes)  # a key that is none is refused here, too
        return _deleted(await database.count(filters), 0)
    if confirm is None:
        reason = "Ask with dry_run=true how many there are, and confirm that"
        place = "query" if body is None else "body"
        raise InvalidRequest([FieldError((place, "confirm"), reason, "missing")])
    return await once(
        request,
        database,
        body,
        lambda: database.delete_matching(filters, confirm),
        lambda number: _deleted(number, number),
    )


def _filters_of(given: BulkFilters) -> Filters:
    values = given.model_dump(exclude_none=True)
    for name in ("tag", "person"):
        values[name] = tuple(dict.fromkeys(values.get(name, ())))
    return Filters(**values)


def _written(written: Written, path: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "item": written.line,
        "video_id": written.video_id,
        "status": written.status,
        "error": None,
    }
    if written.error is not None:
        result["error"] = problem_within(written.error, path)
    return result


def _result(number: int, video_id: str, is_deleted: bool, path: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "item": number,
        "video_id": video_id,
        "status": "deleted" if is_deleted else "failed",
        "error": None,
    }
    if not is_deleted:
        result["error"] = problem_within(VideoAnalysisNotFound(video_id), path)
    return result


def _deleted(count: int, deleted: int, results: list[dict[str, Any]] | None = None) -> JsonResponse:
    return JsonResponse({"count": count, "deleted": deleted, "results": results or []})
