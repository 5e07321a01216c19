"""The short way for usual requests: from the path straight to the endpoint.

FastAPI and its middlewares find the route, open exit stacks, solve dependencies, validate and wrap
each message, in some 150 microseconds; what this service itself does for a record takes less. What
FastAPI knows of its routes is looked up once here, and a request that is as it should be goes the
short way, which does at once what the middlewares do in turn. All others go the long way, which
alone refuses: unknown paths and methods, escapes in the path, unknown query parameters, bodies that
are not valid, and endpoints that need more than is known here. An error that an endpoint raises
goes there too. A test sends requests both ways and compares the answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core.logs import request_id
from backend.http.endpoint import DirectCall, Received
from backend.http.routes import RAISED
from backend.http.steps.access_log import CLIENT_CLOSED_REQUEST, RequestLine
from backend.http.steps.cors import Cors

Headers = dict[bytes, bytes]


class FastLane:
    """`long_way` is the whole of FastAPI's own stack."""

    def __init__(
        self, app: FastAPI, long_way: ASGIApp, *, origins: Sequence[str], max_body_bytes: int
    ) -> None:
        self._app = app
        self._long_way = long_way
        self._max_body_bytes = max_body_bytes
        self._cors = Cors(long_way, origins)
        self._routes: dict[str, _Routes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope)
        if found is None:
            await self._long_way(scope, receive, send)
            return
        line = RequestLine(scope)
        token = request_id.set(line.id)
        try:
            await self._serve(*found, line, scope, receive, send)
        finally:
            request_id.reset(token)

    async def _serve(
        self,
        call: DirectCall,
        path_params: Mapping[str, str],
        headers: Headers,
        line: RequestLine,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        received = Received(receive)
        scope["app"] = self._app
        request = Request(scope, received.again)
        try:
            values = await call.values(request, path_params, headers, received)
            answer = None if values is None else await call.answer(values)
        except Exception as error:  # noqa: BLE001  the long way raises it
            scope[RAISED] = error
            answer = None
        if answer is None:
            await self._long_way(scope, received.again, send)
            return
        answer.headers.extend(await self._cors.headers_for(headers.get(b"origin")))
        answer.headers.append((b"x-request-id", line.id.encode()))
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": answer.headers,
        }
        status, sent = CLIENT_CLOSED_REQUEST, 0
        try:
            await send(start)
            status, sent = answer.status, len(answer.body)
            await send({"type": "http.response.body", "body": answer.body})
        finally:
            scope["route"] = call.route
            line.write(status, sent)

    def _find(self, scope: Scope) -> tuple[DirectCall, dict[str, str], Headers] | None:
        if self._routes is None:
            self._routes = _routes_by_method(self._app)
        routes = self._routes.get(scope["method"])
        if routes is None or scope["root_path"] or b"%" in scope.get("raw_path", b"%"):
            return None
        headers: Headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]):  # one was given twice
            return None
        found = routes.find(scope["path"])
        if found is None:
            return None
        call, path_params = found
        if call.takes_body and not self._is_of_good_length(headers):
            return None
        return call, path_params, headers

    def _is_of_good_length(self, headers: Headers) -> bool:
        length = headers.get(b"content-length", b"")
        return length.isdigit() and int(length) <= self._max_body_bytes


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
