"""Shadow databases on PostgreSQL: where migrations are tried before they are believed."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

from ...drivers.postgresql.connect import quoted
from ...drivers.postgresql.url import PostgreSQLSettings
from ...errors import EngineError
from ..cancellation import to_the_end
from .postgresql import PostgresqlDatabase, connect, create_database, drop_database


class ShadowDatabase(PostgresqlDatabase):
    """A database made for one use on the server of another; `close` drops it."""

    async def close(self) -> None:
        if self._connection is not None:
            # Both: a cancellation that is still to come would come between them.
            await to_the_end(self._close_and_drop())

    async def _close_and_drop(self) -> None:
        await super().close()
        await drop_database(self.settings, folder=self.folder)


async def create_shadow(settings: PostgreSQLSettings, *, folder: Path) -> ShadowDatabase:
    """Raises EngineError P3014 where the user may not create databases."""
    name = f"prisma_migrate_shadow_db_{uuid.uuid4()}"
    settings = dataclasses.replace(settings, database=name)
    try:
        await to_the_end(create_database(settings, folder=folder))
    except EngineError as error:
        raise EngineError(
            "P3014",
            "Prisma Migrate could not create the shadow database. Please make sure the database "
            "user has permission to create databases. Read more about the shadow database (and "
            "workarounds) at https://pris.ly/d/migrate-shadow\n\n"
            f"Original error: {error}\n\n"
            "Or name another database, which may be emptied, in the variable SHADOW_DATABASE_URL.",
        ) from error
    database = ShadowDatabase(settings, folder=folder)
    try:
        await database.connect()
    except BaseException:
        await to_the_end(drop_database(settings, folder=folder))
        raise
    return database


async def empty_shadow(
    settings: PostgreSQLSettings, *, main: PostgreSQLSettings, folder: Path
) -> PostgresqlDatabase:
    """A shadow database that the user gives: all that it holds is dropped. Raises EngineError
    where it is the main database."""
    if await _identity(settings, folder) == await _identity(main, folder):
        raise EngineError(
            None,
            "The shadow database is the same as the main database. It is emptied whenever "
            "migrations are tried: SHADOW_DATABASE_URL must name another one.",
        )
    database = PostgresqlDatabase(settings, folder=folder)
    await database.connect()
    schema = quoted(database.schema)
    await database.run_script(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    return database


async def _identity(settings: PostgreSQLSettings, folder: Path) -> tuple[object, ...]:
    """Equal for one database, by whatever names it is reached."""
    connection = await connect(settings, folder=folder)
    try:
        found = await connection.fetchrow(
            "SELECT oid, pg_postmaster_start_time(), current_setting('port')"
            " FROM pg_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    return tuple(found or ())
