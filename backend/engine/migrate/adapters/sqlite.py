"""SQLite's values as the schema engine reads and writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ...wasm.javascript import BigInt, Uint8Array
from ..databases.database import Database, Rows
from .types import ColumnType, is_datetime

PROVIDER = "sqlite"
ADAPTER = "@prisma/adapter-better-sqlite3"
LOCK = re.compile(r"PRAGMA main\.locking_mode=EXCLUSIVE")

_HISTORY_DATES = ("started_at", "finished_at", "rolled_back_at")


def connection_info(database: Database) -> dict[str, Any]:
    return {"maxBindValues": 999, "supportsRelationJoins": False}


def arguments(values: Sequence[Any], types: Sequence[Any]) -> list[Any]:
    """A time is written as the native engine writes it: in milliseconds since 1970."""
    return [
        int(datetime.fromisoformat(value).timestamp() * 1000)
        if is_datetime(kind, value)
        else _argument(value)
        for value, kind in zip(values, types, strict=True)
    ]


def answer(sql: str, rows: Rows) -> dict[str, Any]:
    """The engine reads rows as JSON, so bytes travel as a list of numbers."""
    types = [_column_type(sql, rows, index) for index in range(len(rows.columns))]
    return {
        "columnNames": list(rows.columns),
        "columnTypes": [int(kind) for kind in types],
        "rows": [
            [_value(value, kind) for value, kind in zip(record, types, strict=True)]
            for record in rows.records
        ],
    }


def empty_history(sql: str) -> dict[str, Any]:
    """The history of a database without `_prisma_migrations`: this build of the engine takes
    the missing table for an error (its check for it is compiled for native SQLite only)."""
    columns = re.findall(r"\w+", sql.partition("FROM")[0])[1:]
    return answer(sql, Rows(tuple(columns), (None,) * len(columns), []))


def _argument(value: Any) -> Any:
    if isinstance(value, Uint8Array):
        return bytes(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, (bool, BigInt)) else value


def _column_type(sql: str, rows: Rows, index: int) -> ColumnType:
    """sqlite3 does not tell a column's declared type. The values do, but for dates; the only ones
    that the engine reads are those of Prisma's own table."""
    if rows.columns[index] in _HISTORY_DATES and "_prisma_migrations" in sql:
        return ColumnType.DATETIME
    value = next((row[index] for row in rows.records if row[index] is not None), None)
    if isinstance(value, int | float):
        return ColumnType.UNKNOWN_NUMBER
    if isinstance(value, str):
        return ColumnType.TEXT
    return ColumnType.BYTES if isinstance(value, bytes) else ColumnType.INT32


def _value(value: Any, kind: ColumnType) -> Any:
    if kind is ColumnType.DATETIME and isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    return list(value) if isinstance(value, bytes) else value
