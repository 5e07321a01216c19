"""Objects of a request whose fields are all Params: their text, written once and kept.

A row of `create_many` has ten fields and more, and there may be many rows. The text that stands for
them is the same for all values of the same types, so only the values are looked at for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from .literals import INT32, NUMBERS, utc_milliseconds
from .parameters import Node

FEWEST_FIELDS = 4
"""Smaller objects are written as soon as looked up."""

_KEPT = 2048

Key = tuple[int, int, tuple[str, ...], tuple[type, ...]]
Converts = tuple[tuple[int, Callable[[Any], Any]], ...]
"""Which values become the plain value of their Param by what; the others are it as they are."""


class FlatObject(NamedTuple):
    text: str
    names: tuple[str, ...]
    """Of its Params."""
    converts: Converts

    def plain(self, fields: Mapping[str, Any]) -> list[Any] | None:
        """The values of the Params. None where one of them is no Param of the same type."""
        values = list(fields.values())
        for index, convert in self.converts:
            value = convert(values[index])
            if value is None:
                return None
            values[index] = value
        return values


_NOT_FLAT = FlatObject("", (), ((0, lambda value: None),))


class FlatObjects:
    """Of one graph, whose nodes are told apart by their id."""

    def __init__(self) -> None:
        self._known: dict[Key, FlatObject] = {}

    def key(self, fields: Mapping[str, Any], node: Node, first: int) -> Key:
        """`first`: how many Params stand before."""
        return id(node), first, tuple(fields), tuple(map(type, fields.values()))

    def find(self, key: Key) -> FlatObject | None:
        """None: nothing is known yet of objects such as this."""
        return self._known.get(key)

    def learn(
        self, key: Key, fields: Mapping[str, Any], node: Node, text: str, names: tuple[str, ...]
    ) -> None:
        """This object has been written as `text`, with these Params."""
        converts = _converts(fields, node)
        flat = _NOT_FLAT if converts is None else FlatObject(text, names, converts)
        if converts is not None and flat.plain(fields) is None:
            return  # another of these types may be
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[key] = flat


def _converts(fields: Mapping[str, Any], node: Node) -> Converts | None:
    """None where the types do not tell that each field is a Param, and of which type."""
    converts: list[tuple[int, Callable[[Any], Any]]] = []
    for index, (name, value) in enumerate(fields.items()):
        edge = node.get(name)
        if edge is None:
            return None
        kind = type(value)
        if kind is int and not edge.scalars.isdisjoint(NUMBERS):
            converts.append((index, _int32))
        elif kind is datetime and "DateTime" in edge.scalars:
            converts.append((index, utc_milliseconds))
        elif edge.enum is not None or _AS_THEY_ARE.get(kind) not in edge.scalars:
            return None
    return tuple(converts)


_AS_THEY_ARE: Mapping[type, str] = {str: "String", bool: "Boolean", float: "Float"}


def _int32(value: int) -> int | None:
    return value if value in INT32 else None
