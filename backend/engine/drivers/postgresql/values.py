"""Values between the engine and PostgreSQL, chosen by the server's own types.

    encoders(...)        protocol values, or values fetched earlier -> what asyncpg sends
    decoder(...)         a fetched value -> the client's value, for a field of the schema
    raw_columns(...)     a fetched value -> what Prisma Client Python reads in a raw query

asyncpg's binary codecs are used where they are exact; the types in TEXT_TYPES travel as text, so
that their values are PostgreSQL's own spelling. Names of types are asyncpg's (`int4`, `int4[]`).

asyncpg has no other name for -infinity than the first moment of the year 1, which therefore
cannot be stored.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import lru_cache
from typing import Any

import asyncpg

from ...errors import DriverError
from ..driver import ArgType, Decoder, FieldType
from .connect import RawConnection

Encoder = Callable[[Any], Any]

TEXT_TYPES: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("uuid", "inet", "cidr", "bit", "varbit", "interval"), str),
    **dict.fromkeys(("point", "line", "lseg", "box", "path", "polygon", "circle"), str),
    "float4": float,  # as binary, 0.1 would come back as 0.10000000149011612
}
"""Types that travel as text, and how that text is read."""


async def prepare_codecs(connection: RawConnection) -> None:
    """Without I/O: asyncpg knows these types."""
    for name, decode in TEXT_TYPES.items():
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=str, decoder=decode, format="text"
        )


# Arguments


def encoders(types: Sequence[asyncpg.Type], arg_types: Sequence[ArgType]) -> list[Encoder]:
    """One for each placeholder. An encoder raises ValueError, TypeError or ArithmeticError for a
    value that the type cannot hold; what is out of its range, asyncpg refuses."""
    return [
        _encoder(type_, arg_types[index] if index < len(arg_types) else {})
        for index, type_ in enumerate(types)
    ]


def _encoder(type_: asyncpg.Type, arg_type: Mapping[str, str]) -> Encoder:
    scalar = arg_type.get("scalarType")
    if type_.name == "jsonb" and scalar == "json":
        return _json_or_list
    if type_.kind == "array":
        encode_item = _encoder_by_name(type_.name.removesuffix("[]"), type_.schema, scalar)
        return lambda value: _encode_list(value, encode_item)
    if type_.kind != "scalar":
        return lambda value: value
    return _encoder_by_name(type_.name, type_.schema, scalar)


def _encoder_by_name(name: str, schema: str, scalar: str | None) -> Encoder:
    if schema != "pg_catalog":
        return _text
    if name == "bytea":
        return _bytes_of_base64 if scalar == "bytes" else _bytes
    if name in _ENCODERS:
        return _ENCODERS[name]
    return _datetime_text if scalar == "datetime" else _text


def _encode_list(value: Any, encode: Encoder) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return [
        None if item is None else _encode_list(item, encode) if type(item) is list else encode(item)
        for item in value
    ]


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, (bool, int, float, list, dict)):
        return _json(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _datetime_text(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return str(value)


def _datetime_text(value: Any) -> str:
    """A DateTime for a column of text, as Prisma's adapter writes it (`formatDateTime`)."""
    moment = _timestamp(value)
    milliseconds = f".{moment.microsecond // 1000:03}" if moment.microsecond >= 1000 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{milliseconds}"


def _json(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))  # as JavaScript writes it
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _json_or_list(value: Any) -> str:
    """A list is of JSON texts: Prisma compares a Json[] as to_jsonb() makes one value of it."""
    return f"[{','.join(map(_json, value))}]" if isinstance(value, list) else _json(value)


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    number = int(value)
    if not isinstance(value, str) and number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def _unsigned(value: Any) -> int:
    """As PostgreSQL reads the text of an oid: -1 is the last."""
    number = _integer(value)
    return number + 2**32 if -(2**31) <= number < 0 else number


def _decimal(value: Any) -> Decimal:
    if type(value) is Decimal:
        return value
    return Decimal(repr(value) if isinstance(value, float) else value)


def _float4(value: Any) -> str:
    return repr(float(value))


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    if value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "t", "false", "f"):
        return value.lower().startswith("t")
    raise ValueError(f"{value!r} is not a boolean")


def _moment(value: Any) -> datetime:
    """A DateTime's text has milliseconds: what lies below is cut off."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(value, str):
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    elif not isinstance(moment, datetime):
        if not isinstance(moment, date):
            raise TypeError(f"expected a DateTime, got {type(value).__name__}")
        moment = datetime(moment.year, moment.month, moment.day)
    return moment


def _timestamp(value: Any) -> datetime:
    moment = _moment(value)
    if moment.tzinfo is None:
        return moment
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None)


def _timestamptz(value: Any) -> datetime:
    moment = _moment(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _date(value: Any) -> date:
    if type(value) is date:
        return value
    return _timestamp(value).date()


def _time(value: Any) -> time:
    if isinstance(value, time):
        return value.replace(tzinfo=None)
    if isinstance(value, str) and _is_time(value):
        return time.fromisoformat(value).replace(tzinfo=None)
    return _timestamp(value).time()


def _timetz(value: Any) -> time:
    if isinstance(value, str) and _is_time(value):
        value = time.fromisoformat(value)
    if isinstance(value, time) and value.tzinfo is not None:
        return value
    return _time(value).replace(tzinfo=UTC)


def _is_time(text: str) -> bool:
    return text[2:3] == ":"


def _bytes_of_base64(value: Any) -> bytes:
    return b64decode(value, validate=True) if isinstance(value, str) else _bytes(value)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):  # as PostgreSQL reads text for a bytea
        return bytes.fromhex(value[2:]) if value.startswith("\\x") else value.encode()
    return bytes(value)


_ENCODERS: Mapping[str, Encoder] = {
    **dict.fromkeys(("int2", "int4", "int8", "xid8"), _integer),
    **dict.fromkeys(("oid", "xid", "cid"), _unsigned),
    **dict.fromkeys(("json", "jsonb"), _json),
    "bool": _boolean,
    "float4": _float4,
    "float8": float,
    "numeric": _decimal,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "date": _date,
    "time": _time,
    "timetz": _timetz,
}


# Results, for the fields of the schema

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""PostgreSQL's numeric may have more digits than Python's default context keeps."""


