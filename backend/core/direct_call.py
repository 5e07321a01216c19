"""What FastAPI knows of one endpoint, made ready for calling it directly.

    request, path parameters  --values()-->  arguments, or None: FastAPI must look at it
    arguments                 --answer()-->  the response

Values are validated by FastAPI's own fields, so by the same types; an answer is written by the
same model. Written against fastapi 0.165.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi._compat import ModelField
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter
from starlette.convertors import StringConvertor
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Message, Receive

from backend.core.errors import InvalidRequest
from backend.core.route import ApiRoute, parse_json

Arguments = dict[str, Any]

_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8")
_KEPT_QUERIES = 1024
_LONGEST_KEPT = 256
_PLAIN = (str, int, float, bool)
"""A query parameter of another type may mean a list, or a model."""


@dataclass(slots=True)
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Received:
    """A request's body, read once here, and for FastAPI `again` where it is left to it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def body(self) -> bytes | None:
        """None where the client has left before it was whole."""
        message = await self._next()
        if message is None or not message.get("more_body"):
            return None if message is None else message.get("body", b"")
        parts = []
        while message is not None:
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(parts)
            message = await self._next()
        return None

    async def _next(self) -> Message | None:
        message = await self._receive()
        self._messages.append(message)
        return message if message["type"] == "http.request" else None

    async def again(self) -> Message:
        return self._messages.pop(0) if self._messages else await self._receive()


class DirectCall:
    @classmethod
    def of(cls, route: BaseRoute) -> DirectCall | None:
        """None where the endpoint needs more than is known here."""
        return cls(route) if isinstance(route, ApiRoute) and _is_plain(route) else None

    def __init__(self, route: ApiRoute) -> None:
        dependant = route.dependant
        assert dependant.call is not None
        self.route = route
        self.path_params = [field.alias for field in dependant.path_params]
        self._endpoint: Callable[..., Awaitable[Any]] = dependant.call
        self._path_fields = dependant.path_params
        self._query_fields = {field.alias: field for field in dependant.query_params}
        # The same few are asked over and over.
        self._query = lru_cache(maxsize=_KEPT_QUERIES)(self._read_query)
        self.takes_body = bool(dependant.body_params)
        self._body_field = dependant.body_params[0] if self.takes_body else None
        self._request_name = dependant.request_param_name
        self._response_name = dependant.response_param_name
        self._dependencies = [_dependency(each) for each in dependant.dependencies]
        self._status = route.status_code or 200
        self._model: type[BaseModel] = route.response_model
        self._to_json = TypeAdapter(self._model).serializer.to_json

    async def values(
        self,
        request: Request,
        path_params: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        received: Received,
    ) -> Arguments | None:
        query: bytes = request.scope["query_string"]
        found = self._query(query) if len(query) <= _LONGEST_KEPT else self._read_query(query)
        if found is None:
            return None
        arguments = dict(found)
        for field in self._path_fields:
            value, errors = field.validate(path_params[field.alias])
            if errors:
                return None
            arguments[field.name] = value
        if self._body_field is not None:
            if not _is_json(headers) or (body := await received.body()) is None:
                return None
            try:
                sent = parse_json(body)
            except InvalidRequest:
                return None
            value, errors = self._body_field.validate(sent)
            if errors:
                return None
            arguments[self._body_field.name] = value
        for name, call, request_name in self._dependencies:
            solved = await (call(**{request_name: request}) if request_name else call())
            if name is not None:
                arguments[name] = solved
        if self._request_name is not None:
            arguments[self._request_name] = request
        return arguments

    async def answer(self, arguments: Arguments) -> Answer:
        """Raises what the endpoint raises."""
        given: Response | None = None
        if self._response_name is not None:
            given = arguments[self._response_name] = Response()
            del given.headers["content-length"]
        result = await self._endpoint(**arguments)
        if not isinstance(result, self._model):
            raise TypeError(f"{self.route.name} answered with a {type(result).__name__}")
        body = self._to_json(result, by_alias=True)
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        if given is not None:
            headers += given.raw_headers
        return Answer(self._status, headers, body)

    def _read_query(self, query: bytes) -> Arguments | None:
        given = dict[str, str]()
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name not in self._query_fields or name in given:
                return None
            given[name] = value
        values = {}
        for name, field in self._query_fields.items():
            if name in given:
                value, errors = field.validate(given[name])
                if errors:
                    return None
            elif field.field_info.is_required():
                return None
            else:
                value = field.default
            values[field.name] = value
        return values


def _is_plain(route: ApiRoute) -> bool:
    dependant = route.dependant
    return (
        isinstance(route.response_class, DefaultPlaceholder)
        and isinstance(route.response_model, type)
        and issubclass(route.response_model, BaseModel)
        and not (route.response_model_include or route.response_model_exclude)
        and not route.response_model_exclude_unset
        and not route.response_model_exclude_defaults
        and not route.response_model_exclude_none
        and not route._embed_body_fields
        and route.dependency_overrides_provider is None
        and all(isinstance(each, StringConvertor) for each in route.param_convertors.values())
        and iscoroutinefunction(dependant.call)
        and _needs_nothing_else(dependant)
        and all(_is_plain_parameter(field) for field in dependant.query_params)
        and all(
            iscoroutinefunction(each.call)
            and _needs_nothing_else(each)
            and not (each.path_params or each.query_params or each.body_params)
            and not (each.dependencies or each.response_param_name)
            for each in dependant.dependencies
        )
    )


def _needs_nothing_else(dependant: Dependant) -> bool:
    return not (
        dependant.header_params
        or dependant.cookie_params
        or dependant.websocket_param_name
        or dependant.http_connection_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.own_oauth_scopes
        or dependant.concurrency
    )


def _is_plain_parameter(field: ModelField) -> bool:
    return field.field_info.annotation in _PLAIN and not field.field_info.validate_default


def _dependency(
    dependant: Dependant,
) -> tuple[str | None, Callable[..., Awaitable[Any]], str | None]:
    assert dependant.call is not None
    return dependant.name, dependant.call, dependant.request_param_name


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type") in _JSON_TYPES and b"content-encoding" not in headers
