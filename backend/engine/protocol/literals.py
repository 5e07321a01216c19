"""Python values as Prisma's protocol has them: the plain value of a Param and its type, or text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from ..errors import EngineError
from .values import Fields

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)
NUMBERS = ("Int", "BigInt", "Float")


def text_param(value: str, scalars: frozenset[str]) -> tuple[str, Any] | None:
    plain = str(value) if isinstance(value, Enum) else value
    if "String" in scalars:
        return "String", plain
    if "DateTime" in scalars:
        try:
            return "DateTime", utc_milliseconds(datetime.fromisoformat(plain))
        except ValueError:
            return None
    # Prisma Client Python sends these as text; the text of a JSON value is its JSON.
    if "Json" in scalars:
        return "Json", plain
    if "Bytes" in scalars:
        return "Bytes", plain
    if "Decimal" in scalars:
        try:
            return "Float", Decimal(plain)
        except ArithmeticError:
            return None
    return None


def int_param(value: int, scalars: frozenset[str]) -> tuple[str, Any] | None:
    if value in INT32 and ("Int" in scalars or "BigInt" in scalars or "Float" in scalars):
        return "Int", value
    if value in INT64 and "BigInt" in scalars:
        return "BigInt", value
    if "Decimal" in scalars:
        return "Float", Decimal(value)
    if "Float" in scalars:
        return "Float", float(value)
    return None


def widest(kinds: set[str]) -> str | None:
    """The one type of a list's items: their own, or the widest of several number types."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds and kinds <= set(NUMBERS):
        return max(kinds, key=NUMBERS.index)
    return None


def utc_milliseconds(value: datetime) -> datetime:
    """As Prisma Client Python sends it: naive means UTC, cut to milliseconds."""
    if value.tzinfo is not UTC:
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if value.microsecond % 1000 == 0:
        return value
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def json_text(data: Any) -> str:
    """Without spaces, as Prisma stores it: SQLite compares JSON values as text."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_json_default)


def _json_default(value: Any) -> str:
    if isinstance(value, datetime):
        return utc_milliseconds(value).isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if type(value).__name__ == "Base64":
        return str(value)
    raise TypeError(f"Type {type(value)} not serializable")


def literal_text(value: Any, fields: Fields) -> str:
    if isinstance(value, str):
        return json.dumps(str(value.value) if isinstance(value, Enum) else value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value not in INT64:
            message = "A number used in the query does not fit into a 64 bit signed integer."
            raise EngineError("P2033", message)
        return str(value) if value in INT32 else _tagged("BigInt", str(value))
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise EngineError("P2033", f"The number `{value}` in the query is not finite.")
        return repr(value)
    if isinstance(value, datetime):
        return _tagged("DateTime", utc_milliseconds(value).isoformat())
    if isinstance(value, Decimal):
        return _tagged("Decimal", str(value))
    if isinstance(value, fields.Json):
        return _tagged("Json", json_text(value.data))
    if isinstance(value, fields.Base64):
        return _tagged("Bytes", str(value))
    raise TypeError(f"Type {type(value)} not serializable")


def _tagged(kind: str, text: str) -> str:
    return f'{{"$type":"{kind}","value":{json.dumps(text)}}}'
