"""What is taken from FastAPI beyond its public interface is still there, and means the same."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request, params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from backend.http import fastapi_internals as internals

pytestmark = pytest.mark.anyio

DEPENDANT_ATTRIBUTES = [
    "background_tasks_param_name",
    "body_params",
    "call",
    "concurrency",
    "cookie_params",
    "dependencies",
    "header_params",
    "http_connection_param_name",
    "name",
    "own_oauth_scopes",
    "path_params",
    "query_params",
    "request_param_name",
    "response_param_name",
    "security_scopes_param_name",
    "websocket_param_name",
]


class Item(BaseModel):
    number: int


def route_of(endpoint: Any) -> APIRoute:
    router = APIRouter()
    router.post("/{key}")(endpoint)
    (route,) = router.routes
    assert isinstance(route, APIRoute)
    return route


async def needed(request: Request, size: Annotated[int, Query()] = 3) -> int:
    return size


async def plain(key: str, item: Item, size: Annotated[int, Depends(needed)]) -> Item:
    return item


def test_a_dependant_names_all_that_an_endpoint_needs() -> None:
    dependant = route_of(plain).dependant
    missing = [name for name in DEPENDANT_ATTRIBUTES if not hasattr(dependant, name)]
    assert missing == [], f"fastapi.dependencies.models.Dependant has no {missing} any more"
    assert isinstance(dependant, internals.Dependant)
    assert [field.alias for field in dependant.path_params] == ["key"]
    (dependency,) = dependant.dependencies
    assert (dependency.name, dependency.request_param_name) == ("size", "request")
    assert dependency.call is needed


def test_a_field_validates_a_value_and_lists_its_errors() -> None:
    (field,) = route_of(plain).dependant.body_params
    assert isinstance(field, internals.ModelField), "body parameters are other objects now"
    assert (field.name, field.alias) == ("item", "item")
    assert field.validate({"number": 1}) == (Item(number=1), [])
    value, errors = field.validate({})
    assert value is None, "ModelField.validate gives a value beside errors"
    assert [error["type"] for error in errors] == ["missing"]
    (size,) = route_of(plain).dependant.dependencies[0].query_params
    assert (size.default, size.field_info.is_required()) == (3, False)


def test_a_route_says_whether_it_embeds_its_body() -> None:
    async def two(one: Annotated[int, Body()], other: Annotated[int, Body()]) -> None: ...

    assert internals.embeds_body(route_of(two)), "APIRoute._embed_body_fields means another thing"
    assert not internals.embeds_body(route_of(plain))


def test_flat_params_are_those_of_all_dependencies() -> None:
    found = internals.get_flat_params(route_of(plain).dependant)
    assert {field.alias for field in found if isinstance(field.field_info, params.Query)} == {
        "size"
    }


def test_a_default_response_class_is_a_placeholder() -> None:
    assert isinstance(route_of(plain).response_class, internals.DefaultPlaceholder)


def test_telemetry_can_be_declined() -> None:
    assert "telemetry" in inspect.signature(FastAPI.__init__).parameters
    FastAPI(telemetry=internals.NO_TELEMETRY)


async def test_the_exit_stack_stands_in_the_scope() -> None:
    seen: Scope = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    await internals.with_exit_stack(app)({"type": "http"}, receive, send)
    assert isinstance(seen.get("fastapi_middleware_astack"), AsyncExitStack), (
        "FastAPI's request handler finds its exit stack elsewhere now"
    )
