"""What must hold of a result (`validate`, `if`), and Prisma's error where it does not.

Codes and wording: `interpreter/validation.ts` of client-engine-runtime 7.10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import EngineError

Rule = Callable[[Any], bool]


def lower_rule(rule: Mapping[str, Any]) -> Rule:
    kind = rule["type"]
    if kind == "never":
        return lambda data: False
    expected = rule["args"]
    if kind == "rowCountEq":
        return lambda data: _row_count(data) == expected
    if kind == "rowCountNeq":
        return lambda data: _row_count(data) != expected
    if kind == "affectedRowCountEq":
        return lambda data: bool(data == expected)
    raise EngineError(None, f"Unknown rule in the query plan: {kind!r}")


def _row_count(data: Any) -> int:
    if isinstance(data, list):
        return len(data)
    return 0 if data is None else 1


def lower_rules(rules: Sequence[Mapping[str, Any]]) -> Rule:
    lowered = [lower_rule(rule) for rule in rules]
    if len(lowered) == 1:
        return lowered[0]
    return lambda data: all(rule(data) for rule in lowered)


def violation(identifier: str, context: Mapping[str, Any], data: Any) -> EngineError:
    found = _VIOLATIONS.get(identifier)
    if found is None:
        return EngineError(None, f"Unknown error identifier in the query plan: {identifier!r}")
    code, render = found
    return EngineError(code, render(context, data), context)


_DEPENDS = (
    "An operation failed because it depends on one or more records that were required but not "
    "found. "
)


def _missing_related(context: Mapping[str, Any], data: Any) -> str:
    hint = f" (needed to {context['neededFor']})" if context.get("neededFor") else ""
    return (
        f"{_DEPENDS}No '{context['model']}' record{hint} was found for {context['operation']} "
        f"on {context['relationType']} relation '{context['relation']}'."
    )


def _found(data: Any) -> Any:
    return len(data) if isinstance(data, list) else data


_VIOLATIONS: dict[str, tuple[str, Callable[[Mapping[str, Any], Any], str]]] = {
    "RELATION_VIOLATION": (
        "P2014",
        lambda c, _: (
            "The change you are trying to make would violate the required relation "
            f"'{c['relation']}' between the `{c['modelA']}` and `{c['modelB']}` models."
        ),
    ),
    "MISSING_RECORD": (
        "P2025",
        lambda c, _: f"{_DEPENDS}No record was found for {c['operation']}.",
    ),
    "MISSING_RELATED_RECORD": ("P2025", _missing_related),
    "INCOMPLETE_CONNECT_INPUT": (
        "P2025",
        lambda c, data: (
            f"{_DEPENDS}Expected {c['expectedRows']} records to be connected, "
            f"found only {_found(data)}."
        ),
    ),
    "INCOMPLETE_CONNECT_OUTPUT": (
        "P2018",
        lambda c, data: (
            "The required connected records were not found. Expected "
            f"{c['expectedRows']} records to be connected after connect operation on "
            f"{c['relationType']} relation '{c['relation']}', found {_found(data)}."
        ),
    ),
    "RECORDS_NOT_CONNECTED": (
        "P2017",
        lambda c, _: (
            f"The records for relation `{c['relation']}` between the `{c['parent']}` "
            f"and `{c['child']}` models are not connected."
        ),
    ),
}
