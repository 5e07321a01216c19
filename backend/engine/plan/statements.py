"""SQL of a plan: templates with their placeholders, and the arguments behind these.

Most templates have a fixed text. One with a list of values (`IN (...)`) has a text for each length
of the list, and is split into several statements where the list is longer than the database
takes; that is the `templateSql` of render-query.ts in client-engine-runtime 7.10.

Unlike there, a long list of values is filled up with its last one, which changes nothing of what
`IN` and `NOT IN` find: the text of each length would be compiled and kept by each connection, and
SQLite takes 200 KB for 1,000 values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from ..drivers.driver import ArgType, Statement
from ..errors import EngineError
from .values import Constant, Getter, Param, Scope, lower_value, missing

Rendered = tuple[Statement, Sequence[Any]]
Render = Callable[[Scope], list[Rendered]]
"""The statements to run, in order: one, or several where a list was split."""

_KEPT_LENGTHS = 64
"""How many texts of one template are kept, one for each combination of list lengths."""


class SqlTemplate:
    """A `query` or `execute` node's SQL."""

    def __init__(self, node: Mapping[str, Any], *, returns_rows: bool, max_bind_values: int):
        self._returns_rows = returns_rows
        self._max = max_bind_values
        if node["type"] == "rawSql":
            fragments = [{"type": "stringChunk", "chunk": node["sql"]}]
            fragments += [{"type": "rawParameter"}] * len(node["args"])
        elif node["type"] == "templateSql":
            fragments = node["fragments"]
        else:
            raise EngineError(None, f"Unknown kind of SQL in the query plan: {node['type']!r}")
        self._raw = node["type"] == "rawSql"
        self._fragments = fragments
        self._format = node.get("placeholderFormat", {"prefix": "?", "hasNumbering": False})
        self._arg_types: list[Any] = node["argTypes"]
        self._getters = [
            _constant_of_type(lower_value(arg), arg_type)
            for arg, arg_type in zip(node["args"], self._arg_types, strict=True)
        ]
        # Most statements take nothing but Params, and a createMany takes hundreds.
        names = [getter.name for getter in self._getters if isinstance(getter, Param)]
        takes_params_only = len(names) == len(self._getters) > 1
        self._params = itemgetter(*names) if takes_params_only else None
        self._chunkable = bool(node.get("chunkable"))
        self.is_fixed = not any(
            fragment["type"] in ("parameterTuple", "parameterTupleList") for fragment in fragments
        )
        self._texts: dict[tuple[Any, ...], Statement] = {}
        if self.is_fixed:
            self.statement = self._text(self._getters)
            if len(self._getters) > max_bind_values:
                raise _too_many_parameters()

    def arguments(self, scope: Scope) -> Sequence[Any]:
        """The arguments of a fixed template."""
        if self._params is None:
            return [get(scope) for get in self._getters]
        try:
            found: tuple[Any, ...] = self._params(scope)
        except KeyError as error:
            raise missing(error.args[0]) from None
        return found

    def render(self, scope: Scope) -> list[Rendered]:
        args = self.arguments(scope)
        if self.is_fixed:
            return [(self.statement, args)]
        chunks = self._split(args) if self._chunkable else [args]
        return [self._render_one(chunk) for chunk in chunks]

    def _render_one(self, args: Sequence[Any]) -> Rendered:
        args = self._filled_up(args)
        key = tuple(_shape(fragment["type"], arg) for fragment, arg in self._parameters(args))
        statement = self._texts.get(key)
        if statement is None:
            if len(self._texts) >= _KEPT_LENGTHS:
                self._texts.pop(next(iter(self._texts)))
            statement = self._texts[key] = self._text(args)
        flat: list[Any] = []
        for fragment, arg in self._parameters(args):
            flat.extend(_flatten(fragment["type"], arg))
        if len(flat) > self._max:
            raise _too_many_parameters()
        return statement, flat

    def _filled_up(self, args: Sequence[Any]) -> Sequence[Any]:
        filled = list(args)
        total = sum(len(_flatten(f["type"], arg)) for f, arg in self._parameters(args))
        for at, (fragment, arg) in enumerate(self._parameters(args)):
            if fragment["type"] == "parameterTuple" and isinstance(arg, list) and arg:
                more = min(_length_kept(len(arg)) - len(arg), self._max - total)
                if more > 0:
                    filled[at] = arg + arg[-1:] * more
                    total += more
        return filled

    def _parameters(self, args: Sequence[Any]) -> list[tuple[Mapping[str, Any], Any]]:
        places = [fragment for fragment in self._fragments if fragment["type"] != "stringChunk"]
        return list(zip(places, args, strict=True))

    def _text(self, args: Sequence[Any]) -> Statement:
        """The statement for arguments of these lengths."""
        parts: list[str] = []
        types: list[ArgType] = []
        index = number = 0

        def placeholder() -> str:
            nonlocal number
            number += 1
            prefix: str = self._format["prefix"]
            return f"{prefix}{number}" if self._format["hasNumbering"] else prefix

        for fragment in self._fragments:
            kind = fragment["type"]
            if kind == "stringChunk":
                parts.append(fragment["chunk"])
                continue
            arg, arg_type = args[index], self._arg_types[index]
            index += 1
            if kind == "parameter":
                parts.append(placeholder())
                types.append(arg_type)
            elif kind == "rawParameter":
                types.append(arg_type)
            elif kind == "parameterTuple":
                items = _flatten(kind, arg)
                listed = fragment["itemSeparator"].join(
                    f"{fragment['itemPrefix']}{placeholder()}{fragment['itemSuffix']}"
                    for _ in items
                )
                parts.append(f"({listed or 'NULL'})")
                types += [arg_type] * len(items)
            elif kind == "parameterTupleList":
                if not arg:
                    raise EngineError(None, "Malformed query template: an empty list of tuples.")
                groups = []
                for row in arg:
                    cells = fragment["itemSeparator"].join(placeholder() for _ in row)
                    groups.append(f"{fragment['itemPrefix']}{cells}{fragment['itemSuffix']}")
                    types += _tuple_types(arg_type, len(row))
                parts.append(fragment["groupSeparator"].join(groups))
            else:
                raise EngineError(None, f"Unknown fragment in the query plan: {kind!r}")
        return Statement("".join(parts), tuple(types), self._returns_rows, raw=self._raw)

    def _split(self, args: Sequence[Any]) -> list[Sequence[Any]]:
        """Several lists of arguments, where one list makes the whole longer than allowed."""
        counts = [len(_flatten(f["type"], arg)) for f, arg in self._parameters(args)]
        total = sum(counts)
        if total <= self._max:
            return [args]
        longest = max(range(len(counts)), key=counts.__getitem__)
        room = self._max - (total - counts[longest])
        value = args[longest]
        kind = self._parameters(args)[longest][0]["type"]
        if room <= 0 or kind not in ("parameterTuple", "parameterTupleList"):
            raise _too_many_parameters()
        if kind == "parameterTupleList":
            room //= max(len(row) for row in value)
            if room == 0:
                raise _too_many_parameters()
        return [
            [*args[:longest], value[start : start + room], *args[longest + 1 :]]
            for start in range(0, len(value), room)
        ]


