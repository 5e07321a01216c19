"""PostgreSQL's values as the schema engine reads and writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...errors import DriverError
from ...wasm.javascript import BigInt, Uint8Array
from ..databases.database import Database, Rows
from .types import ARRAY, ColumnType, is_datetime

PROVIDER = "postgres"
ADAPTER = "@prisma/adapter-pg"
LOCK = re.compile(r"SELECT pg_advisory_lock\(\d+\)")

# By oid, as adapter-pg has it (conversion.ts); "char" (18) differs: that adapter refuses it, but
# the engine's own queries answer it.
_TYPES = {
    16: ColumnType.BOOLEAN,
    17: ColumnType.BYTES,
    18: ColumnType.CHARACTER,
    20: ColumnType.INT64,
    21: ColumnType.INT32,
    23: ColumnType.INT32,
    26: ColumnType.INT64,
    114: ColumnType.JSON,
    700: ColumnType.FLOAT,
    701: ColumnType.DOUBLE,
    790: ColumnType.NUMERIC,
    1082: ColumnType.DATE,
    1083: ColumnType.TIME,
    1114: ColumnType.DATETIME,
    1184: ColumnType.DATETIME,
    1266: ColumnType.TIME,
    1700: ColumnType.NUMERIC,
    2950: ColumnType.UUID,
    3802: ColumnType.JSON,
}
_ARRAYS = {
    1000: 16, 1001: 17, 1002: 18, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1014: 1042, 1015: 1043,
    1016: 20, 1021: 700, 1022: 701, 1028: 26, 1115: 1114, 1182: 1082, 1183: 1083, 1185: 1184,
    1231: 1700, 199: 114, 2951: 2950, 3807: 3802,
}  # fmt: skip
_TEXT = frozenset({19, 25, 142, 194, 650, 705, 869, 1042, 1043, 1560, 1562, 2202, 2205, 2206, 4089})
_FIRST_OF_USERS = 16384
"""Smaller oids are built in; a type of a user's, such as an enum, travels as text."""


def connection_info(database: Database) -> dict[str, Any]:
    return {"supportsRelationJoins": True, "schemaName": database.schema}


def arguments(values: Sequence[Any], types: Sequence[Any]) -> list[Any]:
    return [
        datetime.fromisoformat(value) if is_datetime(kind, value) else _argument(value)
        for value, kind in zip(values, types, strict=True)
    ]


def answer(sql: str, rows: Rows) -> dict[str, Any]:
    """The engine reads rows as JSON, so bytes travel as a list of numbers."""
    return {
        "columnNames": list(rows.columns),
        "columnTypes": [_column_type(oid) for oid in rows.types],
        "rows": [
            [_value(value, oid) for value, oid in zip(record, rows.types, strict=True)]
            for record in rows.records
        ],
    }


def empty_history(sql: str) -> dict[str, Any] | None:
    return None  # the engine knows the error


def _argument(value: Any) -> Any:
    if isinstance(value, list):
        return [_argument(item) for item in value]
    if isinstance(value, Uint8Array):
        return bytes(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, BigInt) else value


def _column_type(oid: int) -> int:
    if oid in _ARRAYS:
        return _column_type(_ARRAYS[oid]) + ARRAY
    if oid in _TEXT or oid >= _FIRST_OF_USERS:
        return ColumnType.TEXT
    if oid in _TYPES:
        return _TYPES[oid]
    raise DriverError("UnsupportedNativeDataType", type=str(oid))


def _value(value: Any, oid: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, list):
        return [_value(item, _ARRAYS.get(oid, 25)) for item in value]
    if isinstance(value, bytes):  # asyncpg gives "char" as bytes too
        return value.decode() if oid in (18, 1002) else list(value)
    if isinstance(value, int):
        return str(value) if oid in (20, 26) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
