"""The OpenAPI document: what every operation says alike, written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend.core.errors import ScopeMissing
from backend.http.problems import MEDIA_TYPE, TYPE_PREFIX
from backend.http.routes import A_CALLER, NOTHING, ApiRoute, Need

DESCRIPTION = """\
Stores the descriptions of videos and finds them again.

**Paths** answer the same with and without their trailing slash.

**Errors** are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem documents, \
`application/problem+json`. `detail` is always a string; a 422 lists the place and the reason of \
each error in `errors`. Programs can tell errors apart by `type`.

**Who asks** says so by a key, as `Authorization: Bearer` or `X-API-Key`; none is needed as long \
as the service is open to its own machine. A key has scopes; each operation names the one that it \
needs. A key for several owners chooses by `X-Owner`, or else acts for its first.
**Rate limits**, where the service has any: `RateLimit` says how many requests remain, and the \
`Retry-After` of a 429 when there are more.

**Every response** carries an `X-Request-ID`, the request's own or a new one; the log tells more \
under it.
"""

TAGS = [
    {"name": "Video analysis", "description": "The description of each video, by the video's id."},
    {"name": "History", "description": "What was stored before, and bringing it back."},
    {"name": "Audit", "description": "Who has changed what, and when."},
    {"name": "Search", "description": "Finding videos, and what there is to find."},
    {"name": "Tags and people", "description": "The names that videos have."},
    {"name": "Duplicates", "description": "Videos whose descriptions say the same."},
    {"name": "Twelve Labs", "description": "The index of the videos, and the records in step."},
    {"name": "Transfer", "description": "Many records at once, in and out."},
    {"name": "Access", "description": "Who asks, and the keys that say so."},
    {"name": "Server", "description": "The server itself."},
]

_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "The kind of error."},
        "title": {"type": "string", "description": "The kind of error, for people."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong in this case."},
        "instance": {
            "type": "string",
            "format": "uri-reference",
            "description": "The path of the request.",
        },
        "errors": {
            "type": "array",
            "description": "Of a 422: each error.",
            "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {
                        "type": "array",
                        "description": "The place: body, query or path, then the way down.",
                        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    },
                    "msg": {"type": "string", "description": "The reason."},
                    "type": {"type": "string", "description": "The reason, for programs."},
                },
            },
        },
    },
}

_REQUEST_ID = {
    "description": "The id of this request in the log.",
    "required": True,
    "schema": {"type": "string"},
}

_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key, or a token of the service that this one trusts.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key."},
    "owner": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Owner",
        "description": "No secret: the owner to act for, one of those that the key holds.",
    },
}
_SECURITY: list[dict[str, list[str]]] = [
    {"bearer": []},
    {"key": []},
    {"bearer": [], "owner": []},
    {"key": [], "owner": []},
]
_HEADERS = "#/components/headers/"
_RATE_LIMIT = {
    "RateLimit": {
        "description": "Where there is a limit of such requests: how many remain of the window, "
        "and its seconds. On every response but those of the documentation and of health.",
        "schema": {"type": "string", "examples": ['"read";r=597;t=42']},
    },
    "RateLimit-Policy": {
        "description": "That limit: how many requests in a window of how many seconds.",
        "schema": {"type": "string", "examples": ['"read";q=600;w=60']},
    },
    "X-RateLimit-Limit": {
        "description": "How many requests there may be in a window.",
        "schema": {"type": "integer", "examples": [600]},
    },
    "X-RateLimit-Remaining": {
        "description": "How many remain of this window.",
        "schema": {"type": "integer", "examples": [597]},
    },
    "X-RateLimit-Reset": {
        "description": "When it ends, in seconds since 1970.",
        "schema": {"type": "integer", "examples": [1772358600]},
    },
}

_EXAMPLES: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "The connection was closed before the body was complete.",
        {
            "type": TYPE_PREFIX + "request-incomplete",
            "title": "Request incomplete",
            "detail": "The connection was closed before the body was complete.",
        },
    ),
    401: (
        "No key, or none that opens.",
        {
            "type": TYPE_PREFIX + "key-required",
            "title": "Key required",
            "detail": "This needs a valid key, sent as Authorization: Bearer or X-API-Key. None "
            "came, or it is mistyped, expired or revoked.",
        },
    ),
    403: (
        "The caller does not have the scope, or does not act for the owner that `X-Owner` names; "
        "or the owner has stored as much as he may: `usage` says how much that is.",
        {
            "type": TYPE_PREFIX + "scope-missing",
            "title": "Scope missing",
            "detail": "This needs the scope records:read, which the caller does not have.",
        },
    ),
    404: (
        "No video with this id is stored.",
        {
            "type": TYPE_PREFIX + "video-analysis-not-found",
            "title": "Video analysis not found",
            "detail": "Video analysis not found for video_id: 6789abcd-beach-day",
        },
    ),
    409: (
        "A video with this id is stored already.",
        {
            "type": TYPE_PREFIX + "video-analysis-exists",
            "title": "Video analysis exists",
            "detail": "Video analysis already exists for video_id: 6789abcd-beach-day",
        },
    ),
    412: (
        "The record is not at a version that `If-Match` names, or with `If-None-Match: *` there is "
        "one. Its `ETag` says at which it is.",
        {
            "type": TYPE_PREFIX + "version-mismatch",
            "title": "Version mismatch",
            "detail": "The record of 6789abcd-beach-day is at version 8. Nothing was changed",
        },
    ),
    413: (
        "The body is too large. It is not read to its end.",
        {
            "type": TYPE_PREFIX + "body-too-large",
            "title": "Body too large",
            "detail": "The body may have at most 1048576 bytes.",
        },
    ),
    415: (
        "The body is not sent as JSON.",
        {
            "type": TYPE_PREFIX + "unsupported-media-type",
            "title": "Unsupported media type",
            "detail": "The body must be sent as Content-Type: application/json.",
        },
    ),
    421: (
        "The Host name is not one of the service's.",
        {
            "type": "about:blank",
            "title": "Misdirected Request",
            "detail": "The service does not answer to this Host name. The setting ALLOWED_HOSTS "
            "adds it.",
        },
    ),
    422: (
        "The request does not say what it must: each error's place and reason.",
        {
            "type": TYPE_PREFIX + "invalid-request",
            "title": "Invalid request",
            "detail": "query.verbose: Unknown query parameter",
            "errors": [
                {
                    "loc": ["query", "verbose"],
                    "msg": "Unknown query parameter",
                    "type": "extra_forbidden",
                }
            ],
        },
    ),
    428: (
        "The setting REQUIRE_IF_MATCH is on, and the request has no `If-Match`.",
        {
            "type": TYPE_PREFIX + "precondition-required",
            "title": "Precondition required",
            "detail": "This service takes a change only with If-Match: send the ETag of the record "
            "as you have read it.",
        },
    ),
    429: (
        "The caller has made as many requests as it may. `Retry-After` says when there are more.",
        {
            "type": TYPE_PREFIX + "rate-limited",
            "title": "Too many requests",
            "detail": "The limit of read is 600 in 60 seconds. Try again in 17 seconds.",
        },
    ),
    500: (
        "An unexpected error.",
        {
            "type": "about:blank",
            "title": "Internal Server Error",
            "detail": "An unexpected error. The log says more under this response's X-Request-ID.",
        },
    ),
    502: (
        "Twelve Labs has refused what it was asked for.",
        {
            "type": TYPE_PREFIX + "twelvelabs-rejected",
            "title": "Twelve Labs refused",
            "detail": "Twelve Labs refused this (parameter_invalid): The url parameter is invalid.",
        },
    ),
    503: (
        "The database does not answer.",
        {
            "type": TYPE_PREFIX + "database-unavailable",
            "title": "Database unavailable",
            "detail": "The database does not answer. Try again shortly.",
        },
    ),
    507: (
        "The database's disk is full. Nothing was written.",
        {
            "type": TYPE_PREFIX + "storage-full",
            "title": "Storage full",
            "detail": "The database's disk is full. Nothing was written; reading goes on.",
        },
    ),
}


def problems(*statuses: int, instance: str) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these problems, and those that every operation can answer."""
    every = {421, 422, 429, 500, 503}
    return {status: _problem(status, instance) for status in sorted({*statuses, *every})}


