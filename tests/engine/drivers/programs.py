"""Programs written by hand, as the drivers' tests run them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from backend.engine.drivers.driver import ArgType, Program, Start, Statement

_SCALARS: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "int"),
    (float, "float"),
    (Decimal, "decimal"),
    (datetime, "datetime"),
    (bytes, "bytes"),
    (str, "string"),
)


def arg_type(value: Any, scalar: str | None = None) -> ArgType:
    listed = isinstance(value, list)
    item = value[0] if listed and value else value
    known = next((name for type_, name in _SCALARS if isinstance(item, type_)), "unknown")
    return {
        "arity": "list" if listed else "scalar",
        "scalarType": scalar or known,
        "dbType": None,
    }


def query(sql: str, *args: Any, scalars: Sequence[str | None] = (), raw: bool = False) -> Start:
    """Returns the statement's Rows."""
    return _single(sql, args, scalars, returns_rows=True, raw=raw)


def execute(sql: str, *args: Any, scalars: Sequence[str | None] = (), raw: bool = False) -> Start:
    """Returns the number of affected rows."""
    return _single(sql, args, scalars, returns_rows=False, raw=raw)


def sequence(*starts: Start) -> Start:
    """One after the other; returns their results."""

    def program() -> Program:
        results = []
        for start in starts:
            results.append((yield from start()))
        return results

    return program


def _single(
    sql: str, args: Sequence[Any], scalars: Sequence[str | None], *, returns_rows: bool, raw: bool
) -> Start:
    padded = [*scalars, *[None] * (len(args) - len(scalars))]
    types = [arg_type(value, scalar) for value, scalar in zip(args, padded, strict=True)]
    statement = Statement(sql, types, returns_rows, raw=raw)

    def program() -> Program:
        return (yield statement, args)

    return program
