"""What FastAPI knows of one endpoint, made ready for calling it directly.

    request, path parameters  --arguments()-->  arguments, or None: FastAPI must look at it
    arguments                 --respond()-->    the response

Arguments are validated by FastAPI's own fields, so by the same types; a response is written by the
same model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from inspect import iscoroutinefunction
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, TypeAdapter
from starlette.convertors import StringConvertor
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Message

from backend.core.errors import InvalidRequest
from backend.core.strict_json import parse_json
from backend.http.exchange import Exchange
from backend.http.fastapi_internals import DefaultPlaceholder, Dependant, ModelField, embeds_body
from backend.http.response import JsonResponse
from backend.http.routes import READING, ApiRoute

Arguments = dict[str, Any]

_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8")
_MAX_CACHED_QUERIES = 1024
_MAX_CACHED_LENGTH = 256
_PLAIN = (str, int, float, bool, date, datetime, NoneType)


class BufferedBody:
    """A request's body, read once here; `put_back` lets FastAPI read it again."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._messages: list[Message] = []

    async def read(self) -> bytes | None:
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

    def put_back(self) -> None:
        self._exchange.replay(self._messages)

    async def _next(self) -> Message | None:
        message = await self._exchange.receive()
        self._messages.append(message)
        return message if message["type"] == "http.request" else None


class DirectCall:
    @classmethod
    def of(cls, route: BaseRoute) -> DirectCall | None:
        """None where the endpoint needs more than is known here."""
        return cls(route) if isinstance(route, ApiRoute) and _is_plain(route) else None

    def __init__(self, route: ApiRoute) -> None:
        dependant = route.dependant
        self.route = route
        self.path_params = [field.alias for field in dependant.path_params]
        self.takes_body = bool(dependant.body_params)
        self.only_reads = "GET" in (route.methods or ()) or route.endpoint in READING
        self._body_field = dependant.body_params[0] if self.takes_body else None
        self._endpoint = _Function(dependant)
        self._dependencies = [_Function(each) for each in dependant.dependencies]
        self._functions = [self._endpoint, *self._dependencies]
        takes_list = {
            field.alias: takes_list
            for function in self._functions
            for field, takes_list in function.query_fields
        }
        self._takes_list = takes_list
        # The same few are asked over and over.
        self._cached_queries = lru_cache(maxsize=_MAX_CACHED_QUERIES)(self._read_query)
        self._status = route.status_code or 200
        self._model: type[BaseModel] = route.response_model
        self._to_json = TypeAdapter(self._model).serializer.to_json

    async def arguments(
        self,
        request: Request,
        path_params: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        body: BufferedBody,
    ) -> Arguments | None:
        query: bytes = request.scope["query_string"]
        read = self._cached_queries if len(query) <= _MAX_CACHED_LENGTH else self._read_query
        found = read(query)
        if found is None:
            return None
        arguments = self._endpoint.copied(found[0])
        for field in self._endpoint.path_fields:
            value, errors = field.validate(path_params[field.alias])
            if errors:
                return None
            arguments[field.name] = value
        if self._body_field is not None:
            if not _is_json(headers) or (content := await body.read()) is None:
                return None
            try:
                sent = parse_json(content)
            except InvalidRequest:
                return None
            value, errors = self._body_field.validate(sent)
            if errors:
                return None
            arguments[self._body_field.name] = value
        for function, values in zip(self._dependencies, found[1:], strict=True):
            own = function.copied(values)
            if function.request_name is not None:
                own[function.request_name] = request
            solved = await function.call(**own)
            if function.name is not None:
                arguments[function.name] = solved
        if self._endpoint.request_name is not None:
            arguments[self._endpoint.request_name] = request
        return arguments

    async def respond(self, arguments: Arguments) -> Response:
        """Raises what the endpoint raises."""
        injected: Response | None = None
        if self._endpoint.response_name is not None:
            injected = arguments[self._endpoint.response_name] = Response()
            del injected.headers["content-length"]
        result = await self._endpoint.call(**arguments)
        if isinstance(result, Response):
            return result
        if not isinstance(result, self._model):
            raise TypeError(f"{self.route.name} returned a {type(result).__name__}")
        response = JsonResponse.of_bytes(self._to_json(result, by_alias=True), self._status)
        if injected is not None:
            response.raw_headers += injected.raw_headers
        return response

    def _read_query(self, query: bytes) -> list[Arguments] | None:
        """What each function takes of it."""
        values = dict[str, Any]()
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            takes_list = self._takes_list.get(name)
            if takes_list:
                values.setdefault(name, []).append(value)
            elif takes_list is None or name in values:
                return None
            else:
                values[name] = value
        found = []
        for function in self._functions:
            arguments = {}
            for field, _ in function.query_fields:
                if field.alias in values:
                    value, errors = field.validate(values[field.alias])
                    if errors:
                        return None
                elif field.field_info.is_required():
                    return None
                else:
                    value = field.default
                arguments[field.name] = value
            found.append(arguments)
        return found


class _Function:
    """The endpoint, or one that it depends on."""

    def __init__(self, dependant: Dependant) -> None:
        assert dependant.call is not None
        self.call: Callable[..., Awaitable[Any]] = dependant.call
        self.name = dependant.name
        self.request_name = dependant.request_param_name
        self.response_name = dependant.response_param_name
        self.path_fields = dependant.path_params
        self.query_fields = [
            (field, get_origin(field.field_info.annotation) is list)
            for field in dependant.query_params
        ]
        self._lists = [field.name for field, takes_list in self.query_fields if takes_list]

    def copied(self, cached: Arguments) -> Arguments:
        """Arguments that it may change."""
        arguments = dict(cached)
        for name in self._lists:
            arguments[name] = list(arguments[name])
        return arguments


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
        and not embeds_body(route)
        and route.dependency_overrides_provider is None
        and all(isinstance(each, StringConvertor) for each in route.param_convertors.values())
        and _is_plain_function(dependant)
        and all(
            _is_plain_function(each)
            and not (each.path_params or each.body_params)
            and not (each.dependencies or each.response_param_name)
            for each in dependant.dependencies
        )
    )


def _is_plain_function(dependant: Dependant) -> bool:
    return (
        iscoroutinefunction(dependant.call)
        and all(_is_plain_parameter(field) for field in dependant.query_params)
        and not (
            dependant.header_params
            or dependant.cookie_params
            or dependant.websocket_param_name
            or dependant.http_connection_param_name
            or dependant.background_tasks_param_name
            or dependant.security_scopes_param_name
            or dependant.own_oauth_scopes
            or dependant.concurrency
        )
    )


def _is_plain_parameter(field: ModelField) -> bool:
    info = field.field_info
    return (
        _is_plain_type(info.annotation)
        and info.validation_alias in (None, field.alias)
        and not info.validate_default
    )


def _is_plain_type(annotation: Any, *, within: bool = False) -> bool:
    """One value, or at the outside a list of them; no model, whose fields would be parameters."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_plain_type(get_args(annotation)[0], within=within)
    if origin in (Union, UnionType):
        return all(_is_plain_type(each, within=True) for each in get_args(annotation))
    if origin is list:
        return not within and all(
            _is_plain_type(each, within=True) for each in get_args(annotation)
        )
    return origin is Literal or annotation in _PLAIN


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type") in _JSON_TYPES and b"content-encoding" not in headers
