"""PostgreSQL's errors, by their SQLSTATE, as the engine's kinds.

After `convertDriverError` of @prisma/adapter-pg 7.10. Where its JavaScript driver knows less than
asyncpg, this says more: the columns of a unique constraint rather than its name, the column that
was null. No message's text decides anything, as PostgreSQL translates it; names are read from it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from ...errors import DriverError

Facts = Mapping[str, Any]

FAILURES: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # TimeoutError and ssl.SSLError are OSErrors
)
"""What asyncpg raises."""


def translate(error: Exception) -> DriverError:
    """The report of a failed statement; `error` is one of FAILURES."""
    lost = _cause_of_loss(error)
    if lost is not None:
        return _report("ConnectionClosed", lost)
    if isinstance(error, asyncpg.PostgresError):
        if error.severity is None:  # asyncpg's own: it could not encode an argument
            return _unsuitable_argument(error)
        kind, facts = _KINDS.get(error.sqlstate, ("postgres", _no_facts))
        return _report(kind, error, facts(error))
    if isinstance(error, TimeoutError):
        return _report("SocketTimeout", error)
    if isinstance(error, OSError):
        return _report("ConnectionClosed", error)
    if isinstance(error, asyncpg.UnsupportedClientFeatureError):
        return _report("UnsupportedNativeDataType", error, {"type": str(error)})
    if isinstance(error, asyncpg.InterfaceError):
        # Another number of arguments than the statement has: PostgreSQL's protocol_violation.
        return DriverError("postgres", original_code="08P01", original_message=str(error.args[0]))
    return _report("postgres", error)


def translate_connecting(
    error: Exception, *, host: str, port: int, user: str | None, database: str
) -> DriverError:
    """The report of an attempt to connect that failed."""
    if isinstance(error, ssl.SSLError) or is_tls_refused(error):
        return DriverError("TlsConnectionError", original_message=str(error), reason=str(error))
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate == "42501":
        return _report("DatabaseAccessDenied", error, {"db": database})
    report = translate(error)
    away = report.kind in ("ConnectionClosed", "SocketTimeout", "DatabaseNotReachable")
    if away or report.original_code == "08P01":  # PgBouncer's word for a server that is away
        return _report("DatabaseNotReachable", error, {"host": host, "port": port})
    if report.kind in ("DatabaseAccessDenied", "DatabaseDoesNotExist"):
        return _report(report.kind, error, {"db": database})
    if report.kind == "AuthenticationFailed" and user is not None:
        return _report(report.kind, error, {"user": user})
    return report


def is_tls_refused(error: Exception) -> bool:
    """The server speaks no TLS. asyncpg has no class of its own for it."""
    return type(error) is ConnectionError and "rejected SSL upgrade" in str(error)


def _report(kind: str, error: Exception, facts: Facts | None = None) -> DriverError:
    # Without asyncpg's DETAIL and HINT; an OSError begins with its number.
    said = str(error) if isinstance(error, OSError) or not error.args else str(error.args[0])
    message = said or type(error).__name__
    code = getattr(error, "sqlstate", None)
    return DriverError(kind, original_code=code, original_message=message, **(facts or {}))


def _cause_of_loss(error: Exception) -> Exception | None:
    """The server's last word, where the connection ended while a statement was under way."""
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and error.severity is None:
        return error.__cause__ if isinstance(error.__cause__, asyncpg.PostgresError) else error
    if isinstance(error, asyncpg.ProtocolError):
        return error
    return None


def _unsuitable_argument(error: asyncpg.PostgresError) -> DriverError:
    message = str(error.args[0])
    if isinstance(error.__cause__, OverflowError):
        return _report("ValueOutOfRange", error, {"cause": message})
    return _report("InvalidInputValue", error, {"message": message})


def _no_facts(error: asyncpg.PostgresError) -> Facts:
    return {}


def _cause(error: asyncpg.PostgresError) -> Facts:
    return {"cause": error.args[0]}


def _message(error: asyncpg.PostgresError) -> Facts:
    return {"message": error.args[0]}


def _column(error: asyncpg.PostgresError) -> Facts:
    return {"column": error.column_name}


def _database(error: asyncpg.PostgresError) -> Facts:
    return {"db": _named(error.args[0])}


def _user(error: asyncpg.PostgresError) -> Facts:
    return {"user": _named(error.args[0])}


