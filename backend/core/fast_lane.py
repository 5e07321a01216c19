"""The short way for usual requests: from the path straight to the endpoint.

FastAPI finds the route, opens exit stacks, solves dependencies and validates, in some 100
microseconds; what this service itself does for a record takes less. What FastAPI knows of its
routes is looked up once here, and a request that is as it should be goes the short way. All others
go FastAPI's way, which alone refuses: unknown paths and methods, escapes in the path, unknown query
parameters, bodies that are not valid, and endpoints that need more than is known here. A test sends
requests both ways and compares the answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core.direct_call import DirectCall, Received

ExceptionHandler = Callable[[Request, Exception], Any]


class FastLane:
    """Stands innermost, around FastAPI's own stack."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._routes: dict[str, _Routes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["root_path"] or b"%" in scope["raw_path"]:
            await self.app(scope, receive, send)
            return
        app: FastAPI = scope["app"]
        if self._routes is None:
            self._routes = _routes_by_method(app)
        routes = self._routes.get(scope["method"])
        found = routes.find(scope["path"]) if routes is not None else None
        if found is None:
            await self.app(scope, receive, send)
            return
        call, path_params = found
        received = Received(receive)
        request = Request(scope, received.again)
        values = await call.values(request, path_params, received)
        if values is None:
            await self.app(scope, received.again, send)
            return
        scope["route"] = call.route
        scope["path_params"] = path_params
        try:
            response = await call.answer(values)
        except Exception as error:
            handler = _handler_of(error, app)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)


class _Routes:
    """Those of one method as one pattern, in their order, so that a path finds the route that
    FastAPI would have found."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._calls = [DirectCall.of(route) for route in routes]
        self._pattern = re.compile(
            "|".join(
                f"(?P<r{place}>{_GROUP.sub(f'(?P<r{place}_', route.path_regex.pattern)})"
                for place, route in enumerate(routes)
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


def _routes_by_method(app: FastAPI) -> dict[str, _Routes]:
    by_method: dict[str, list[Route]] = {}
    for route in app.router.routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                by_method.setdefault(method, []).append(route)
    return {method: _Routes(routes) for method, routes in by_method.items()}


def _handler_of(error: Exception, app: FastAPI) -> ExceptionHandler | None:
    """As Starlette finds it: that of the nearest class."""
    for kind in type(error).__mro__:
        if kind in app.exception_handlers:
            return app.exception_handlers[kind]
    return None
