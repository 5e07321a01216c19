"""RFC 9457 problem documents: the one place where an error becomes an answer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.errors import (
    RETRY_AFTER_SECONDS,
    DatabaseUnavailable,
    FieldError,
    InvalidRequest,
    RequestIncomplete,
    ServiceError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:memory-mirror:problem:"


_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/._~:@-]*")


class Problem(Response):
    """A problem document. `instance` is the path of the request that it answers."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        title: str | None = None,
        errors: Sequence[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.document: dict[str, Any] = {
            "type": TYPE_PREFIX + kind if kind else "about:blank",
            "title": title or HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": None,
        }
        if errors is not None:
            self.document["errors"] = [error._asdict() for error in errors]
        super().__init__(status_code=status, headers=headers)

    def render(self, content: Any) -> bytes:
        # ASCII: whatever the client sent, the answer can be encoded.
        return json.dumps(self.document, separators=(",", ":")).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.document["instance"] = requested_path(scope)
        self.body = self.render(None)
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def problem_of(error: ServiceError) -> Problem:
    headers = (
        {"Retry-After": str(RETRY_AFTER_SECONDS)}
        if isinstance(error, DatabaseUnavailable)
        else None
    )
    errors = error.errors if isinstance(error, InvalidRequest) else None
    return Problem(
        error.status,
        error.detail,
        kind=error.kind,
        title=error.title,
        errors=errors,
        headers=headers,
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(ClientDisconnect, _incomplete)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    if error.status >= 500:
        logger.warning("%s Cause: %s", error.detail, error.__cause__)
    return problem_of(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [FieldError(each["loc"], each["msg"], each["type"]) for each in error.errors()]
    return problem_of(InvalidRequest(errors))


async def _unrouted(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    detail = error.detail
    if error.status_code == 404:
        detail = "There is nothing at this path. The interface is described at /docs."
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request)) or "GET, HEAD"
        detail = f"This path answers {headers['Allow']}."
    return Problem(error.status_code, detail, headers=headers)


async def _incomplete(request: Request, error: Exception) -> Response:
    return problem_of(RequestIncomplete())


def _allowed_methods(request: Request) -> list[str]:
    """Of all routes with this path. The framework names only those of the first."""
    return sorted(
        {
            method
            for route in request.app.router.routes
            if isinstance(route, APIRoute) and route.matches(request.scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
    )


class UnexpectedErrors:
    """The boundary for defects: a 500 that says nothing of the inside, the traceback in the log.

    Stands inside CORS and the request log, so that also this answer carries their headers;
    Starlette's own boundary stands outside of everything.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting_start)
        except Exception:
            logger.exception("Unexpected error")
            if started:
                raise
            problem = Problem(
                500, "An unexpected error. The log tells more under this answer's X-Request-ID."
            )
            await problem(scope, receive, send)


def requested_path(scope: Scope) -> str:
    """As it was asked for, percent-encoded: safe in a header, a log line, a URI."""
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        if _PLAIN_PATH.fullmatch(raw):
            return raw.decode()
        return quote(raw, safe="/%:@!$&'()*+,;=~-._")
    return quote(scope["path"])
