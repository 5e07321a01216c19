"""Between Prisma's values and SQLite's, which are int, float, text, blob and null.

Dates are written as Prisma 7's SQLite adapters write them, ISO 8601 text with milliseconds and
`+00:00`, or with `timestamp_format=unixepoch-ms` as Prisma's native engine wrote them, integer
milliseconds. Both are read, and so is the text of CURRENT_TIMESTAMP.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal

from ...errors import EngineError
from ..driver import ArgType, Decoder, FieldType, leaves

TimestampFormat = Literal["iso8601", "unixepoch-ms"]
Encoder = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def encoders(arg_types: Sequence[ArgType], timestamps: TimestampFormat) -> list[Encoder | None]:
    """For each argument how to write it (never called for None), or None: as it is."""
    write_datetime = _datetime_text if timestamps == "iso8601" else _datetime_milliseconds
    by_type: dict[str, Encoder | None] = {
        "string": None,
        "enum": None,
        "uuid": None,
        "json": None,
        "int": _number,
        "bigint": _number,
        "float": _number,
        "decimal": _number,
        "boolean": None,
        "bytes": _blob,
        "datetime": lambda value: write_datetime(_as_datetime(value)),
    }

    def write_any(value: Any) -> Any:
        if isinstance(value, datetime):
            return write_datetime(value)
        return float(value) if isinstance(value, Decimal) else value

    return [by_type.get(arg_type.get("scalarType", ""), write_any) for arg_type in arg_types]


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return value


def _blob(value: Any) -> bytes:
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)


def _as_datetime(value: Any) -> datetime:
    return value if isinstance(value, datetime) else read_datetime(value)


def _datetime_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds")


def _datetime_milliseconds(value: datetime) -> int:
    return (value - _EPOCH) // _MILLISECOND


def read_datetime(value: Any) -> datetime:
    """Aware, UTC, cut to milliseconds."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _inconsistent(value, "a date and time") from None
        if moment.tzinfo is not UTC:
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        microsecond = moment.microsecond
        return (
            moment
            if microsecond % 1000 == 0
            else moment.replace(microsecond=microsecond // 1000 * 1000)
        )
    if isinstance(value, (int, float)):
        try:
            return _EPOCH + int(value) * _MILLISECOND
        except OverflowError:
            raise _inconsistent(value, "milliseconds since 1970") from None
    raise _inconsistent(value, "a date and time")


def decoder(field_type: FieldType) -> Decoder | None:
    """See `Driver.decoder`."""
    return _DECODERS.get(field_type["type"])


@lru_cache(maxsize=4096)
def json_datetime(value: Any) -> str:
    """As `Driver.json_decoder` wants it. The newest records are read over and over."""
    if isinstance(value, str) and len(value) == 29 and value.endswith("+00:00"):
        return value[:23] + "Z"  # in milliseconds already
    return read_datetime(value).isoformat(timespec="milliseconds")[:23] + "Z"


@leaves(int)
def _read_int(value: Any) -> int:
    if type(value) is int:
        return value
    try:
        return int(float(value)) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        raise _inconsistent(value, "an integer") from None


@leaves(float)
def _read_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _inconsistent(value, "a float") from None


def _read_decimal(value: Any) -> Decimal:
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise _inconsistent(value, "a decimal") from None


_BOOLEANS = {1: True, 0: False, "1": True, "0": False, "true": True, "false": False}


@lru_cache(maxsize=16)
def _read_boolean(value: Any) -> bool:
    known = _BOOLEANS.get(value.lower() if isinstance(value, str) else value)
    if known is not None:
        return known
    if isinstance(value, (int, float)):
        return False  # as Prisma: only 1 is true
    raise _inconsistent(value, "a boolean")


@leaves(str)
def _read_json(value: Any) -> str:
    # A JSONB column has numeric affinity: the JSON text of a number is stored as that number.
    return value if isinstance(value, str) else json.dumps(value)


def _read_bytes(value: Any) -> str:
    data = value.encode() if isinstance(value, str) else value
    return base64.b64encode(data).decode("ascii")


_DECODERS: dict[str, Decoder] = {
    "int": _read_int,
    "bigint": _read_int,
    "float": _read_float,
    "decimal": _read_decimal,
    "boolean": _read_boolean,
    "datetime": read_datetime,
    "json": _read_json,
    "object": _read_json,
    "bytes": _read_bytes,
}


def _inconsistent(value: Any, wanted: str) -> EngineError:
    return EngineError(
        "P2023", f"Inconsistent column data: expected {wanted}, got {type(value).__name__}: {value}"
    )


# Results of raw queries


def raw_types(columns: int, records: Sequence[Sequence[Any]]) -> list[str]:
    """Prisma's type names for the columns of a raw query, by their first value that is not null."""
    types = []
    for index in range(columns):
        first = next((row[index] for row in records if row[index] is not None), None)
        types.append(_raw_type(first))
    return types


def _raw_type(value: Any) -> str:
    if isinstance(value, int):
        return "int" if -(2**31) <= value < 2**31 else "bigint"
    if isinstance(value, float):
        return "double"
    return "bytes" if isinstance(value, bytes) else "string" if value is not None else "int"


def raw_value(value: Any) -> Any:
    """A value of a raw query as JSON would carry it: bytes as base64 text."""
    return _read_bytes(value) if isinstance(value, bytes) else value


def _raw_boolean(value: Any) -> bool:
    return value in (1, "1", "true")


def _raw_datetime(value: Any) -> Any:
    """In the form in which Prisma stores it, so that it may be given back as it is."""
    if isinstance(value, str) and len(value) == 29 and value.endswith("+00:00"):
        return value
    try:
        return _datetime_text(read_datetime(value))
    except EngineError:
        return value


def _raw_date(value: Any) -> Any:
    moment = value if isinstance(value, str) else _raw_datetime(value)
    return moment[:10] if moment is not value else value


def _raw_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


RAW_COLUMNS: Mapping[str, tuple[str, Decoder | None]] = {
    **dict.fromkeys(("DATETIME", "TIMESTAMP"), ("datetime", _raw_datetime)),
    "BOOLEAN": ("bool", _raw_boolean),
    "DATE": ("date", _raw_date),
    "TIME": ("time", None),
    "JSONB": ("json", _raw_json),
}
"""The types that say more of a column than its values do, as a table declares them: Prisma's name,
and how a value is to be given. A value that is not of its column's type is given as it is stored.

The rest of Prisma's table (adapter-better-sqlite3 7.10, `conversion.ts`) changes no value."""
