"""What a call came to, on either side, in one plain form that can be compared with ==.

Plain values are None, bool, int, float, str, Decimal, datetime, bytes, lists and dicts. Every
scalar is brought to the type that its field has in the schema, and must already be of it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from oracle.calls import Call, instant
from oracle.datamodel import Datamodel, Field, Model


@dataclass(frozen=True)
class Failure:
    """code: Prisma's, "validation" for what its client refuses before it asks the database, or
    "unknown" for what it has no code for."""

    code: str
    message: str


class Made(str):
    """A value that a default made up: a cuid, a uuid, ..."""

    kind: str

    def __new__(cls, value: str, kind: str) -> Made:
        made = super().__new__(cls, value)
        made.kind = kind
        return made


class UnexpectedShape(Exception):
    """A value is not of its field's type."""


class Plain:
    def __init__(self, datamodel: Datamodel) -> None:
        self._datamodel = datamodel

    # --- results ----------------------------------------------------------------------------

    def ours(self, call: Call, value: Any) -> Any:
        if call.method == "query_raw":
            return [{name: _raw(item) for name, item in row.items()} for row in value]
        return self._result(call, value)

    def theirs(self, call: Call, encoded: Any) -> Any:
        value = decode(encoded)
        if call.method == "query_raw":
            return [{name: _raw(item) for name, item in row.items()} for row in value]
        if call.method in ("create_many", "update_many", "delete_many"):
            value = value["count"]
        return self._result(call, value)

    def _result(self, call: Call, value: Any) -> Any:
        if call.method == "execute_raw":
            return _exact(value, int)
        model = self._datamodel.models[call.model or ""]
        match call.method:
            case "create_many" | "update_many" | "delete_many":
                return _exact(value, int)
            case "count":
                return (
                    {n: _exact(v, int) for n, v in value.items()}
                    if isinstance(value, Mapping)
                    else _exact(value, int)
                )
            case "group_by":
                rows = [self._group(model, row) for row in value]
                return rows if call.args.get("order") else _sorted(rows)
            case "find_many":
                rows = [self._record(model, row, call.args.get("include")) for row in value]
                return rows if is_total(model, call.args.get("order")) else _sorted(rows)
        return self._record(model, value, call.args.get("include"))

    def _record(self, model: Model, record: Any, include: Any) -> Any:
        if record is None or record == []:
            return None  # []: Prisma's answer where an upsert has moved its record to another key
        include = include or {}
        plain: dict[str, Any] = {}
        for field in model.fields.values():
            if not field.is_relation:
                plain[field.name] = self.scalar(field, _get(record, field.name))
            elif wanted := include.get(field.name):
                args = {} if wanted is True else wanted
                related = self._datamodel.models[field.type]
                value = _get(record, field.name)
                if not field.is_list:
                    plain[field.name] = self._record(related, value, args.get("include"))
                    continue
                rows = [self._record(related, row, args.get("include")) for row in value]
                plain[field.name] = (
                    rows if is_total(related, args.get("order_by")) else _sorted(rows)
                )
        if isinstance(record, Mapping):
            unexpected = record.keys() - model.fields.keys()
            if unexpected:
                raise UnexpectedShape(f"fields that nobody asked for: {sorted(unexpected)}")
        return plain

    def _group(self, model: Model, row: Mapping[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name, value in row.items():
            if name in model.fields:
                plain[name] = self.scalar(model.fields[name], value)
            elif name == "_count":
                plain[name] = {n: _exact(v, int) for n, v in value.items()}
            else:
                plain[name] = {
                    n: self._aggregate(model.fields[n], name, v) for n, v in value.items()
                }
        return plain

    def _aggregate(self, field: Field, function: str, value: Any) -> Any:
        """Sums are added up by two builds of SQLite, which round the last digit differently."""
        if value is None:
            return None
        if function in ("_min", "_max") or (function == "_sum" and field.type in ("Int", "BigInt")):
            return self.scalar(field, value)
        return f"{float(value):.10e}"

    # --- scalars ----------------------------------------------------------------------------

    def scalar(self, field: Field, value: Any) -> Any:
        if value is None:
            return None
        if field.is_list:
            return [self._one(field, item) for item in value]
        plain = self._one(field, value)
        if field.generator in _MADE and isinstance(plain, str):
            return Made(plain, field.generator)
        return plain

    def _one(self, field: Field, value: Any) -> Any:
        if value is None:
            return None
        match field.type:
            case "Boolean":
                return _exact(value, bool)
            case "Int" | "BigInt":
                return int(value) if isinstance(value, str) else _exact(value, int)
            case "Float":
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise UnexpectedShape(f"{field.name}: {value!r}")
                return float(value)
            case "Decimal":
                return Decimal(str(value)).normalize()
            case "DateTime":
                return instant(datetime.fromisoformat(value) if isinstance(value, str) else value)
            case "Json":
                return json.loads(json.dumps(value), parse_int=_number, parse_float=_number)
            case "Bytes":
                if isinstance(value, bytes):
                    return value
                return base64.b64decode(value) if isinstance(value, str) else value.decode()
        return str(_exact(value, str))


_MADE = {"cuid", "uuid", "ulid", "nanoid", "dbgenerated"}


def _number(text: str) -> Decimal:
    """JavaScript has one kind of number: 1 and 1.0 are equal in its JSON."""
    return Decimal(text).normalize()


def _get(record: Any, name: str) -> Any:
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def _exact(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UnexpectedShape(f"expected {kind.__name__}, got {value!r}")
    return value


def _sorted(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=_sort_key)


def _sort_key(value: Any) -> str:
    if isinstance(value, Mapping):
        return repr([(name, _sort_key(item)) for name, item in sorted(value.items())])
    return repr(value)


def is_total(model: Model, order: Any) -> bool:
    """Whether the order leaves no tie. Without one the database may answer in any order."""
    orders = order if isinstance(order, Sequence) else [order] if order else []
    named = {name for one in orders for name in one}
    return any(named.issuperset(fields) for fields in model.uniques.values())


def _raw(value: Any) -> Any:
    """Raw results have no schema; Prisma Client Python makes text and floats of some types."""
    if isinstance(value, (list, tuple)):
        return [_raw(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _raw(item) for name, item in value.items()}
    if isinstance(value, bool):
        return f"<{value}>"  # to Python, True is 1
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return datetime.fromisoformat(value).replace(
            tzinfo=UTC
        )  # JavaScript has no dates without times
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?", value):
        return instant(datetime.fromisoformat(f"1970-01-01T{value}"))
    if isinstance(value, str) and re.fullmatch(
        r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)?", value
    ):
        return instant(datetime.fromisoformat(value))
    return value


def decode(value: Any) -> Any:
    """From the JSON of server.mjs."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$date": str(text)}:
            return datetime.fromisoformat(text).astimezone(UTC)
        case {"$decimal": str(text)}:
            return Decimal(text)
        case {"$bigint": str(text)}:
            return int(text)
        case {"$bytes": str(text)}:
            return base64.b64decode(text)
    return {name: decode(item) for name, item in value.items()}


# --- failures -----------------------------------------------------------------------------------

_VALIDATION_CODES = {"P2009", "P2012", "P2013"}
"""What the engine calls a request that does not fit the schema; Prisma's client has no code."""

_VALIDATION_CLASSES = {"TypeError", "UnsupportedDatabaseError", "BuilderError"}


def our_failure(error: BaseException) -> Failure:
    code = getattr(error, "code", None)
    classes = {kind.__name__ for kind in type(error).__mro__}
    if code in _VALIDATION_CODES or (not code and classes & _VALIDATION_CLASSES):
        return Failure("validation", str(error))
    if not code and "DataError" in classes:
        return Failure("unknown", str(error))
    return Failure(code or type(error).__name__, str(error))


def their_failure(error: Mapping[str, Any]) -> Failure:
    """Its message ends with the reason; before it stands the call."""
    message = re.split(r"invocation:\s*\n", error["message"])[-1].strip()
    if error["name"] == "PrismaClientValidationError":
        return Failure("validation", message)
    if error["name"] == "PrismaClientUnknownRequestError":
        return Failure("unknown", message)
    return Failure(error["code"] or error["name"], message)
