"""What can go wrong in the engine, from the database up to the caller.

    DriverError            a driver's report: a *kind* and its facts, no P-code yet
    EngineError            Prisma's user-facing error: code, message, meta

A driver maps its database's codes to kinds (`drivers/*/errors.py`); `user_facing` below maps
kinds to P-codes and messages; `client.py` raises the class that Prisma Client Python's users
catch. Kinds, codes and wording follow `user-facing-error.ts` of Prisma's client-engine-runtime
7.10 and its driver-adapter-utils.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class DriverError(Exception):
    """A database refused or failed. `kind` is one of the keys of `_RENDERERS`, or the name of
    the database ("sqlite", "postgres") for what has no Prisma code of its own.

    `facts` holds what the kind's message needs (`constraint`, `table`, `column`, `host`, ...).
    """

    def __init__(
        self,
        kind: str,
        *,
        original_code: str | None = None,
        original_message: str | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(f"{kind}: {original_message or facts}")
        self.kind = kind
        self.original_code = original_code
        self.original_message = original_message
        self.facts: Mapping[str, Any] = facts


class EngineError(Exception):
    """An error of Prisma: `code` (P2002, ...), `message` and `meta` (always a dict)."""

    def __init__(
        self, code: str | None, message: str, meta: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message
        self.meta: dict[str, Any] = dict(meta or {})


def user_facing(error: DriverError, *, raw: bool = False) -> EngineError:
    """The user-facing error for a driver's report; `raw` for query_raw and execute_raw (P2010)."""
    if raw:
        message = error.original_message or _message(error) or "N/A"
        code = error.original_code or "N/A"
        text = f"Raw query failed. Code: `{code}`. Message: `{message}`"
        return EngineError("P2010", text, {**_meta(error), "code": code, "message": message})
    found = _RENDERERS.get(error.kind)
    if found is None:
        code = error.original_code or "N/A"
        message = error.original_message or "N/A"
        text = f"Database error. Code: `{code}`. Message: `{message}`"
        return EngineError("P2039", text, {"code": code, "message": message})
    code, render = found
    return EngineError(code, render(error.facts), _meta(error))


def _message(error: DriverError) -> str | None:
    found = _RENDERERS.get(error.kind)
    return found[1](error.facts) if found else None


def _meta(error: DriverError) -> dict[str, Any]:
    """The old shape, which Prisma Client Python reads: target, table, column, constraint."""
    meta: dict[str, Any] = {}
    constraint = error.facts.get("constraint")
    if isinstance(constraint, Mapping):
        if "fields" in constraint:
            meta["target"] = list(constraint["fields"])
        elif "index" in constraint:
            meta["target"] = constraint["index"]
        if error.kind in ("ForeignKeyConstraintViolation", "NullConstraintViolation"):
            meta["constraint"] = (
                constraint.get("fields") or constraint.get("index") or "foreign key"
            )
    for fact in ("table", "column"):
        if error.facts.get(fact) is not None:
            meta[fact] = error.facts[fact]
    if error.original_message is not None:
        meta["message"] = error.original_message
    return meta


def _constraint(facts: Mapping[str, Any]) -> str:
    constraint = facts.get("constraint") or {}
    if "fields" in constraint:
        fields: Sequence[str] = constraint["fields"]
        return "fields: (" + ", ".join(f"`{field}`" for field in fields) + ")"
    if "index" in constraint:
        return f"constraint: `{constraint['index']}`"
    if "foreignKey" in constraint:
        return "foreign key"
    return "(not available)"


def _given(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return "(not available)" if value is None else str(value)


def _address(facts: Mapping[str, Any]) -> str:
    host, port = facts.get("host"), facts.get("port")
    return f" at {host}:{port}" if host and port else f" at {host}" if host else ""


Renderer = Callable[[Mapping[str, Any]], str]

_RENDERERS: dict[str, tuple[str, Renderer]] = {
    "AuthenticationFailed": (
        "P1000",
        lambda f: (
            "Authentication failed against the database server, the provided database "
            f"credentials for `{_given(f, 'user')}` are not valid"
        ),
    ),
    "DatabaseNotReachable": (
        "P1001",
        lambda f: (
            f"Can't open the database file `{f['file']}`: {f['reason']}"
            if "file" in f
            else f"Can't reach database server{_address(f)}"
        ),
    ),
    "DatabaseDoesNotExist": (
        "P1003",
        lambda f: f"Database `{_given(f, 'db')}` does not exist on the database server",
    ),
    "SocketTimeout": ("P1008", lambda f: "Operation has timed out"),
    "DatabaseAlreadyExists": (
        "P1009",
        lambda f: f"Database `{_given(f, 'db')}` already exists on the database server",
    ),
    "DatabaseAccessDenied": (
        "P1010",
        lambda f: f"User was denied access on the database `{_given(f, 'db')}`",
    ),
    "TlsConnectionError": (
        "P1011",
        lambda f: f"Error opening a TLS connection: {_given(f, 'reason')}",
    ),
    "ConnectionClosed": ("P1017", lambda f: "Server has closed the connection."),
    "TransactionAlreadyClosed": ("P1018", lambda f: _given(f, "cause")),
    "LengthMismatch": (
        "P2000",
        lambda f: (
            "The provided value for the column is too long for the column's type. "
            f"Column: {_given(f, 'column')}"
        ),
    ),
    "UniqueConstraintViolation": (
        "P2002",
        lambda f: f"Unique constraint failed on the {_constraint(f)}",
    ),
    "ForeignKeyConstraintViolation": (
        "P2003",
        lambda f: f"Foreign key constraint violated on the {_constraint(f)}",
    ),
    "RestrictViolation": (
        "P2003",
        lambda f: f"Foreign key constraint violated on the {_constraint(f)}",
    ),
    "InvalidInputValue": ("P2007", lambda f: f"Invalid input value: {_given(f, 'message')}"),
    "UnsupportedNativeDataType": (
        "P2010",
        lambda f: (
            f"Failed to deserialize column of type '{_given(f, 'type')}'. If you're using "
            "query_raw and this column is explicitly marked as `Unsupported` in your Prisma "
            "schema, try casting this column to any supported Prisma type such as `String`."
        ),
    ),
    "NullConstraintViolation": (
        "P2011",
        lambda f: f"Null constraint violation on the {_constraint(f)}",
    ),
    "ValueOutOfRange": (
        "P2020",
        lambda f: f"Value out of range for the type: {_given(f, 'cause')}",
    ),
    "TableDoesNotExist": (
        "P2021",
        lambda f: f"The table `{_given(f, 'table')}` does not exist in the current database.",
    ),
    "ColumnNotFound": (
        "P2022",
        lambda f: f"The column `{_given(f, 'column')}` does not exist in the current database.",
    ),
    "InvalidIsolationLevel": (
        "P2023",
        lambda f: f"Error in connector: Conversion error: {_given(f, 'level')}",
    ),
    "InconsistentColumnData": (
        "P2023",
        lambda f: f"Inconsistent column data: {_given(f, 'cause')}",
    ),
    "PoolTimeout": (
        "P2024",
        lambda f: (
            "Timed out fetching a new connection from the connection pool. "
            f"(Current connection pool timeout: {_given(f, 'timeout')}, "
            f"connection limit: {_given(f, 'limit')})"
        ),
    ),
    "TransactionWriteConflict": (
        "P2034",
        lambda f: (
            "Transaction failed due to a write conflict or a deadlock. "
            "Please retry your transaction"
        ),
    ),
    "TooManyConnections": (
        "P2037",
        lambda f: f"Too many database connections opened: {_given(f, 'cause')}",
    ),
}