def decoder(field_type: FieldType) -> Decoder | None:
    decode = _DECODERS.get(field_type["type"])
    if decode is None or field_type["arity"] != "list":
        return decode
    return lambda values: [None if value is None else decode(value) for value in values]


@lru_cache(maxsize=4096)
def json_datetime(value: Any) -> str:
    """As `Driver.json_decoder` wants it. The newest records are read over and over."""
    moment = value if type(value) is datetime else _client_datetime(value)
    return moment.isoformat("T", "milliseconds")[:23] + "Z"  # UTC, with its offset or without


def _client_decimal(value: Any) -> Decimal:
    """Without the zeros that the column's scale adds, as Prisma has it."""
    if type(value) is not Decimal:
        value = Decimal(value)
    number: Decimal = value
    if not number.is_finite():
        return number
    shortest = number.normalize(_EXACT)
    _, _, exponent = shortest.as_tuple()
    return shortest if int(exponent) <= 0 else shortest.quantize(Decimal(1), context=_EXACT)


def _client_datetime(value: Any) -> datetime:
    if type(value) is datetime:
        microsecond = value.microsecond
        if microsecond % 1000 == 0:
            return value.replace(tzinfo=UTC)
        return value.replace(microsecond=microsecond // 1000 * 1000, tzinfo=UTC)
    if type(value) is date:
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if type(value) is time:
        # The zone of a timetz is dropped, not applied: Prisma's adapter does so.
        milliseconds = value.microsecond // 1000 * 1000
        return datetime(
            1970, 1, 1, value.hour, value.minute, value.second, milliseconds, tzinfo=UTC
        )
    return _client_datetime(datetime.fromisoformat(value))


def _client_bytes(value: bytes) -> str:
    return b64encode(value).decode("ascii")


_DECODERS: Mapping[str, Decoder] = {
    "bigint": int,  # the sum of bigints is numeric
    "float": float,  # so is an average
    "decimal": _client_decimal,
    "datetime": _client_datetime,
    "bytes": _client_bytes,
}


# Results of raw queries


def raw_columns(types: Sequence[asyncpg.Type]) -> list[tuple[str, Decoder | None]]:
    """Prisma's name of each column's type, and how its values are to be given."""
    return [_raw_column(type_) for type_ in types]


def _raw_column(type_: asyncpg.Type) -> tuple[str, Decoder | None]:
    if type_.kind == "array":
        name, decode = _raw_scalar(type_.name.removesuffix("[]"), type_.schema)
        return f"{name}-array", None if decode is None else lambda values: _each(values, decode)
    if type_.kind != "scalar":
        raise DriverError("UnsupportedNativeDataType", type=type_.name)
    return _raw_scalar(type_.name, type_.schema)


def _raw_scalar(name: str, schema: str) -> tuple[str, Decoder | None]:
    if schema != "pg_catalog":
        return "string", None  # enums, citext and others that extensions bring
    if name not in _RAW:
        raise DriverError("UnsupportedNativeDataType", type=name)
    return _RAW[name]


def _each(values: Sequence[Any], decode: Decoder) -> list[Any]:
    return [
        None if value is None else _each(value, decode) if type(value) is list else decode(value)
        for value in values
    ]


def _raw_datetime(value: datetime) -> str:
    return _without_zeros(value.replace(tzinfo=None).isoformat()) + "+00:00"


def _raw_time(value: time) -> str:
    return _without_zeros(value.replace(tzinfo=None).isoformat())


def _without_zeros(text: str) -> str:
    """PostgreSQL's spelling of fractions."""
    return text.rstrip("0") if "." in text else text


def _raw_decimal(value: Decimal) -> str:
    return format(value, "f")


def _raw_money(value: str) -> str:
    return re.sub(r"[^\d.-]", "", value)


_RAW: Mapping[str, tuple[str, Decoder | None]] = {
    **dict.fromkeys(("int2", "int4"), ("int", None)),
    **dict.fromkeys(("int8", "oid"), ("bigint", str)),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "xml"), ("string", None)),
    **dict.fromkeys(("inet", "cidr", "bit", "varbit"), ("string", None)),
    **dict.fromkeys(("json", "jsonb"), ("json", json.loads)),
    **dict.fromkeys(("timestamp", "timestamptz"), ("datetime", _raw_datetime)),
    **dict.fromkeys(("time", "timetz"), ("time", _raw_time)),
    "float4": ("float", None),
    "float8": ("double", None),
    "bool": ("bool", None),
    "char": ("char", bytes.decode),
    "date": ("date", date.isoformat),
    "numeric": ("decimal", _raw_decimal),
    "money": ("decimal", _raw_money),
    "uuid": ("uuid", None),
    "bytea": ("bytes", _client_bytes),
}
