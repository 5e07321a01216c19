"""From a call on the generated client to Prisma's JSON protocol, with Params for its literals.

One walk over the call's arguments writes the request's text and collects the values that stand
behind its Params. The text alone is the *shape* of the query: it is what the compiler reads and,
as it holds no values, also the key under which the compiled plan is kept.

The protocol is described by @prisma/json-protocol 7.10; where a value may become a Param is known
from `parameters.py`. What Prisma Client Python 0.15 sends as GraphQL text (`_builder.py`) means
the same here: None arguments are left out, snake_case operators become Prisma's camelCase.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from .literals import int_param, json_text, literal_text, text_param, utc_milliseconds, widest
from .parameters import Edge, Node, OutputNode, ParameterGraph
from .templates import FEWEST_FIELDS, FlatObjects
from .values import Fields

ACTIONS = {
    "create": "createOne",
    "create_many": "createMany",
    "delete": "deleteOne",
    "delete_many": "deleteMany",
    "update": "updateOne",
    "update_many": "updateMany",
    "upsert": "upsertOne",
    "count": "aggregate",
    "group_by": "groupBy",
    "find_many": "findMany",
    "find_first": "findFirst",
    "find_first_or_raise": "findFirstOrThrow",
    "find_unique": "findUnique",
    "find_unique_or_raise": "findUniqueOrThrow",
}
"""The client's methods that go through the compiler; query_raw and execute_raw do not."""

READS = frozenset(
    {
        "aggregate",
        "groupBy",
        "findMany",
        "findFirst",
        "findFirstOrThrow",
        "findUnique",
        "findUniqueOrThrow",
    }
)

_ALIASES = {
    "startswith": "startsWith",
    "endswith": "endsWith",
    "has_every": "hasEvery",
    "has_some": "hasSome",
    "is_empty": "isEmpty",
    "order_by": "orderBy",
    "not_in": "notIn",
    "is_not": "isNot",
    "connect_or_create": "connectOrCreate",
}
"""QUERY_BUILDER_ALIASES of Prisma Client Python's `_constants.py`."""


class Request(NamedTuple):
    text: str
    """The query in the JSON protocol: its shape."""
    values: dict[str, Any]
    """Param name -> value: str, int, float, bool, Decimal, aware datetime, or a list of these.
    JSON values are their text, bytes their base64 text."""
    has_literals: bool
    """True when a value had to stay in the text, so that the shape is one of many."""


class ModelFields:
    """What the selection of a model is made of. Asking the pydantic classes costs much more than
    a query, so each answer is kept.

    `scalars(model)` names the model's own fields, `related(model, field)` is the model class
    behind a relation: both from Prisma Client Python's own QueryBuilder."""

    def __init__(
        self,
        scalars: Callable[[type], list[str]],
        related: Callable[[type, str], type],
    ) -> None:
        self._scalars = scalars
        self.related = lru_cache(maxsize=4096)(related)
        self.selection = lru_cache(maxsize=1024)(self._selection)

    def _selection(self, model: type) -> str:
        """The selection of the model's own fields, without its braces."""
        return ",".join(f"{_key(field)}true" for field in self._scalars(model))


class RequestBuilder:
    """Writes requests for one generated client."""

    def __init__(self, graph: ParameterGraph, models: ModelFields, fields: Fields) -> None:
        self._graph = graph
        self._models = models
        self._fields = fields
        self._flat = FlatObjects()

    def build(
        self,
        method: str,
        arguments: Mapping[str, Any],
        model: type,
        root_selection: list[str] | None,
    ) -> Request:
        action = ACTIONS[method]
        name: str = model.__prisma_model__  # type: ignore[attr-defined]
        root = self._graph.root(name, action)
        writer = _Writer(
            self._fields, self._models, self._flat, shares_values=action == "upsertOne"
        )
        write = writer.parts.append
        write(f'{{"modelName":"{name}","action":"{action}","query":{{"arguments":')
        writer.arguments(arguments, root.arguments)
        write(',"selection":{')
        if root_selection is None:
            writer.selection(model, arguments.get("include"), root.selection)
        else:
            write(",".join(map(_parse_selection, root_selection)))
        write("}}}")
        return Request("".join(writer.parts), writer.values, writer.has_literals)


_RECORD_LISTS = frozenset(("connect", "disconnect", "set"))
"""Where a list names records, and a record named twice counts once. The compiler would see that
of equal literals, but not of Params."""


def _without_repeats(items: list[Any]) -> list[Any]:
    if not all(isinstance(item, dict) for item in items):
        return items  # the values of a scalar list
    return [item for index, item in enumerate(items) if item not in items[:index]]


