"""Many records in one request, each as if it were sent by itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from backend.core.errors import FieldError, InvalidRequest
from backend.http.problems import problem_within, requested_path
from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, counted_as, needs
from backend.models.bulk import BulkDelete, BulkDeleted, BulkFilters, BulkResults, BulkWrite
from backend.records import Filters, Mode, VideoAnalysisNotFound
from backend.routers.dependencies import Database
from backend.routers.openapi import problems
from backend.routers.video_analysis import Override
from backend.transfer import Import, Line, Options, Written

PATH = "/api/bulk"
DELETE = "/api/bulk/delete"

router = APIRouter(tags=["Transfer"], route_class=ApiRoute)


@router.post(
    PATH,
    summary="Store up to 1,000 records",
    response_description="What became of each.",
    response_model=BulkResults,
    operation_id="write_bulk",
    responses=problems(400, 413, 415, 507, instance=PATH),
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
) -> JsonResponse:
    """All that are right are stored. An item that is refused has its own status."""
    path = requested_path(request.scope)
    results: list[dict[str, Any]] = []

    def note(written: Written) -> bytes:
        result: dict[str, Any] = {
            "item": written.line,
            "video_id": written.video_id,
            "status": written.status,
            "error": None,
        }
        if written.error is not None:
            result["error"] = problem_within(written.error, path)
        results.append(result)
        return b""

    items = (Line(number, item, 0) for number, item in enumerate(body.items, start=1))
    options = Options(mode, "continue", override_human=override is not None)
    import_ = Import(database, items, options, note)
    async for _ in import_.run():
        pass
    if import_.summary.error is not None:
        raise import_.summary.error
    return JsonResponse({"results": results, "failed": import_.summary.failed})


@router.post(
    DELETE,
    summary="Delete many records",
    response_description="How many are gone.",
    response_model=BulkDeleted,
    operation_id="delete_bulk",
    responses=problems(400, 409, 413, 415, 507, instance=DELETE),
)
@counted_as("bulk")
@needs("records:delete")
async def delete_bulk(
    body: BulkDelete,
    request: Request,
    database: Database,
    dry_run: Annotated[bool, Query(description="Only count them.", examples=[True])] = False,
) -> JsonResponse:
    """All or none. By `filters` only with their number as `confirm`, which a dry run tells: 409
    where there are not as many any more."""
    if body.filters is not None:
        filters = _filters_of(body.filters)
        if dry_run:
            return _deleted(await database.count(filters), 0)
        if body.confirm is None:
            reason = "Ask with dry_run=true how many there are, and confirm that"
            raise InvalidRequest([FieldError(("body", "confirm"), reason, "missing")])
        deleted = await database.delete_matching(filters, body.confirm)
        return _deleted(deleted, deleted)
    ids = list(dict.fromkeys(body.video_ids or ()))
    if dry_run:
        return _deleted(await database.count_of(ids), 0)
    found = await database.delete_many(ids)
    path = requested_path(request.scope)
    results = [_result(number, id_, id_ in found, path) for number, id_ in enumerate(ids, start=1)]
    return _deleted(len(found), len(found), results)


def _filters_of(given: BulkFilters) -> Filters:
    values = given.model_dump(exclude_none=True)
    for name in ("tag", "person"):
        values[name] = tuple(dict.fromkeys(values.get(name, ())))
    return Filters(**values)


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
