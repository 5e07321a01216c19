"""Migrate's connection to PostgreSQL: one asyncpg connection."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg

from backend.engine.drivers.driver import Provider
from backend.engine.errors import DriverError, EngineError, user_facing
from backend.engine.migrate.databases.database import Database, Rows, ScriptError
from backend.engine.migrate.statements import ScriptStatement, line_of, split

MIGRATE_LOCK = 72707369
"""The key of Prisma's advisory lock, so that Prisma's own tools and ours wait for each other."""

CREATE_HISTORY = """\
CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)"""


class PostgresqlDatabase(Database):
    provider: Provider = "postgresql"

    def __init__(
        self, parameters: Mapping[str, Any], *, schema: str | None = None, name: str = ""
    ) -> None:
        """`parameters` of asyncpg.connect; `schema` is made if there is none, and used first."""
        self.parameters = parameters
        self.schema = schema or "public"
        self.name = name or str(parameters.get("database", ""))
        self._connection: asyncpg.Connection[Any] | None = None

    async def connect(self) -> None:
        """Raises EngineError (P1000, P1001, P1003, P1010, P1011)."""
        self._connection = await connect(self.parameters)
        if self.schema != "public":
            quoted = '"' + self.schema.replace('"', '""') + '"'
            await self.execute("SET client_min_messages = warning")
            if not (await self._exists("pg_namespace", "nspname", self.schema)):
                await self.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
            await self.execute(f"SET search_path = {quoted}")

    async def query(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        try:
            statement = await self._open().prepare(sql, name="")
            records = await statement.fetch(*args)
        except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError) as error:
            raise driver_error(error) from error
        attributes = statement.get_attributes()
        return Rows(
            tuple(attribute.name for attribute in attributes),
            tuple(attribute.type.oid for attribute in attributes),
            [tuple(record) for record in records],
        )

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        try:
            status = await self._open().execute(sql, *args)
        except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError) as error:
            raise driver_error(error) from error
        count = status.rpartition(" ")[2] if status else ""
        return int(count) if count.isdigit() else 0

    async def run_script(self, script: str) -> None:
        """In one transaction, as the simple query protocol would run it, but statement by
        statement, so that a failure names its statement. A script that steers transactions itself
        goes to the server whole."""
        statements = split(script, "postgresql")
        if not statements:
            return
        if len(statements) == 1 or any(steers_transaction(item) for item in statements):
            await self._run_whole(script, statements)
        else:
            await self._run_each(script, statements)

    def undoes(self, script: str) -> bool:
        statements = split(script, "postgresql")
        return len(statements) == 1 or not any(map(steers_transaction, statements))

    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        """PostgreSQL drops the lock with the connection, however that ends."""
        found = await self.query(f"SELECT pg_try_advisory_lock({MIGRATE_LOCK})")
        if found.records[0][0]:
            return
        waiting()
        await self.execute(f"SET lock_timeout = {max(1, round(timeout * 1000))}")
        try:
            await self.query(f"SELECT pg_advisory_lock({MIGRATE_LOCK})")
        except DriverError as error:
            if error.original_code != "55P03":
                raise
            raise EngineError(
                "P1002",
                f"The database server at `{self.address()}` was reached but timed out.\n\n"
                "Context: Timed out trying to acquire a postgres advisory lock "
                f"(SELECT pg_advisory_lock({MIGRATE_LOCK})). Timeout: {timeout * 1000:.0f}ms. "
                "See https://pris.ly/d/migrate-advisory-locking for details.",
            ) from error
        await self.execute("SET lock_timeout = DEFAULT")

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=5)
        except (asyncpg.PostgresError, OSError, TimeoutError):
            connection.terminate()

    def parameter(self, number: int) -> str:
        return f"${number}"

    def moment(self, when: datetime) -> datetime:
        return when

    def parse_moment(self, value: Any) -> datetime | None:
        return value.astimezone(UTC) if isinstance(value, datetime) else None

    async def has_history(self) -> bool:
        found = await self.query(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = '_prisma_migrations' AND n.nspname = $1",
            (self.schema,),
        )
        return bool(found.records)

    async def create_history(self) -> None:
        await self.execute(CREATE_HISTORY)

    async def foreign_objects(self) -> list[str]:
        found = await self.query(
            "SELECT c.relname AS name FROM pg_class c"
            " WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = $1::regnamespace"
            " AND c.relname <> '_prisma_migrations' AND NOT EXISTS (SELECT 1 FROM pg_depend d"
            "  WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')"
            " UNION ALL SELECT t.typname FROM pg_type t"
            " WHERE t.typtype = 'e' AND t.typnamespace = $1::regnamespace AND NOT EXISTS"
            "  (SELECT 1 FROM pg_depend d"
            "  WHERE d.objid = t.oid AND d.classid = 'pg_type'::regclass AND d.deptype = 'e')"
            " ORDER BY name",
            ('"' + self.schema.replace('"', '""') + '"',),
        )
        return [record[0] for record in found.records]

    def address(self) -> str:
        return address(self.parameters)

    def _open(self) -> asyncpg.Connection[Any]:
        if self._connection is None:
            raise DriverError("ConnectionClosed")
        return self._connection

    async def _exists(self, catalog: str, column: str, name: str) -> bool:
        found = await self.query(f"SELECT 1 FROM {catalog} WHERE {column} = $1", (name,))
        return bool(found.records)

    async def _run_whole(self, script: str, statements: Sequence[ScriptStatement]) -> None:
        try:
            await self._open().execute(script)
        except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError) as error:
            position = _position(error)
            line = None if position is None else line_of(script, position)
            undone = len(statements) == 1 or not any(map(steers_transaction, statements))
            only = statements[0] if len(statements) == 1 else None
            raise _script_failed(
                error,
                statement=only.text if only else None,
                line=line or (only.line if only else None),
                undone=undone,
            ) from error

    async def _run_each(self, script: str, statements: Sequence[ScriptStatement]) -> None:
        connection = self._open()
        current: ScriptStatement | None = None
        try:
            async with connection.transaction():
                for statement in statements:
                    current = statement
                    await connection.execute(statement.text)
                current = None
        except (asyncpg.PostgresError, OSError, asyncpg.InterfaceError) as error:
            if current is None:  # what is checked only at the end, or a lost connection
                failure = _script_failed(error, statement="COMMIT", line=None, undone=True)
            else:
                position = _position(error)
                line = current.line + (
                    0 if position is None else current.text.count("\n", 0, position)
                )
                failure = _script_failed(error, statement=current.text, line=line, undone=True)
            raise failure from error


async def connect(parameters: Mapping[str, Any]) -> asyncpg.Connection[Any]:
    """An asyncpg connection. Raises EngineError (P1000, P1001, P1003, P1010, P1011)."""
    try:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            **parameters,
            statement_cache_size=0,
            server_settings={"timezone": "UTC"},
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise user_facing(connect_error(error, parameters)) from error
    return connection


def address(parameters: Mapping[str, Any]) -> str:
    host = str(parameters.get("host") or "localhost")
    if host.startswith("/"):
        return f"unix:{host}"
    return f"{host}:{parameters.get('port') or 5432}"


async def create_database(parameters: Mapping[str, Any]) -> None:
    """Create the database that `parameters` name, over one that every server has."""
    name = str(parameters["database"]).replace('"', '""')
    try:
        connection = await connect({**parameters, "database": "postgres"})
    except EngineError:
        connection = await connect({**parameters, "database": "template1"})
    try:
        # Somebody else was quicker: seen by the server early, or only in its catalog.
        with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.PostgresError as error:
        raise EngineError(
            "P3000", f"Failed to create database: {error}", {"database_error": str(error)}
        ) from error
    finally:
        await connection.close()


def steers_transaction(statement: ScriptStatement) -> bool:
    return bool(statement.words) and (
        statement.words[0] in ("BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT")
        or statement.words[:2]
        in (("START", "TRANSACTION"), ("PREPARE", "TRANSACTION"), ("VACUUM",))
    )


def connect_error(error: BaseException, parameters: Mapping[str, Any]) -> DriverError:
    message = str(error) or type(error).__name__
    original = {
        "original_code": getattr(error, "sqlstate", None),
        "original_message": message,
    }
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        return DriverError("AuthenticationFailed", user=parameters.get("user"), **original)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return DriverError("DatabaseDoesNotExist", db=parameters.get("database"), **original)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return DriverError("DatabaseAccessDenied", db=parameters.get("database"), **original)
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return DriverError("TooManyConnections", cause=message, **original)
    if isinstance(error, ssl.SSLError) or "SSL" in message:
        return DriverError("TlsConnectionError", reason=message, **original)
    host, _, port = address(parameters).rpartition(":")
    return DriverError("DatabaseNotReachable", host=host, port=port, **original)


def driver_error(error: BaseException) -> DriverError:
    """The schema engine's kinds for PostgreSQL's errors (adapter-pg 7.10, errors.ts)."""
    if not isinstance(error, asyncpg.PostgresError):
        return DriverError("ConnectionClosed", original_message=str(error))
    fields = error.as_dict()
    code, message = fields.get("sqlstate"), fields.get("message", "")
    original = {"original_code": code, "original_message": message}
    named = message.split('"')[1] if message.count('"') >= 2 else None
    constraint = {"index": fields["constraint_name"]} if "constraint_name" in fields else {}
    if code == "23505":
        return DriverError("UniqueConstraintViolation", constraint=constraint, **original)
    if code == "23502":
        columns = {"fields": [fields["column_name"]]} if "column_name" in fields else {}
        return DriverError("NullConstraintViolation", constraint=columns, **original)
    if code == "23503":
        return DriverError("ForeignKeyConstraintViolation", constraint=constraint, **original)
    if code == "42P01":
        return DriverError("TableDoesNotExist", table=named, **original)
    if code == "42703":
        return DriverError("ColumnNotFound", column=named, **original)
    if code in ("40001", "40P01"):
        return DriverError("TransactionWriteConflict", **original)
    return DriverError(
        "postgres",
        code=code,
        severity=fields.get("severity", "ERROR"),
        message=message,
        detail=fields.get("detail"),
        column=fields.get("column_name"),
        hint=fields.get("hint"),
        **original,
    )


def _script_failed(
    error: BaseException, *, statement: str | None, line: int | None, undone: bool
) -> ScriptError:
    if not isinstance(error, asyncpg.PostgresError):
        return ScriptError(
            f"The connection was lost: {error}",
            code="08006",
            statement=statement,
            line=line,
            undone=False,
        )
    fields = error.as_dict()
    message = f"{fields.get('severity', 'ERROR')}: {fields.get('message', error)}"
    for label in ("detail", "hint", "context"):
        if fields.get(label):
            message += f"\n\n{label.upper()}: {fields[label]}"
    return ScriptError(
        message, code=fields.get("sqlstate") or "", statement=statement, line=line, undone=undone
    )


def _position(error: BaseException) -> int | None:
    """The offset, from 0, that the server gives with an error of syntax or of names."""
    position = getattr(error, "position", None)
    return int(position) - 1 if position else None
