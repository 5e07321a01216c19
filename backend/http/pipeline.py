"""Every request passes these steps, in this order. Each step stands in a file of its own.

    1  access_log         request id; the log line, written when the response has ended
    2  security_headers   what tells a browser not to guess types
    3  hosts              421 for a Host name that is not the service's
    4  cors               preflight requests answered; the headers that pages of other origins need
    5  head               HEAD is answered as GET, without the body
    6  body_limit         413 for a body over the limit
    7  who_asks           the key or token, and the owner
    8  rate_limit         429 for more requests than a caller may make
    9  may_they           401 and 403, as soon as the route is known
    10  endpoint          the route is found and its endpoint called: directly, or by FastAPI
    11  problems          an error of any step becomes a problem document

A step takes the Exchange and returns a response, which ends the request, or None; who_asks may have
to be awaited, and may_they is called where the endpoint is. A header that every response must carry
is added to `Exchange.response_headers`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core.errors import BodyTooLarge
from backend.http import problems
from backend.http.address import ClientAddresses
from backend.http.endpoint import Endpoints
from backend.http.exchange import Exchange
from backend.http.fastapi_internals import with_exit_stack
from backend.http.routes import READING, UNNOTED, ApiRoute
from backend.http.steps import access_log
from backend.http.steps.body_limit import BodyLimit, BodyRefusal
from backend.http.steps.cors import Cors
from backend.http.steps.head import answer_head_as_get
from backend.http.steps.hosts import AllowedHosts
from backend.http.steps.rate_limit import RateLimit
from backend.http.steps.security_headers import add_security_headers
from backend.http.steps.who_asks import Access, WhoAsks
from backend.limits import Limits

logger = logging.getLogger(__name__)

Step = Callable[[Exchange], Response | None]


class Pipeline:
    """`app` has the routes. `max_body_bytes_of`: by path, where it is not `max_body_bytes`.
    `proxies` say where a request comes from. `calls_directly` false: FastAPI calls every endpoint.
    `note_read` is told the path of each request that has read something."""

    def __init__(
        self,
        app: FastAPI,
        *,
        access: Access,
        hosts: frozenset[bytes] | None,
        origins: Sequence[str],
        max_body_bytes: int,
        max_body_bytes_of: Mapping[str, int],
        limits: Limits,
        proxies: Sequence[str] = (),
        calls_directly: bool = True,
        note_read: Callable[[str], None] | None = None,
    ) -> None:
        self._app = app
        self._note_read = note_read
        self._router: ASGIApp = with_exit_stack(app.router)
        self._steps: Sequence[Step] = (
            add_security_headers,
            AllowedHosts(hosts),
            Cors(origins),
            answer_head_as_get,
            BodyLimit(max_body_bytes, max_body_bytes_of),
        )
        addresses = ClientAddresses(proxies)
        self._who_asks = WhoAsks(access, limits, addresses)
        self._rate_limit: RateLimit | None = None
        if limits.of_classes:
            self._rate_limit = RateLimit(app, limits, addresses)
        self._endpoints = Endpoints(app, self._router, calls_directly=calls_directly)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            with access_log.logged(exchange):
                response = await self._respond(exchange)
                if response is not None:
                    await response(exchange.scope, exchange.receive, exchange.send)
                if self._note_read is not None and _has_read(exchange):
                    self._note_read(problems.requested_path(exchange.scope))
        except asyncio.CancelledError:
            if not exchange.client_left:
                raise

    async def _respond(self, exchange: Exchange) -> Response | None:
        """None: FastAPI has sent the response."""
        try:
            for step in self._steps:
                response = step(exchange)
                if response is not None:
                    return response
            finding = self._who_asks(exchange)
            if finding is not None:
                await finding
            if self._rate_limit is not None:
                await self._rate_limit(exchange)
            return await self._endpoints.respond(exchange)
        except BodyTooLarge as error:
            exchange.max_body_bytes = (
                None  # an endpoint may have raised it; what follows is dropped
            )
            return BodyRefusal(error)
        except Exception as error:
            if exchange.status is not None:  # the response has begun: only its end can be cut
                logger.exception("Unexpected error in the middle of a response")
                raise
            return problems.response_to(error, exchange.scope, self._app)


def _has_read(exchange: Exchange) -> bool:
    """Whether something was read of what is stored."""
    route = exchange.scope.get("route")
    return (
        exchange.status is not None
        and exchange.status < 400
        and isinstance(route, ApiRoute)
        and ("GET" in (route.methods or ()) or route.endpoint in READING)
        and route.endpoint not in UNNOTED
    )
