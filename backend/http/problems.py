"""RFC 9457 problem documents: the one place where an error becomes an answer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

from backend.core.errors import (
    FieldError,
    InvalidRequest,
    RequestIncomplete,
    ServiceError,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "An unexpected error. The log says more under this response's X-Request-ID."
TYPE_PREFIX = "urn:memory-mirror:problem:"


_KEY = re.compile(rb"(mm_[0-9A-Za-z]{12}_)[0-9A-Za-z]{8,}")
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
        more: Mapping[str, Any] | None = None,
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
        self.document |= more or {}
        super().__init__(status_code=status, headers=headers)

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> Problem:
        problem = cls(stored["status"], "", headers=stored["headers"])
        problem.document = dict(stored["document"])
        return problem

    def as_stored(self) -> dict[str, Any]:
        """As JSON, to be answered again."""
        headers = {
            name: value
            for name, value in self.headers.items()
            if name not in ("content-length", "content-type")
        }
        return {"status": self.status_code, "document": self.document, "headers": headers}

    def render(self, content: Any) -> bytes:
        # ASCII: whatever the client sent, the answer can be encoded.
        return json.dumps(self.document, separators=(",", ":")).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.document["instance"] = requested_path(scope)
        self.body = self.render(None)
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def problem_of(error: ServiceError) -> Problem:
    errors = error.errors if isinstance(error, InvalidRequest) else None
    return Problem(
        error.status,
        error.detail,
        kind=error.kind,
        title=error.title,
        errors=errors,
        more=error.more,
        headers=error.headers,
    )


def problem_within(error: ServiceError, path: str) -> dict[str, Any]:
    """As a part of another answer: of one item, or after the first bytes were sent."""
    return problem_of(error).document | {"instance": path}


def response_to(error: Exception, scope: Scope, app: FastAPI) -> Problem:
    """The one place where an error becomes a response. What nobody expected is a 500 that says
    nothing of the inside, with the traceback in the log."""
    match error:
        case ServiceError():
            if error.status >= 500:
                logger.warning("%s Cause: %s", error.detail, error.__cause__)
            return problem_of(error)
        case RequestValidationError():
            return problem_of(
                InvalidRequest(
                    [FieldError(each["loc"], each["msg"], each["type"]) for each in error.errors()]
                )
            )
        case HTTPException():
            return _refused_by_framework(error, scope, app)
        case ClientDisconnect():
            return problem_of(RequestIncomplete())
    logger.error("Unexpected error", exc_info=error)
    return Problem(500, UNEXPECTED)


def _refused_by_framework(error: HTTPException, scope: Scope, app: FastAPI) -> Problem:
    """Unknown paths and methods."""
    headers = dict(error.headers or {})
    detail = error.detail
    if error.status_code == 404:
        detail = "There is nothing at this path. The interface is described at /docs."
    elif error.status_code == 405:
        # None is found for static files, whose mount has changed the scope's path.
        headers["Allow"] = ", ".join(allowed_methods(scope, app) or ("GET", "HEAD", "OPTIONS"))
        detail = f"This path answers {headers['Allow']}."
    return Problem(error.status_code, detail, headers=headers)


def allowed_methods(scope: Scope, app: FastAPI) -> list[str]:
    """Of all routes with this path; empty where there is none. The framework names only those of
    the first."""
    methods: set[str] = set()
    for route in app.router.routes:
        if isinstance(route, APIRoute | Mount) and route.matches(scope)[0] is not Match.NONE:
            # What is mounted are static files.
            methods |= {"GET"} if isinstance(route, Mount) else set(route.methods or ())
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"}) if methods else []


def requested_path(scope: Scope) -> str:
    """As it was asked for, percent-encoded: safe in a header, a log line, a URI. Of a key that was
    sent there by mistake only its id."""
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        if b"mm_" in raw:
            raw = _KEY.sub(rb"\1...", raw)
        if _PLAIN_PATH.fullmatch(raw):
            return raw.decode()
        return quote(raw, safe="/%:@!$&'()*+,;=~-._")
    return quote(scope["path"])
