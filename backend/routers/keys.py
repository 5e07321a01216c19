"""Keys: made, listed, revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import StringConstraints

from backend.access import KEY_ID_PATTERN, StoredKey
from backend.http.routes import ApiRoute, needs, unnoted
from backend.models.access import AccessKey, KeyPage, KeyRequest, NewKey
from backend.models.schemas import Limit
from backend.routers.dependencies import Access, Asking
from backend.routers.openapi import problems
from backend.routers.paging import LINK, Cursor, link_next

PATH = "/api/keys"
ITEM = PATH + "/{key_id}"

router = APIRouter(tags=["Access"], route_class=ApiRoute)


@router.get(
    PATH,
    summary="List keys",
    response_description="One page; its `Link` header names the next.",
    operation_id="list_keys",
    responses={200: {"headers": {"Link": LINK}}, **problems(instance=PATH)},
)
@needs("keys")
@unnoted
async def list_keys(
    request: Request,
    response: Response,
    access: Access,
    caller: Asking,
    limit: Annotated[Limit, Query()] = 100,
    cursor: Annotated[Cursor | None, Query()] = None,
) -> KeyPage:
    """The newest first, without their secrets; only those that the caller could have made. A page
    may hold fewer than `limit`, and `next_cursor` leads on."""
    keys, after = await access.page(caller, limit=limit, cursor=cursor)
    link_next(request, response, after)
    return KeyPage(keys=[_shown(key) for key in keys], count=len(keys), next_cursor=after)


@router.post(
    PATH,
    status_code=201,
    summary="Make a key",
    response_description="The key, which is shown now and never again.",
    operation_id="create_key",
    responses=problems(400, 409, 413, 415, 507, instance=PATH),
)
@needs("keys")
async def create_key(
    body: KeyRequest, response: Response, access: Access, caller: Asking
) -> NewKey:
    """No key makes one with more scopes, owners or life than it has itself: 403."""
    stored, key = await access.create(
        caller,
        name=body.name,
        owners=body.owners,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    response.headers["Cache-Control"] = "no-store"
    return NewKey(**_shown(stored).model_dump(), key=key)


@router.delete(
    ITEM,
    status_code=204,
    response_class=Response,
    summary="Revoke a key",
    response_description="Within a second it opens nothing any more.",
    operation_id="revoke_key",
    responses=problems(404, 507, instance=f"{PATH}/5Kd3NBUAdUnh"),
)
@needs("keys")
async def revoke_key(
    key_id: Annotated[
        str,
        Path(description="The key's id.", examples=["5Kd3NBUAdUnh"]),
        StringConstraints(pattern=KEY_ID_PATTERN),
    ],
    access: Access,
    caller: Asking,
) -> None:
    """404 for one that the caller could not have made. Revoked again, it stays as it is."""
    await access.revoke(caller, key_id)


def _shown(key: StoredKey) -> AccessKey:
    return AccessKey.model_validate(key, from_attributes=True)