def _missing_table(error: asyncpg.PostgresError) -> Facts:
    return {"table": _named(error.args[0])}


def _missing_column(error: asyncpg.PostgresError) -> Facts:
    message = str(error.args[0])
    plain = re.match(r"column (.+?)(?: of relation .+)? does not exist$", message)
    return {"column": _unquoted(plain[1]) if plain else _named(message)}


def _unique(error: asyncpg.PostgresError) -> Facts:
    fields = _key_columns(error.detail)
    constraint: Facts | None = {"fields": fields} if fields else None
    if constraint is None and error.constraint_name:
        constraint = {"index": error.constraint_name}
    return {"constraint": constraint, "table": error.table_name}


def _not_null(error: asyncpg.PostgresError) -> Facts:
    constraint = {"fields": [error.column_name]} if error.column_name else None
    return {"constraint": constraint, "table": error.table_name}


def _foreign_key(error: asyncpg.PostgresError) -> Facts:
    constraint = {"index": error.constraint_name} if error.constraint_name else None
    return {"constraint": constraint, "table": error.table_name}


_KEY = re.compile(r'\(((?:"(?:[^"]|"")*"|[^"])*?)\)=\(')
_PLAIN_NAMES = re.compile(r'(?:"(?:[^"]|"")*"|[\w$]+)(?:, (?:"(?:[^"]|"")*"|[\w$]+))*')
_NAME = re.compile(r'"(?:[^"]|"")*"|[\w$]+')


def _key_columns(detail: str | None) -> list[str] | None:
    """From `Key ("videoId", b)=(1, 2) already exists.` in any language; None where the key is
    made of expressions, or where PostgreSQL keeps it secret."""
    found = _KEY.search(detail or "")
    if found is None or not _PLAIN_NAMES.fullmatch(found[1]):
        return None
    return [_unquoted(name) for name in _NAME.findall(found[1])]


def _unquoted(name: str) -> str:
    return re.sub(r'"((?:[^"]|"")*)"', lambda part: part[1].replace('""', '"'), name)


def _named(message: str) -> str | None:
    found = re.search(r'["»„«“](.+?)["«”»“]', message)
    return found[1] if found else None


_KINDS: dict[str, tuple[str, Callable[[asyncpg.PostgresError], Facts]]] = {
    # 08: connection exceptions
    "08000": ("ConnectionClosed", _no_facts),
    "08001": ("DatabaseNotReachable", _no_facts),
    "08003": ("ConnectionClosed", _no_facts),
    "08004": ("DatabaseNotReachable", _no_facts),
    "08006": ("ConnectionClosed", _no_facts),
    "08007": ("ConnectionClosed", _no_facts),
    # 22: data exceptions
    "22001": ("LengthMismatch", _column),
    "22003": ("ValueOutOfRange", _cause),
    "22P02": ("InvalidInputValue", _message),
    # 23: integrity constraint violations
    "23001": ("RestrictViolation", _foreign_key),
    "23502": ("NullConstraintViolation", _not_null),
    "23503": ("ForeignKeyConstraintViolation", _foreign_key),
    "23505": ("UniqueConstraintViolation", _unique),
    # 25: the server ends sessions that idle in a transaction, or one that takes too long
    "25P03": ("ConnectionClosed", _no_facts),
    "25P04": ("ConnectionClosed", _no_facts),
    "28000": ("DatabaseAccessDenied", _database),
    "28P01": ("AuthenticationFailed", _user),
    "3D000": ("DatabaseDoesNotExist", _database),
    # 40: transaction rollbacks
    "40001": ("TransactionWriteConflict", _no_facts),
    "40P01": ("TransactionWriteConflict", _no_facts),
    # 42: access rule violations
    "42703": ("ColumnNotFound", _missing_column),
    "42P01": ("TableDoesNotExist", _missing_table),
    "42P04": ("DatabaseAlreadyExists", _database),
    "53300": ("TooManyConnections", _cause),
    # 57: operator intervention
    "57014": ("SocketTimeout", _no_facts),  # statement_timeout, or pg_cancel_backend
    "57P01": ("ConnectionClosed", _no_facts),
    "57P02": ("ConnectionClosed", _no_facts),
    "57P03": ("DatabaseNotReachable", _no_facts),
    "57P04": ("ConnectionClosed", _no_facts),
    "57P05": ("ConnectionClosed", _no_facts),
}