def merge_patch_body(schema: str) -> dict[str, Any]:
    """For a route's `openapi_extra`: its JSON body may also be called what it is."""
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"requestBody": {"content": {"application/merge-patch+json": reference}}}


def install(app: FastAPI, *, max_description_length: int) -> None:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    tags=app.openapi_tags,
                ),
                max_description_length,
                needs,
            )
        return app.openapi_schema

    needs = {route.operation_id: route.needs for route in app.routes if isinstance(route, ApiRoute)}
    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(
    document: dict[str, Any], max_description_length: int, needs: Mapping[str | None, Need]
) -> dict[str, Any]:
    document["components"]["securitySchemes"] = _SCHEMES
    schemas = document["components"]["schemas"]
    schemas["Problem"] = _PROBLEM
    document["components"]["headers"] = _RATE_LIMIT
    for name in ("VideoAnalysisCreate", "VideoAnalysisUpdate"):
        schemas[name]["properties"]["description"]["maxLength"] = max_description_length
    for choice in schemas["VideoAnalysisPatch"]["properties"]["description"]["anyOf"]:
        if choice["type"] == "string":
            choice["maxLength"] = max_description_length
    for schema in schemas.values():
        for each in schema.get("properties", {}).values():
            _lift(each)
    for operations in document["paths"].values():
        for operation in operations.values():
            _say_what_is_needed(operation, needs[operation["operationId"]])
            for parameter in operation.get("parameters", ()):
                _say_what_is_given(parameter["schema"])
            for response in operation["responses"].values():
                response.setdefault("headers", {})["X-Request-ID"] = _REQUEST_ID
                response["headers"] |= {name: {"$ref": _HEADERS + name} for name in _RATE_LIMIT}
    return document