def _length_kept(length: int) -> int:
    """The next of 1 to 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, ..."""
    step = 1 << max(length.bit_length() - 3, 0)
    return -(-length // step) * step


def _flatten(kind: str, arg: Any) -> Sequence[Any]:
    if kind == "parameterTuple":
        return arg if isinstance(arg, list) else [arg]
    if kind == "parameterTupleList":
        return [cell for row in arg for cell in row]
    return (arg,)


def _shape(kind: str, arg: Any) -> Any:
    if kind == "parameterTuple":
        return len(arg) if isinstance(arg, list) else 1
    if kind == "parameterTupleList":
        return tuple(len(row) for row in arg)
    return None


def _tuple_types(arg_type: ArgType, length: int) -> Sequence[ArgType]:
    if arg_type["arity"] != "tuple":
        return [arg_type] * length
    elements: Sequence[ArgType] = arg_type["elements"]
    if length != len(elements):
        raise EngineError(
            None,
            f"Malformed query template: a tuple of {length} values where {len(elements)} belong.",
        )
    return elements


def _constant_of_type(getter: Getter, arg_type: ArgType) -> Getter:
    """The compiler writes 64-bit constants (LIMIT, OFFSET) as text."""
    is_text = isinstance(getter, Constant) and isinstance(getter.value, str)
    if is_text and arg_type.get("scalarType") in ("int", "bigint"):
        return Constant(int(getter({})))
    return getter


def _too_many_parameters() -> EngineError:
    return EngineError("P2029", "The query parameter limit supported by your database is exceeded.")