class _Writer:
    def __init__(
        self, fields: Fields, models: ModelFields, flat: FlatObjects, *, shares_values: bool
    ) -> None:
        self.parts: list[str] = []
        self.values: dict[str, Any] = {}
        self.has_literals = False
        self._fields = fields
        self._models = models
        self._flat = flat
        # Native upsert asks whether `where` and `create` have the same value, and sees it only if
        # equal values share a Param. Elsewhere sharing would but multiply the shapes.
        self._names: dict[tuple[str, Any], str] | None = {} if shares_values else None

    def arguments(self, arguments: Mapping[str, Any], node: Node | None) -> None:
        arguments = {
            name: value
            for name, value in arguments.items()
            if value is not None and name != "include"
        }
        self._object(arguments, node)

    def selection(
        self, model: type, include: Mapping[str, Any] | None, node: OutputNode | None
    ) -> None:
        write = self.parts.append
        write(self._models.selection(model))
        for name, selection in (include or {}).items():
            if selection is False:
                continue
            if selection is not True and not isinstance(selection, Mapping):
                raise TypeError(
                    f"Expected `bool` or `dict` include value but got {type(selection)}"
                )
            related = self._models.related(model, name)
            edge = node.get(name) if node is not None else None
            arguments: Mapping[str, Any] = {} if selection is True else selection
            write(f',{_key(name)}{{"arguments":')
            self.arguments(arguments, edge.arguments if edge else None)
            write(',"selection":{')
            self.selection(related, arguments.get("include"), edge.selection if edge else None)
            write("}}")

    def _object(self, fields: Mapping[str, Any], node: Node | None) -> None:
        if len(fields) < FEWEST_FIELDS or node is None or self._names is not None:
            self._write_object(fields, node)
            return
        first = len(self.values)
        key = self._flat.key(fields, node, first)
        flat = self._flat.find(key)
        values = None if flat is None else flat.plain(fields)
        if flat is not None and values is not None:
            self.parts.append(flat.text)
            self.values.update(zip(flat.names, values, strict=True))
            return
        start = len(self.parts)
        self._write_object(fields, node)
        if flat is None:
            text, names = "".join(self.parts[start:]), tuple(self.values)[first:]
            self._flat.learn(key, fields, node, text, names)

    def _write_object(self, fields: Mapping[str, Any], node: Node | None) -> None:
        write = self.parts.append
        separator = "{"
        for name, value in fields.items():
            edge = None
            if node is not None:
                edge = node.get(name)
                if edge is None and name in _ALIASES:
                    name = _ALIASES[name]
                    edge = node.get(name)
            else:
                name = _ALIASES.get(name, name)
            write(separator + _key(name))
            if name in _RECORD_LISTS and isinstance(value, list):
                value = _without_repeats(value)
            self._value(value, edge)
            separator = ","
        write("{}" if separator == "{" else "}")

    def _value(self, value: Any, edge: Edge | None) -> None:
        if value is None:
            self.parts.append("null")
        elif isinstance(value, dict):
            self._object(value, edge.child if edge else None)
        elif isinstance(value, (list, tuple, set)):
            self._list(list(value), edge)
        elif edge is not None and (param := self._param(value, edge.scalars, edge.enum)):
            kind, plain = param
            self._write_param(f'"{kind}"', kind, plain)
        else:
            self._literal(value)

    def _list(self, items: list[Any], edge: Edge | None) -> None:
        if edge is not None and items:
            # A field may accept a list (of scalars, or of an enum's names) as one Param.
            enum = edge.enum if edge.enum_lists else None
            if edge.lists or enum is not None:
                params = [self._param(item, edge.lists, enum) for item in items]
                kinds = {param[0] for param in params if param is not None}
                kind = widest(kinds)
                if kind is not None and None not in params:
                    plain = [param[1] for param in params if param is not None]
                    self._write_param(f'"List","inner":{{"type":"{kind}"}}', "List", plain)
                    return
        write = self.parts.append
        separator = "["
        # Inside a list that is not one Param, objects may still hold Params of their own.
        within = Edge(_NONE, _NONE, None, False, edge.child) if edge else None
        for item in items:
            write(separator)
            self._value(item, within)
            separator = ","
        write("[]" if separator == "[" else "]")

    def _write_param(self, type_text: str, kind: str, plain: Any) -> None:
        names = self._names
        if names is None or kind == "List":
            name = f"%{len(self.values) + 1}"
            self.values[name] = plain
        else:
            name = names.setdefault((kind, plain), f"%{len(self.values) + 1}")
            self.values[name] = plain
        self.parts.append(f'{{"$type":"Param","value":{{"name":"{name}","type":{type_text}}}}}')

    def _param(
        self, value: Any, scalars: frozenset[str], enum: Mapping[str, str] | None
    ) -> tuple[str, Any] | None:
        """The Param type and plain value for a literal where these types are accepted, or None
        where it must stay in the text (and the compiler says if it is wrong there)."""
        if isinstance(value, str):
            if enum is not None and value in enum:
                return "Enum", enum[value]
            return text_param(value, scalars)
        if isinstance(value, bool):
            return ("Boolean", value) if "Boolean" in scalars else None
        if isinstance(value, int):
            return int_param(value, scalars)
        if isinstance(value, float):
            if "Float" in scalars:
                return "Float", value
            return ("Float", Decimal(repr(value))) if "Decimal" in scalars else None
        if isinstance(value, datetime):
            return ("DateTime", utc_milliseconds(value)) if "DateTime" in scalars else None
        if isinstance(value, Decimal):
            return ("Float", value) if "Decimal" in scalars else None
        if isinstance(value, self._fields.Json):
            return ("Json", json_text(value.data)) if "Json" in scalars else None
        if isinstance(value, self._fields.Base64):
            return ("Bytes", str(value)) if "Bytes" in scalars else None
        return None

    def _literal(self, value: Any) -> None:
        # true, false and the names of sort orders, modes and fields are part of a query's shape;
        # numbers and the rest make a shape of their own each.
        if not (isinstance(value, bool) or (isinstance(value, str) and value.isidentifier())):
            self.has_literals = True
        self.parts.append(literal_text(value, self._fields))


_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=8192)
def _key(name: str) -> str:
    return json.dumps(name) + ":"


@lru_cache(maxsize=4096)
def _parse_selection(text: str) -> str:
    """Of a root selection a field, or as Prisma Client Python's aggregates have it: `count`,
    `_avg { age views }`."""
    name, _, inner = text.partition("{")
    if not inner:
        return f"{_key(name.strip())}true"
    fields = ",".join(f"{_key(field)}true" for field in inner.rstrip().removesuffix("}").split())
    return f'{_key(name.strip())}{{"arguments":{{}},"selection":{{{fields}}}}}'
