"""ColumnTypeEnum and ArgType of Prisma's driver-adapter-utils 7.10."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ColumnType(IntEnum):
    INT32 = 0
    INT64 = 1
    FLOAT = 2
    DOUBLE = 3
    NUMERIC = 4
    BOOLEAN = 5
    CHARACTER = 6
    TEXT = 7
    DATE = 8
    TIME = 9
    DATETIME = 10
    JSON = 11
    ENUM = 12
    BYTES = 13
    SET = 14
    UUID = 15
    UNKNOWN_NUMBER = 128


ARRAY = 64
"""Added to a type for its array (up to UUID)."""


def is_datetime(kind: Mapping[str, Any] | str, value: Any) -> bool:
    """Whether an argument is a time, which the engine writes as text (RFC 3339)."""
    name = kind if isinstance(kind, str) else str(kind.get("scalarType"))
    return isinstance(value, str) and name.lower() == "datetime"
