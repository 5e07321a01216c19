"""What plans do with records in memory: joins, pages, distinct values, differences.

Records are dicts by column name with the values that the driver fetched. Semantics:
`in-memory-processing.ts` and `query-interpreter.ts` of client-engine-runtime 7.10.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..errors import EngineError
from .values import Getter, Scope, lower_value

Record = dict[str, Any]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_empty(value: Any) -> bool:
    return value is None or value == []


def map_field(value: Any, field: str) -> Any:
    if isinstance(value, list):
        return [map_field(item, field) for item in value]
    if isinstance(value, dict):
        return value.get(field)
    return value


def key_of(record: Record, fields: Sequence[str]) -> tuple[Any, ...]:
    return tuple([_hashable(record[field]) for field in fields])


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json.dumps(value, default=str, sort_keys=True)
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def attach_children(parents: Any, children: Any, join: Mapping[str, Any]) -> None:
    """Put into each parent the children whose key is the parent's, under `parentField`."""
    name = join["parentField"]
    unique = join["isRelationUnique"]
    parent_fields = [left for left, _ in join["on"]]
    child_fields = [right for _, right in join["on"]]
    by_key: dict[tuple[Any, ...], list[Record]] = {}
    for parent in as_list(parents):
        parent[name] = None if unique else []
        by_key.setdefault(key_of(parent, parent_fields), []).append(parent)
    for child in as_list(children):
        if child is None:
            continue
        for parent in by_key.get(key_of(child, child_fields), ()):
            if unique:
                parent[name] = child
            else:
                parent[name].append(child)


def difference(left: Any, right: Any, fields: Sequence[str]) -> list[Any]:
    """What is in `left` and not in `right`, by these fields."""

    def key(item: Any) -> Any:
        return None if item is None else key_of(item, fields)

    taken = {key(item) for item in as_list(right)}
    return [item for item in as_list(left) if key(item) not in taken]


Operations = Callable[[Any, Scope], Any]


def lower_operations(node: Mapping[str, Any]) -> Operations:
    """The `operations` of a `process` node: distinct, then a page, then the order reversed, then
    the same for the records inside these."""
    linking: list[str] | None = node["linkingFields"]
    distinct: list[str] | None = node["distinct"]
    if distinct is not None and linking is not None:
        distinct = distinct + linking
    page = None if node["pagination"] is None else _Page(node["pagination"])
    reverse: bool = node["reverse"]
    nested = {name: lower_operations(inner) for name, inner in node["nested"].items()}

    def run(value: Any, scope: Scope) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            value = json.loads(value)
        if not isinstance(value, list):
            if page is not None and not page.holds(value, scope):
                return None
            return inside(value, scope)
        if distinct is not None:
            value = list(_first_of_each(value, distinct))
        if page is not None:
            groups = [value] if linking is None else _groups(value, linking)
            value = [record for group in groups for record in page.cut(group, scope)]
        if reverse:
            value = value[::-1]
        return [inside(record, scope) for record in value] if nested else value

    def inside(record: Record, scope: Scope) -> Record:
        for name, operations in nested.items():
            record[name] = operations(record[name], scope)
        return record

    return run


def _groups(records: list[Record], fields: Sequence[str]) -> list[list[Record]]:
    by_key: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        by_key.setdefault(key_of(record, fields), []).append(record)
    return list(by_key.values())


def _first_of_each(records: list[Record], fields: Sequence[str]) -> list[Record]:
    seen: dict[tuple[Any, ...], Record] = {}
    for record in records:
        seen.setdefault(key_of(record, fields), record)
    return list(seen.values())


class _Page:
    def __init__(self, node: Mapping[str, Any]) -> None:
        self._skip = int(node["skip"] or 0)
        self._take = None if node["take"] is None else int(node["take"])
        cursor: Mapping[str, Any] | None = node["cursor"]
        self._cursor: dict[str, Getter] | None = (
            None if cursor is None else {name: lower_value(value) for name, value in cursor.items()}
        )

    def holds(self, record: Record, scope: Scope) -> bool:
        if self._skip > 0 or self._take == 0:
            return False
        return self._cursor is None or self._is_at(record, self._values(scope))

    def cut(self, records: list[Record], scope: Scope) -> list[Record]:
        start = self._skip
        if self._cursor is not None:
            values = self._values(scope)
            places = (i for i, record in enumerate(records) if self._is_at(record, values))
            at = next(places, None)
            if at is None:
                return []
            start += at
        end = len(records) if self._take is None else start + self._take
        return records[start:end]

    def _values(self, scope: Scope) -> Mapping[str, Any]:
        return {name: get(scope) for name, get in (self._cursor or {}).items()}

    def _is_at(self, record: Record, cursor: Mapping[str, Any]) -> bool:
        return all(_same(record[name], value) for name, value in cursor.items() if name in record)


def _same(stored: Any, expected: Any) -> bool:
    """Whether a fetched value is the one that a caller named, which may have another form."""
    if stored == expected:
        return True
    if stored is None or expected is None:
        return False
    if isinstance(expected, datetime):
        return _moment(stored) == expected
    if isinstance(expected, (Decimal, float)) or isinstance(stored, (Decimal, float)):
        return Decimal(str(stored)) == Decimal(str(expected))
    if isinstance(stored, bytes):
        return stored == base64.b64decode(expected)
    if isinstance(stored, int) != isinstance(expected, int):
        return str(stored) == str(expected)
    return False


def _moment(stored: Any) -> datetime | None:
    if isinstance(stored, int):
        return datetime.fromtimestamp(stored / 1000, UTC)
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    if not isinstance(moment, datetime):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def lower_field_operation(node: Mapping[str, Any]) -> Callable[[Any, Scope], Any]:
    """An operation of a `mapRecord` node: what becomes of a field's value."""
    kind = node["type"]
    get = lower_value(node["value"])
    if kind == "set":
        return lambda value, scope: get(scope)
    calculate = _ARITHMETIC.get(kind)
    if calculate is None:
        raise EngineError(None, f"Unknown field operation in the query plan: {kind!r}")
    return lambda value, scope: calculate(value, get(scope))


def _divide(left: Any, right: Any) -> Any:
    return None if right == 0 else left / right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "divide": _divide,
}
