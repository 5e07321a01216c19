"""Every endpoint of the OpenAPI document, with every kind of key: a new one joins by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount

from backend.commands.keys import OPERATOR
from backend.core.caller import ADMIN, ALL_OWNERS, DEFAULT_OWNER, SCOPES, Scope
from backend.engine import now
from backend.http.routes import ApiRoute
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database

pytestmark = pytest.mark.anyio

OPEN = {"health": 200, "twelvelabs_webhook": 404}
"""And what they answer here: no webhook is taken where no secret is set."""
BY_ANY_KEY = {"whoami"}
REALM = 'Bearer realm="memory-mirror"'


class Endpoint(NamedTuple):
    name: str
    method: str
    path: str
    scope: Scope | None
    security: list[Any]


def endpoints(document: dict[str, Any]) -> Iterator[Endpoint]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield Endpoint(
                operation["operationId"],
                method,
                path.replace("{version}", "1").replace("{", "").replace("}", ""),
                operation.get("x-scope"),
                operation["security"],
            )


class Asked(NamedTuple):
    app: FastAPI
    client: httpx.AsyncClient
    endpoints: list[Endpoint]

    async def send(self, endpoint: Endpoint, headers: Any) -> httpx.Response:
        return await self.client.request(endpoint.method, endpoint.path, headers=headers)


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    async with service(database) as (app, client):
        document = (await client.get("/openapi.json")).json()
        yield Asked(app, client, list(endpoints(document)))


async def test_without_a_key_that_opens_all_get_the_same_answer(asked: Asked) -> None:
    id_, _ = await make_key(asked.app, ADMIN)
    _, another = await make_key(asked.app, ADMIN)
    revoked_id, revoked = await make_key(asked.app, ADMIN)
    await asked.app.state.access.revoke(OPERATOR, revoked_id)
    _, expired = await make_key(asked.app, ADMIN, expires_at=now() - timedelta(seconds=1))
    swapped = another.replace(another.split("_")[1], id_)
    refused: list[Any] = [
        {},
        {b"X-API-Key": "ключ".encode()},
        *(shown(key) for key in ("", "x", another[:-1], swapped, revoked, expired)),
        *({"Authorization": f"{kind} {another[:-1]}"} for kind in ("Bearer", "Basic")),
        {"Authorization": another},
        {"Authorization": f"Bearer {'x.' * 5_000}"},
        {"X-API-Key": revoked, "Authorization": f"Bearer {another}"},
    ]
    for endpoint in asked.endpoints:
        answers = [await asked.send(endpoint, headers) for headers in refused]
        if endpoint.name in OPEN:
            assert endpoint.security == []
            assert {answer.status_code for answer in answers} == {OPEN[endpoint.name]}
            continue
        assert endpoint.security, endpoint
        assert {(answer.status_code, answer.text) for answer in answers} == {
            (401, answers[0].text)
        }, endpoint
        assert {answer.headers["www-authenticate"] for answer in answers} == {REALM}


async def test_a_key_opens_what_its_scopes_name_and_no_more(asked: Asked) -> None:
    owners = (DEFAULT_OWNER, ALL_OWNERS)
    keys = {scope: (await make_key(asked.app, scope, owners=owners))[1] for scope in SCOPES}
    for endpoint in asked.endpoints:
        for scope, key in keys.items():
            answer = await asked.send(endpoint, shown(key))
            if endpoint.scope in (None, scope) or scope == ADMIN:
                assert answer.status_code not in (401, 403), (endpoint, scope)
            else:
                problem = answer.json()
                assert (answer.status_code, problem["scope"]) == (403, endpoint.scope)
                assert endpoint.scope in problem["detail"]


async def test_every_endpoint_names_its_scope(asked: Asked) -> None:
    assert {each.name for each in asked.endpoints if each.scope is None} == {*OPEN, *BY_ANY_KEY}
    assert {each.scope for each in asked.endpoints} - {None} <= set(SCOPES)
    described = {route.path for route in asked.app.router.routes if isinstance(route, ApiRoute)}
    others = [route for route in asked.app.router.routes if not isinstance(route, ApiRoute)]
    assert [type(route) for route in others] == [Mount], "the files of the documentation pages"
    assert described > {"/docs", "/redoc", "/openapi.json"}


def test_an_endpoint_that_does_not_say_what_it_needs_cannot_be_added() -> None:
    router = APIRouter(route_class=ApiRoute)

    async def forgotten() -> None: ...

    with pytest.raises(TypeError, match="does not say what it needs"):
        router.get("/forgotten")(forgotten)


async def test_both_headers_and_any_case(asked: Asked) -> None:
    _, key = await make_key(asked.app, "stats")
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bEARER  {key}"},
        {"X-API-Key": key},
        {"X-API-Key": key, "Authorization": "Basic eDp5"},
    ):
        assert (await asked.client.get("/api/stats", headers=headers)).status_code == 200


async def test_of_two_that_are_sent_neither_counts(asked: Asked) -> None:
    _, key = await make_key(asked.app, "stats", owners=("a", "b"))
    for headers, status in (
        ([("X-API-Key", key), ("X-API-Key", key)], 401),
        ([("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")], 401),
        ([("X-API-Key", key), ("X-Owner", "a"), ("X-Owner", "b")], 403),
        ([("X-API-Key", key), ("X-Owner", "b"), ("Accept", "a"), ("Accept", "b")], 200),
    ):
        assert (await asked.client.get("/api/stats", headers=headers)).status_code == status


@pytest.mark.parametrize("docs_open", [True, False])
async def test_the_documentation_can_be_closed(database: Database, docs_open: bool) -> None:
    async with service(database, docs_open=docs_open) as (app, client):
        _, key = await make_key(app, "stats")
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(path)).status_code == (200 if docs_open else 401)
            assert (await client.get(path, headers=shown(key))).status_code == 200


async def test_what_is_open_tells_little(asked: Asked) -> None:
    _, key = await make_key(asked.app, "stats")
    path = "/api/test/health"
    closed = (await asked.client.get(path)).json()
    assert closed == {"status": "ok", "version": None, "database": None}
    told = (await asked.client.get(path, headers=shown(key))).json()
    assert told["database"] in ("sqlite", "postgresql")


async def test_a_page_may_send_the_headers(asked: Asked) -> None:
    preflight = await asked.client.options(
        "/api/stats",
        headers={
            "Origin": "http://localhost:3000",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,x-api-key,x-owner",
        },
    )
    assert preflight.status_code == 200
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert {"authorization", "x-api-key", "x-owner"} <= set(allowed.replace(" ", "").split(","))
    refused = await asked.client.get("/api/stats", headers={"Origin": "http://localhost:3000"})
    assert refused.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_a_body_is_not_read_of_who_may_not_send_it(asked: Asked) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await asked.client.post(
        "/api/video-analysis/", content=body(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 401