def _say_what_is_needed(operation: dict[str, Any], need: Need) -> None:
    if need == NOTHING:
        operation["security"] = []
        return
    operation["security"] = _SECURITY
    responses = operation["responses"]
    (instance,) = {
        content["example"]["instance"] for content in responses["422"]["content"].values()
    }
    responses |= {str(status): _problem(status, instance) for status in (401, 403)}
    said = "Needs a key, of any scope."
    if need != A_CALLER:
        operation["x-scope"] = need
        said = f"Needs the scope `{need}`."
        example = responses["403"]["content"][MEDIA_TYPE]["example"]
        example["detail"] = ScopeMissing(need).detail
        example["scope"] = need
    operation["description"] = "\n\n".join(filter(None, (operation.get("description"), said)))


def _lift(schema: dict[str, Any]) -> None:
    """Of what may be null: description and examples stand with the choice; show them above it."""
    for choice in schema.get("anyOf", ()):
        for key in ("description", "examples"):
            if key in choice:
                schema.setdefault(key, choice[key])


def _say_what_is_given(schema: dict[str, Any]) -> None:
    """A query parameter may be left out, but not be null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        for key, value in choices[0].items():
            schema.setdefault(key, value)
    examples = schema.get("items", {}).get("examples")
    if examples:
        schema.setdefault("examples", [examples])


def _problem(status: int, instance: str) -> dict[str, Any]:
    description, example = _EXAMPLES[status]
    response: dict[str, Any] = {
        "description": description,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": example["type"],
                    "title": example["title"],
                    "status": status,
                    "detail": example["detail"],
                    "instance": instance,
                    **({"errors": example["errors"]} if "errors" in example else {}),
                },
            }
        },
    }
    if status == 401:
        response["headers"] = {
            "WWW-Authenticate": {
                "description": "How to say who asks.",
                "required": True,
                "schema": {"type": "string"},
            }
        }
    if status in (429, 503):
        response["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait before the next try.",
                "required": True,
                "schema": {"type": "integer"},
            }
        }
    return response
