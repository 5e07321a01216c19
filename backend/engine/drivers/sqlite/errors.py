"""From SQLite's result codes to `DriverError`.

The kinds are those of @prisma/adapter-better-sqlite3 7.10 (`errors.ts`). SQLite names the columns
and tables concerned only in its message, so names are read from there; kinds never are, except
where SQLite has no code of its own (SQLITE_ERROR).
"""

from __future__ import annotations

import re
import sqlite3

from ...errors import DriverError

_NAMED = (
    (re.compile(r"no such table: (?P<name>.+)"), "TableDoesNotExist", "table"),
    (re.compile(r"no such column: (?P<name>.+)"), "ColumnNotFound", "column"),
    (re.compile(r"has no column named (?P<name>.+)"), "ColumnNotFound", "column"),
)


def translate(error: Exception) -> DriverError:
    """The report for an exception of sqlite3, or of binding a value."""
    message = str(error)
    if isinstance(error, OverflowError):
        return DriverError("ValueOutOfRange", original_message=message, cause=message)
    if isinstance(error, UnicodeEncodeError):
        reason = "the text cannot be written as UTF-8 (a lone surrogate?)"
        return DriverError("InvalidInputValue", original_message=reason, message=reason)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return DriverError("sqlite", original_code="1", original_message=message)
    original = {"original_code": str(code), "original_message": message}
    if code in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
        columns = _columns(message)
        table = columns[0].rpartition(".")[0] if columns else None
        return DriverError(
            "UniqueConstraintViolation", constraint=_fields(columns), table=table, **original
        )
    if code == sqlite3.SQLITE_CONSTRAINT_NOTNULL:
        return DriverError(
            "NullConstraintViolation", constraint=_fields(_columns(message)), **original
        )
    if code in (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER):
        return DriverError(
            "ForeignKeyConstraintViolation", constraint={"foreignKey": {}}, **original
        )
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DriverError("SocketTimeout", **original)
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB):
        return DriverError("DatabaseNotReachable", **original)
    for pattern, kind, fact in _NAMED:
        if found := pattern.search(message):
            return DriverError(kind, **original, **{fact: found["name"]})
    return DriverError("sqlite", **original)


def _columns(message: str) -> list[str]:
    _, found, names = message.partition("constraint failed: ")
    return names.split(", ") if found else []


def _fields(columns: list[str]) -> dict[str, list[str]] | None:
    return {"fields": [column.rpartition(".")[2] for column in columns]} if columns else None
