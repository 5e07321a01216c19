"""Finding videos by the words of their descriptions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from backend.http.routes import ApiRoute, counted_as, needs
from backend.models.schemas import check_digits
from backend.models.search import SearchPage
from backend.routers.conditional import NOT_MODIFIED, PAGE_ETAG, conditions, unless_known
from backend.routers.dependencies import Search
from backend.routers.filters import GivenFilters
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, page_response
from backend.search import LONGEST

PATH = "/api/search"

router = APIRouter(tags=["Search"], route_class=ApiRoute)


def _check_query(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "A query is not blank")
    return value


QueryText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST),
    AfterValidator(_check_query),
    Field(
        description="Plain language; punctuation means nothing.",
        examples=["grandma reading on the beach"],
        json_schema_extra={"pattern": r"\S"},
    ),
]

PageSize = Annotated[
    int,
    BeforeValidator(check_digits),
    Field(ge=1, le=100, description="How many at most.", examples=[10]),
]


@router.get(
    PATH,
    summary="Find videos by words",
    response_description="The best first.",
    response_model=SearchPage,
    operation_id="search",
    responses={
        200: {"headers": {"Link": LINK, "ETag": PAGE_ETAG}},
        304: NOT_MODIFIED,
        **problems(instance=PATH),
    },
    openapi_extra=conditions(changes=False),
)
@counted_as("search")
@needs("search")
async def search(
    request: Request,
    service: Search,
    q: Annotated[QueryText, Query()],
    filters: GivenFilters,
    limit: Annotated[PageSize, Query()] = 10,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> Response:
    """Words are found in any form (`danced` finds `dancing`), with and without accents; the last
    one is also taken for a beginning, and a word that no video has for a misspelling. Descriptions,
    segments, titles, names and tags are searched, and ranked by BM25.

    Every video that has one of the words is ranked, and can be reached by cursors. What was stored
    before the request is found by it. All filters of the list narrow the search.

    A cursor keeps the query as it was weighed at first: what others store or delete between
    two pages neither repeats a result nor hides one."""
    page = await service.search(q, filters, limit=limit, cursor=cursor)
    return unless_known(request, page_response(request, page))
