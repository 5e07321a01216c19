"""Where migrations run: a database URL, read as the engine reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasource import provider_of, sqlite_path
from ..drivers.driver import Provider
from ..errors import EngineError
from .databases.database import Database, Log

if TYPE_CHECKING:
    from ..drivers.postgresql.url import PostgreSQLSettings


@dataclass(frozen=True, slots=True)
class Target:
    provider: Provider
    name: str
    """The database's name, or the file's."""
    location: str
    """Where it is, for people: `localhost:5432`, or the file's URL."""
    folder: Path
    """That of schema.prisma."""
    path: Path | None = None
    """SQLite: the file, None for a database in memory."""
    postgresql: PostgreSQLSettings | None = field(default=None, repr=False)

    @property
    def schema(self) -> str:
        """The PostgreSQL schema."""
        return self.postgresql.schema if self.postgresql else ""

    def describe(self) -> str:
        """Prisma's line about it (printDatasource)."""
        if self.provider == "sqlite":
            return f'Datasource "db": SQLite database "{self.name}" at "{self.location}"'
        return (
            f'Datasource "db": PostgreSQL database "{self.name}", schema "{self.schema}" '
            f'at "{self.location}"'
        )


def parse_target(url: str, *, base: Path) -> Target:
    """`base`: the folder of schema.prisma. Raises EngineError P1013."""
    if provider_of(url) == "sqlite":
        path = sqlite_path(url, folder=base)
        name = path.name if path else ":memory:"
        return Target("sqlite", name, url.partition("?")[0], base, path=path)
    # asyncpg, which these load, costs what SQLite's users need not pay.
    from ..drivers.postgresql.url import parse_url
    from .databases.postgresql import address

    settings = parse_url(url)
    return Target("postgresql", settings.database, address(settings), base, postgresql=settings)


async def open_database(target: Target, *, create: bool, log: Log) -> Database:
    """Connect; where the database is missing, make it if `create`, else raise P1003."""
    if target.postgresql is not None:
        return await _open_postgresql(target, target.postgresql, create=create, log=log)
    return await _open_sqlite(target, create=create, log=log)


async def open_shadow(target: Target, shadow_url: str | None) -> Database:
    """An empty database in which the migrations are tried: made on the server of `target` and
    dropped when closed, or that of `shadow_url`, emptied."""
    if target.postgresql is None:
        from .databases.sqlite import SqliteDatabase

        memory = SqliteDatabase(None)
        await memory.connect()
        return memory
    from .databases.shadow import create_shadow, empty_shadow

    if shadow_url is None:
        return await create_shadow(target.postgresql, folder=target.folder)
    shadow = parse_target(shadow_url, base=target.folder).postgresql
    if shadow is None:
        raise EngineError(None, "SHADOW_DATABASE_URL must name a PostgreSQL database.")
    return await empty_shadow(shadow, main=target.postgresql, folder=target.folder)


async def _open_sqlite(target: Target, *, create: bool, log: Log) -> Database:
    from .databases.sqlite import SqliteDatabase

    exists = _exists(target.path)
    if not exists and not create:
        raise EngineError(
            "P1003", f"Database `{target.name}` does not exist at `{target.location}`."
        )
    if target.path is not None and not exists:
        os.makedirs(target.path.parent, exist_ok=True)
    database = SqliteDatabase(target.path)
    await database.connect()
    if not exists:
        log(f"SQLite database {target.name} created at {target.location}")
    return database


def _exists(path: Path | None) -> bool:
    return path is None or path.exists()


async def _open_postgresql(
    target: Target, settings: PostgreSQLSettings, *, create: bool, log: Log
) -> Database:
    from .databases.postgresql import PostgresqlDatabase, create_database

    database = PostgresqlDatabase(settings, folder=target.folder)
    try:
        await database.connect()
    except EngineError as error:
        if error.code != "P1003" or not create:
            raise
        await create_database(settings, folder=target.folder)
        log(f"PostgreSQL database {target.name} created at {target.location}")
        await database.connect()
    return database
