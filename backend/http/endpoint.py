"""The last step: find the route and call its endpoint, directly or through FastAPI.

FastAPI finds the route, opens exit stacks, solves dependencies, validates and wraps each message in
some 150 microseconds; what this service itself does for a record takes less. So what FastAPI knows
of its routes is looked up once, and a valid request goes from its path straight to the endpoint.
FastAPI's own handler has all others, and alone refuses: unknown paths and methods, escapes in the
path, unknown query parameters, invalid bodies, and endpoints that need more than is known here. A
test sends requests both ways and compares the responses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from backend.http.direct_call import BufferedBody, DirectCall
from backend.http.exchange import Exchange
from backend.http.problems import allowed_methods
from backend.http.routes import MAY_THEY
from backend.http.steps.may_they import may_they


class Endpoints:
    """`router` is FastAPI's, the same as `app` has."""

    def __init__(self, app: FastAPI, router: ASGIApp, *, calls_directly: bool) -> None:
        self._app = app
        self._router = router
        self._calls_directly = calls_directly
        self._tables: dict[str, _RouteTable] | None = None

    async def respond(self, exchange: Exchange) -> Response | None:
        """None: FastAPI has sent the response. Raises what the endpoint raises."""
        if exchange.scope["method"] == "OPTIONS":
            return self._options(exchange)
        found = self._find(exchange) if self._calls_directly else None
        if found is not None:
            call, path_params = found
            exchange.scope["route"] = call.route
            may_they(exchange, call.route)
            body = BufferedBody(exchange)
            request = Request(exchange.scope, exchange.receive)
            arguments = await call.arguments(request, path_params, exchange.headers, body)
            if arguments is not None:
                if call.only_reads:
                    exchange.stop_if_client_leaves()
                return await call.respond(arguments)
            body.put_back()
        if exchange.scope["method"] == "GET":
            exchange.stop_if_client_leaves()
        exchange.scope[MAY_THEY] = partial(may_they, exchange)
        await self._router(exchange.scope, exchange.receive, exchange.send)
        return None

    def _options(self, exchange: Exchange) -> Response:
        allowed = allowed_methods(exchange.scope, self._app)
        if not allowed:
            raise HTTPException(404)
        return Response(status_code=204, headers={"Allow": ", ".join(allowed)})

    def _find(self, exchange: Exchange) -> tuple[DirectCall, dict[str, str]] | None:
        scope = exchange.scope
        if self._tables is None:
            self._tables = _tables_by_method(self._app)
        table = self._tables.get(scope["method"])
        if table is None or scope["root_path"] or b"%" in scope.get("raw_path", b"%"):
            return None
        if exchange.has_repeated_headers:
            return None
        found = table.find(scope["path"])
        if found is None or (found[0].takes_body and b"content-length" not in exchange.headers):
            return None
        return found


class _RouteTable:
    """The routes of one method as one pattern, in their order, so that a path finds the route that
    FastAPI would have found."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._calls = [DirectCall.of(route) for route in routes]
        self._pattern = re.compile(
            "|".join(
                f"(?P<r{position}>{_GROUP.sub(f'(?P<r{position}_', route.path_regex.pattern)})"
                for position, route in enumerate(routes)
            )
        )

    def find(self, path: str) -> tuple[DirectCall, dict[str, Any]] | None:
        match = self._pattern.match(path)
        if match is None:
            return None
        name = match.lastgroup  # of a route: its group closes after those inside it
        assert name is not None
        call = self._calls[int(name[1:])]
        if call is None:
            return None
        return call, {param: match[f"{name}_{param}"] for param in call.path_params}


_GROUP = re.compile(r"\(\?P<")


def _tables_by_method(app: FastAPI) -> dict[str, _RouteTable]:
    by_method: dict[str, list[Route]] = {}
    for route in app.router.routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                by_method.setdefault(method, []).append(route)
    return {method: _RouteTable(routes) for method, routes in by_method.items()}
