"""Tags and people: the same operations on each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from backend.http.response import JsonResponse
from backend.http.routes import ApiRoute, needs
from backend.models.metadata import Name
from backend.models.names import Merge, NameCount, NamePage, Rename
from backend.models.schemas import Limit
from backend.records import PEOPLE, TAGS, Kind
from backend.routers.dependencies import Database
from backend.routers.idempotent import IDEMPOTENCY_KEY, once
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, link_next

router = APIRouter(tags=["Tags and people"], route_class=ApiRoute)

CurrentName = Annotated[Name, Query(description="The current name, exactly.", examples=["beach"])]


def _add(kind: Kind) -> None:
    path = f"/api/{kind.field}"

    @router.get(
        path,
        summary=f"List the {kind.field} of all videos",
        response_description="With how many videos have each.",
        operation_id=f"list_{kind.field}",
        responses={200: {"headers": {"Link": LINK}}, **problems(instance=path)},
    )
    @needs("records:read")
    async def list_names(
        request: Request,
        response: Response,
        database: Database,
        limit: Annotated[Limit, Query()] = 100,
        cursor: Annotated[Cursor | None, Query()] = None,
    ) -> NamePage:
        page = await database.list_names(kind, limit=limit, cursor=cursor)
        link_next(request, response, page.next_cursor)
        return page

    @router.patch(
        path,
        summary=f"Rename a {kind.noun} in all videos",
        response_description="The new name, and how many videos have it.",
        response_model=NameCount,
        operation_id=f"rename_{kind.noun}",
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
        responses=problems(400, 404, 409, 413, 415, 507, instance=path),
    )
    @needs("names:write")
    async def rename(
        name: CurrentName, body: Rename, request: Request, database: Database
    ) -> Response:
        """Refused with 409 where the new name exists already: merge them instead."""

        async def work() -> dict[str, Any]:
            return (await database.rename(kind, name, body.name)).model_dump()

        return await once(request, database, body, work, JsonResponse)

    @router.delete(
        path,
        status_code=204,
        response_class=Response,
        summary=f"Take a {kind.noun} from all videos",
        response_description="No video has it any more.",
        operation_id=f"delete_{kind.noun}",
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
        responses=problems(404, 507, instance=path),
    )
    @needs("names:write")
    async def delete(name: CurrentName, request: Request, database: Database) -> Response:
        return await once(
            request,
            database,
            None,
            lambda: database.delete_name(kind, name),
            lambda _: Response(status_code=204),
        )

    @router.post(
        f"{path}/merge",
        summary=f"Merge several {kind.field} into one",
        response_description="The one name, and how many videos have it.",
        response_model=NameCount,
        operation_id=f"merge_{kind.field}",
        openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
        responses=problems(400, 404, 413, 415, 507, instance=f"{path}/merge"),
    )
    @needs("names:write")
    async def merge(body: Merge, request: Request, database: Database) -> Response:
        """Videos that have several of them have the one once, at the first one's place."""

        async def work() -> dict[str, Any]:
            return (await database.merge(kind, body.names, body.into)).model_dump()

        return await once(request, database, body, work, JsonResponse)


_add(TAGS)
_add(PEOPLE)
