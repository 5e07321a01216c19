"""Migrate's connection to PostgreSQL: one asyncpg connection."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from ...drivers.driver import Provider
from ...drivers.postgresql.connect import Connector, RawConnection, quoted
from ...drivers.postgresql.errors import FAILURES, translate
from ...drivers.postgresql.url import PostgreSQLSettings
from ...errors import DriverError, EngineError
from ..cancellation import to_the_end
from ..statements import ScriptStatement, line_of, split
from .database import Database, Rows, ScriptError, explained

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

    def __init__(self, settings: PostgreSQLSettings, *, folder: Path) -> None:
        """`folder` is that of schema.prisma; a schema that is not there is made."""
        self.settings = settings
        self.folder = folder
        self.name = settings.database
        self.schema = settings.schema
        self._connection: RawConnection | None = None

    async def connect(self) -> None:
        """Raises EngineError (P1000, P1001, P1003, P1010, P1011)."""
        self._connection = await connect(self.settings, folder=self.folder)
        encoding = self._connection.get_settings().server_encoding
        if encoding != "UTF8":
            await self.close()
            raise EngineError(
                None,
                f"The database `{self.settings.database}` has the encoding {encoding}, which "
                "cannot hold every text. Make one with: CREATE DATABASE name ENCODING 'UTF8' "
                "TEMPLATE template0",
            )
        if self.schema != "public" and not await self._has_schema():
            await self.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema)}")

    async def query(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        connection = self._open()
        # Behind PgBouncer a statement must not outlive its transaction.
        scope = connection.transaction() if self.settings.pgbouncer else nullcontext()
        try:
            async with scope:
                statement = await connection.prepare(sql, name="")
                records = await statement.fetch(*args)
        except FAILURES as error:
            raise translate(error) from error
        attributes = statement.get_attributes()
        return Rows(
            tuple(attribute.name for attribute in attributes),
            tuple(attribute.type.oid for attribute in attributes),
            [tuple(record) for record in records],
        )

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        try:
            status = await self._open().execute(sql, *args)
        except FAILURES as error:
            raise translate(error) from error
        count = status.rpartition(" ")[2] if status else ""
        return int(count) if count.isdigit() else 0

    async def run_script(self, script: str) -> None:
        """In one transaction, as the simple query protocol would run it, but statement by
        statement, so that a failure names its statement. A script that steers transactions, or
        that cannot run inside one, goes to the server whole."""
        statements = split(script, "postgresql")
        if not statements:
            return
        if _needs_own_transactions(statements):
            await self._run_whole(script, statements)
        else:
            await self._run_each(statements)

    def all_or_nothing(self) -> AbstractAsyncContextManager[None]:
        """Not here: the engine's own steps commit (an enum's new value must be committed before
        it is used)."""
        return nullcontext()

    def undoes(self, script: str) -> bool:
        return not _needs_own_transactions(split(script, "postgresql"))

    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        """PostgreSQL drops the lock with the connection, however that ends."""
        if self.settings.pgbouncer:
            raise EngineError(
                None,
                "The database URL says pgbouncer=true, and there is something to migrate. A pooler "
                "in transaction mode cannot hold the lock that keeps two migrations apart. Name "
                "the server itself in the variable DIRECT_URL (or the schema's directUrl).",
            )
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
                f"The database server at `{address(self.settings)}` was reached but timed out.\n\n"
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
            (quoted(self.schema),),
        )
        return [record[0] for record in found.records]

    async def virtual_tables(self) -> list[str]:
        return []

    def _open(self) -> RawConnection:
        if self._connection is None:
            raise DriverError("ConnectionClosed")
        return self._connection

    async def _has_schema(self) -> bool:
        found = await self.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", (self.schema,))
        return bool(found.records)

    async def _run_whole(self, script: str, statements: Sequence[ScriptStatement]) -> None:
        try:
            await self._open().execute(script)
        except FAILURES as error:
            position = _position(error)
            only = statements[0] if len(statements) == 1 else None
            line = only.line if only else None
            raise _script_error(
                error,
                statement=only.text if only else None,
                line=line if position is None else line_of(script, position),
                undone=only is not None,
            ) from error

    async def _run_each(self, statements: Sequence[ScriptStatement]) -> None:
        connection = self._open()
        transaction = connection.transaction()
        current: ScriptStatement | None = None
        try:
            await transaction.start()
            try:
                for statement in statements:
                    current = statement
                    await connection.execute(statement.text)
            except BaseException:
                with suppress(*FAILURES):  # of a lost connection
                    await to_the_end(transaction.rollback())
                raise
            current = None
            await to_the_end(transaction.commit())
        except FAILURES as error:
            # Without a statement: what is checked only at the end, such as a deferred key.
            text, line = "COMMIT", None
            if current is not None:
                text = current.text
                line = current.line + text.count("\n", 0, _position(error) or 0)
            raise _script_error(error, statement=text, line=line, undone=True) from error


async def connect(settings: PostgreSQLSettings, *, folder: Path) -> RawConnection:
    """Raises EngineError (P1000, P1001, P1003, P1010, P1011)."""
    try:
        return await Connector(settings, folder=folder).open()
    except DriverError as error:
        raise explained(error) from error


def address(settings: PostgreSQLSettings) -> str:
    if settings.host.startswith("/"):
        return f"unix:{settings.host}"
    return f"{settings.host}:{settings.port}"


async def create_database(settings: PostgreSQLSettings, *, folder: Path) -> None:
    """Create the database that `settings` name, over one that every server has. Raises
    EngineError P3000."""
    try:
        server = await connect(dataclasses.replace(settings, database="postgres"), folder=folder)
    except EngineError:
        server = await connect(dataclasses.replace(settings, database="template1"), folder=folder)
    try:
        # Somebody else was quicker: seen by the server early, or only in its catalog.
        with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await server.execute(f"CREATE DATABASE {quoted(settings.database)}")
    except asyncpg.PostgresError as error:
        raise EngineError(
            "P3000", f"Failed to create database: {error}", {"database_error": str(error)}
        ) from error
    finally:
        await server.close()


async def drop_database(settings: PostgreSQLSettings, *, folder: Path) -> None:
    server = await connect(dataclasses.replace(settings, database="postgres"), folder=folder)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {quoted(settings.database)}")
    finally:
        await server.close()


_STEERING = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"})
_ALONE = re.compile(
    r"\b(CONCURRENTLY|VACUUM|REINDEX|CLUSTER|DATABASE|TABLESPACE|SYSTEM|SUBSCRIPTION)\b",
    re.IGNORECASE,
)


def _needs_own_transactions(statements: Sequence[ScriptStatement]) -> bool:
    """Whether the script steers transactions itself, or is one statement that PostgreSQL may
    refuse to run inside of one."""
    if len(statements) == 1 and _ALONE.search(statements[0].text):
        return True
    return any(statement.words[:1] and statement.words[0] in _STEERING for statement in statements)


def _script_error(
    error: Exception, *, statement: str | None, line: int | None, undone: bool
) -> ScriptError:
    if not isinstance(error, asyncpg.PostgresError) or _is_lost(error):
        return ScriptError(
            f"The connection was lost: {error}",
            code="08006",
            statement=statement,
            line=line,
            undone=undone,
        )
    fields = error.as_dict()
    message = f"{fields.get('severity', 'ERROR')}: {fields.get('message', error)}"
    for label in ("detail", "hint", "context"):
        if fields.get(label):
            message += f"\n\n{label.upper()}: {fields[label]}"
    return ScriptError(
        message, code=fields.get("sqlstate") or "", statement=statement, line=line, undone=undone
    )


def _is_lost(error: Exception) -> bool:
    return translate(error).kind == "ConnectionClosed"


def _position(error: Exception) -> int | None:
    """The offset, from 0, that the server gives with an error of syntax or of names."""
    position = getattr(error, "position", None)
    return int(position) - 1 if position else None
