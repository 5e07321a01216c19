"""A query written once: a call on the generated Python client, and the same call for Prisma's own.

The second form is made here from the first, by its own table of names. It never goes through our
engine, so a fault in the engine's translation shows as a difference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, Literal

Provider = Literal["sqlite", "postgresql"]
Mode = Literal["each", "batch", "commit", "rollback"]
PROVIDERS: tuple[Provider, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Json:
    """A value for a Json field. (Bytes fields take Python's bytes.)"""

    data: Any


@dataclass(frozen=True)
class Call:
    model: str | None
    method: str
    args: Mapping[str, Any]

    def __str__(self) -> str:
        args = ", ".join(f"{name}={value!r}" for name, value in self.args.items())
        return f"{self.model.lower() if self.model else 'db'}.{self.method}({args})"


@dataclass(frozen=True)
class Case:
    """Calls that run from the seeded state, on one schema.

    each      one after the other; a failed one does not stop the rest
    batch     as one `batch_()`
    commit    inside one `tx()` that commits
    rollback  inside one `tx()` that is left by an exception
    """

    schema: str
    calls: tuple[Call, ...]
    mode: Mode = "each"
    providers: tuple[Provider, ...] = PROVIDERS
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        lines = "; ".join(map(str, self.calls))
        return (
            f"[{self.schema}] {lines}"
            if self.mode == "each"
            else f"[{self.schema} {self.mode}] {lines}"
        )

    def key(self) -> str:
        """Equal for equal queries, whatever they were written as."""
        return json.dumps(
            [self.schema, self.mode, [theirs(call) for call in self.calls]], sort_keys=True
        )


class Model:
    """`User.find_many(where=...)` writes a call as the generated client has it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return lambda **args: Call(self._name, method, args)


def query_raw(sql: str, *parameters: Any) -> Call:
    return Call(None, "query_raw", {"query": sql, "parameters": parameters})


def execute_raw(sql: str, *parameters: Any) -> Call:
    return Call(None, "execute_raw", {"query": sql, "parameters": parameters})


# --- our side: the generated client -------------------------------------------------------------


def start(client: Any, call: Call, package: ModuleType) -> Any:
    """Call the method; on a client this is a coroutine, on a batch it only takes note."""
    args = {name: _for_client(value, package) for name, value in call.args.items()}
    if call.model is None:
        return getattr(client, call.method)(args["query"], *args["parameters"])
    return getattr(getattr(client, call.model.lower()), call.method)(**args)


def _for_client(value: Any, package: ModuleType) -> Any:
    if isinstance(value, Json):
        return package.fields.Json(value.data)
    if isinstance(value, bytes):
        return package.fields.Base64.encode(value)
    if isinstance(value, Mapping):
        return {name: _for_client(item, package) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_client(item, package) for item in value]
    return value


# --- their side: Prisma's client for TypeScript ---------------------------------------------------

_ACTIONS = {
    "create": "create",
    "create_many": "createMany",
    "find_unique": "findUnique",
    "find_unique_or_raise": "findUniqueOrThrow",
    "find_first": "findFirst",
    "find_first_or_raise": "findFirstOrThrow",
    "find_many": "findMany",
    "update": "update",
    "update_many": "updateMany",
    "upsert": "upsert",
    "delete": "delete",
    "delete_many": "deleteMany",
    "count": "count",
    "group_by": "groupBy",
    "query_raw": "queryRaw",
    "execute_raw": "executeRaw",
}

# As Prisma Client Python's documentation has them.
_NAMES = {
    "startswith": "startsWith",
    "endswith": "endsWith",
    "not_in": "notIn",
    "is_not": "isNot",
    "has_every": "hasEvery",
    "has_some": "hasSome",
    "is_empty": "isEmpty",
    "order_by": "orderBy",
    "connect_or_create": "connectOrCreate",
}
PYTHON_NAMES = {theirs: ours for ours, theirs in _NAMES.items()}

_ARGUMENTS = {
    "order": "orderBy",
    "skip_duplicates": "skipDuplicates",
    "count": "_count",
    "avg": "_avg",
    "sum": "_sum",
    "min": "_min",
    "max": "_max",
}


def theirs(call: Call) -> dict[str, Any]:
    action = _ACTIONS[call.method]
    if call.model is None:
        values = [_for_prisma(value) for value in call.args["parameters"]]
        return {"action": action, "sql": call.args["query"], "values": values}
    args = {
        _ARGUMENTS.get(name, name): value for name, value in call.args.items() if value is not None
    }
    if call.method == "upsert":
        args |= args.pop("data")
    if args.get("_count") is True:
        args["_count"] = {"_all": True}
    if call.method == "count" and "select" in args:
        args["select"] = {name: True for name, on in args["select"].items() if on} or {"_all": True}
    if "include" in args:
        args["include"] = _include(args["include"])
    return {"model": call.model, "action": action, "args": _for_prisma(args)}


def _include(include: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the Python client drops: relations not wanted, arguments of None."""
    wanted: dict[str, Any] = {}
    for name, value in include.items():
        if value is True:
            wanted[name] = True
        elif value is not False:
            args = {key: item for key, item in value.items() if item is not None}
            if "include" in args:
                args["include"] = _include(args["include"])
            wanted[name] = args or True
    return wanted


def _for_prisma(value: Any) -> Any:
    match value:
        case Json(data):
            return {"$json": data}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case datetime():
            return {"$date": instant(value).isoformat()}
        case Decimal():
            return {"$decimal": str(value)}
        case bool():
            return value
        case int() if abs(value) > 2**53:
            return {"$bigint": str(value)}
        case Mapping():
            return {_NAMES.get(name, name): _for_prisma(item) for name, item in value.items()}
        case list() | tuple():
            # Within a list Prisma's client takes null for JSON's null, and not its JsonNull.
            return [None if item == Json(None) else _for_prisma(item) for item in value]
    return value


def instant(value: datetime) -> datetime:
    """In UTC and in whole milliseconds, as Prisma has it; naive means UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)
