"""The route class of the whole interface: what every endpoint refuses before its code runs.

Beyond FastAPI's own: every endpoint says what it needs of its caller; a path answers the same with
and without its trailing slash; a query parameter that the endpoint does not declare is refused by
name; a body is JSON in the narrow sense, in UTF-8, without duplicate keys.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar, get_origin

from fastapi import Request
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope as AsgiScope

from backend.core.caller import Scope
from backend.core.errors import FieldError, InvalidRequest, UnsupportedMediaType
from backend.core.strict_json import parse_json
from backend.http.fastapi_internals import get_flat_params
from backend.limits import RateClass

_JSON = re.compile(r'application/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?', re.IGNORECASE)

_JSON_OR_PATCH = re.compile(
    _JSON.pattern.replace("/json", r"/(?:merge-patch\+)?json"), re.IGNORECASE
)

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])

NOTHING: Literal["nothing"] = "nothing"
A_CALLER: Literal["a caller"] = "a caller"
Need = Scope | Literal["nothing", "a caller"]

READING: set[Callable[..., Any]] = set()
UNNOTED: set[Callable[..., Any]] = set()

RateClassOf = RateClass | None | Callable[[Request], RateClass]
COUNTED_AS: dict[Callable[..., Any], RateClassOf] = {}


MAY_THEY = "memory_mirror.may_they"
"""In the scope of a request: what refuses it where its caller may not call a route."""

NEEDED: dict[Callable[..., Any], Need] = {}


def needs(scope: Scope) -> Callable[[EndpointT], EndpointT]:
    """Says what a caller must be allowed to, to be answered by this endpoint."""

    def declare(endpoint: EndpointT) -> EndpointT:
        NEEDED[endpoint] = scope
        return endpoint

    return declare


def needs_a_caller(endpoint: EndpointT) -> EndpointT:
    """Marks an endpoint that answers whoever says who asks, with any scope or none."""
    NEEDED[endpoint] = A_CALLER
    return endpoint


def open_to_all(endpoint: EndpointT) -> EndpointT:
    """Marks an endpoint that needs no key, wherever the service listens."""
    NEEDED[endpoint] = NOTHING
    return endpoint


def only_reads(endpoint: EndpointT) -> EndpointT:
    """Marks the endpoint of a POST that changes nothing. It is stopped when its client leaves, as
    every GET is."""
    READING.add(endpoint)
    return endpoint


def unnoted(endpoint: EndpointT) -> EndpointT:
    """Marks an endpoint that tells nothing of what is stored: who asks it is not noted."""
    UNNOTED.add(endpoint)
    return endpoint


def counted_as(rate_class: RateClassOf) -> Callable[[EndpointT], EndpointT]:
    """Declares of which class an endpoint's requests are, where it is not `read` for what only
    reads and `write` for the others. None: they are not limited. A function of the request where
    it depends on what is asked."""

    def declare(endpoint: EndpointT) -> EndpointT:
        COUNTED_AS[endpoint] = rate_class
        return endpoint

    return declare


class ApiRoute(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if endpoint not in NEEDED:
            raise TypeError(f"{path}: the endpoint does not say what it needs")
        self.needs = NEEDED[endpoint]
        super().__init__(path, endpoint, **options)
        pattern = self.path_regex.pattern.removesuffix("$").removesuffix("/")
        self.path_regex = re.compile(pattern + r"/?\Z")

    def matches(self, scope: AsgiScope) -> tuple[Match, AsgiScope]:
        # An encoded slash arrives decoded. It separates nothing: neither `a%2Fb` nor `a%2F`
        # may be taken for another path.
        if b"%2" in scope.get("raw_path", b"") and b"%2f" in scope["raw_path"].lower():
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        # Name of each query parameter, and whether it may be given more than once.
        known = {
            field.alias: get_origin(field.field_info.annotation) is list
            for field in get_flat_params(self.dependant)
            if isinstance(field.field_info, Query)
        }

        async def strict(request: Request) -> Response:
            request.scope[MAY_THEY](self)
            if request.scope["query_string"]:
                _check_query(request, known)
            if takes_body:
                request = JsonRequest(request.scope, request.receive)
                if await request.body():
                    _check_content_type(request)
                    request.content = parse_json(await request.body())
            return await handle(request)

        return strict


class JsonRequest(Request):
    content: Any

    async def json(self) -> Any:
        return self.content


def _check_content_type(request: Request) -> None:
    content_type = request.headers.get("content-type")
    accepted = _JSON_OR_PATCH if request.method == "PATCH" else _JSON
    if content_type is None or accepted.fullmatch(content_type.strip()) is None:
        raise UnsupportedMediaType("The body must be sent as Content-Type: application/json.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("The body must be sent without Content-Encoding.")


def _check_query(request: Request, known: dict[str, bool]) -> None:
    counts = Counter(name for name, _ in request.query_params.multi_items())
    errors = [
        FieldError(("query", name), "Unknown query parameter", "extra_forbidden")
        for name in counts
        if name not in known
    ]
    errors += [
        FieldError(("query", name), "Given more than once", "repeated")
        for name, times in counts.items()
        if times > 1 and known.get(name) is False
    ]
    if errors:
        raise InvalidRequest(errors)
