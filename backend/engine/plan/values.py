"""Values in a plan: constants, Params, and calls of generators.

Lowered to *getters*: functions from the scope (Param and binding names to values) to the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import EngineError
from .generators import GENERATORS, now

Scope = dict[str, Any]
"""The values of the query's Params (`%1`, ...), and those that `let` bound."""

Getter = Callable[[Scope], Any]

NOW = "@now"
"""Where the scope keeps the query's time: all of a query sees one time."""


class Constant:
    """A getter that always answers the same, so that others can see it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, scope: Scope) -> Any:
        return self.value


def lower_value(value: Any) -> Getter:
    if isinstance(value, Mapping):
        kind = value.get("prisma__type")
        if kind == "param":
            return Param(value["prisma__value"]["name"])
        if kind == "generatorCall":
            call = value["prisma__value"]
            return _call(call["name"], [lower_value(argument) for argument in call["args"]])
        if kind is not None:
            raise EngineError(None, f"Unknown kind of value in the query plan: {kind!r}")
        return Constant(value)
    if isinstance(value, list):
        items = [lower_value(item) for item in value]
        if all(isinstance(item, Constant) for item in items):
            return Constant(value)
        return lambda scope: [item(scope) for item in items]
    return Constant(value)


class Param:
    """A getter of one value of the scope, so that others can see which."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, scope: Scope) -> Any:
        try:
            return scope[self.name]
        except KeyError:
            raise missing(self.name) from None


def missing(name: str) -> EngineError:
    return EngineError(None, f"Missing value for query variable {name}")


def _call(name: str, arguments: list[Getter]) -> Getter:
    if name == "now":
        return _time
    generate = GENERATORS.get(name)
    if generate is None:
        raise EngineError(None, f"Encountered an unknown generator '{name}'")
    if all(isinstance(argument, Constant) for argument in arguments):
        constants = [argument({}) for argument in arguments]
        return lambda scope: generate(*constants)
    return lambda scope: generate(*[argument(scope) for argument in arguments])


def _time(scope: Scope) -> Any:
    moment = scope.get(NOW)
    if moment is None:
        moment = scope[NOW] = now()
    return moment
