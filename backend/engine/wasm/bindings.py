"""How a module's imports from JavaScript are bound: by what the glue says that each import does.

`bind` finds, for an import's name, its body in the glue, and for the body the Python function
that does the same. A hash in a name may change freely; a body that is not known here, or a
helper of the glue whose text has changed, stops the load and is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .glue import Glue, GlueFunction, digest

Function = Callable[..., Any]


class UnknownImportError(Exception):
    """A module wants something of its host that is unknown, or that the glue describes anew."""


class Bindings:
    """A table from bodies of the glue to Python.

    An entry makes the function for one instance: it is called with the instance, and for a
    pattern also with what its groups matched.
    """

    def __init__(self) -> None:
        self._bodies: dict[str, Callable[[Any], Function]] = {}
        self._patterns: list[tuple[re.Pattern[str], Callable[..., Function]]] = []

    def returns(self, expression: str, function: Function) -> None:
        """Bind `const ret = EXPRESSION; return ret;` to a function that needs no instance."""
        self._bodies[f"const ret = {expression}; return ret;"] = lambda instance: function

    def body(self, text: str) -> Callable[[Callable[[Any], Function]], None]:
        def add(make: Callable[[Any], Function]) -> None:
            self._bodies[text] = make

        return add

    def pattern(self, regex: str) -> Callable[[Callable[..., Function]], None]:
        def add(make: Callable[..., Function]) -> None:
            self._patterns.append((re.compile(regex), make))

        return add

    def make(self, body: str, instance: Any) -> Function | None:
        found = self._bodies.get(body)
        if found is not None:
            return found(instance)
        for pattern, make in self._patterns:
            match = pattern.fullmatch(body)
            if match:
                return make(instance, *match.groups())
        return None


#: The helpers of the glue that bodies call, by their exact texts (glue.digest). The Python
#: behind them is in instance.py. Where one has changed, read it, and add its digest here.
HELPERS: Mapping[str, frozenset[str]] = {
    "addToExternrefTable0": frozenset({"6c204ca19b6ff8a7"}),
    "debugString": frozenset({"6b5f88bcd1c20557"}),
    "decodeText": frozenset({"c2c6033297f17deb", "f5fb2c5d849286f5"}),
    "getArrayU8FromWasm0": frozenset({"29b68982849f67bd"}),
    "getDataViewMemory0": frozenset({"f194466f09098840"}),
    "getStringFromWasm0": frozenset({"3409283fbd485a6d"}),
    "getUint8ArrayMemory0": frozenset({"7a763a7a3849cd67"}),
    "handleError": frozenset({"666d60ebdab17762"}),
    "isLikeNone": frozenset({"98b9d6687e6fd969"}),
    "makeMutClosure": frozenset({"00d70d47f7979e52"}),
    "passStringToWasm0": frozenset({"333f12fa38771299"}),
}


def bind(
    name: str, arity: int, glue: Glue, instance: Any, tables: Sequence[Bindings]
) -> tuple[Function, GlueFunction]:
    """The Python function for the import `name`, and what the glue says of it."""
    described = glue.functions.get(name)
    if described is None:
        raise UnknownImportError(f"the import {name} is not in the module's JavaScript glue")
    if described.parameters != tuple(f"arg{i}" for i in range(arity)):
        raise UnknownImportError(
            f"the import {name} takes {arity} values, "
            f"but its JavaScript glue says ({', '.join(described.parameters)})"
        )
    for helper in glue.helpers_of(described).values():
        _check_helper(helper, name)
    for table in tables:
        function = table.make(described.body, instance)
        if function is not None:
            return function, described
    raise UnknownImportError(f"the import {name} does what is not known here: {described.body}")


def _check_helper(helper: GlueFunction, name: str) -> None:
    forwarded = f"wasm.{helper.name}({', '.join(helper.parameters)});"
    if helper.body != forwarded and digest(helper) not in HELPERS.get(helper.name, ()):
        raise UnknownImportError(
            f"the import {name} uses the glue's helper {helper.name}, "
            f"whose text is not known here (digest {digest(helper)})"
        )
