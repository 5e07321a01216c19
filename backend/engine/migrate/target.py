"""Where migrations run: a database URL, read as Prisma reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from backend.engine.drivers.driver import Provider
from backend.engine.errors import EngineError
from backend.engine.migrate.databases.database import Database, Log

_SSL_FILES = ("sslcert", "sslkey", "sslrootcert", "sslpassword")


@dataclass(frozen=True, slots=True)
class Target:
    provider: Provider
    name: str
    """The database's name, or the file's."""
    location: str
    """Where it is, for people: `localhost:5432`, or the file's URL."""
    path: str = ""
    """SQLite: the file."""
    parameters: dict[str, Any] = field(default_factory=dict, repr=False)
    """PostgreSQL: the parameters of asyncpg.connect."""
    schema: str | None = None
    """PostgreSQL: the schema in the database."""

    def describe(self) -> str:
        """Prisma's line about it (printDatasource)."""
        pretty = "SQLite" if self.provider == "sqlite" else "PostgreSQL"
        text = f'Datasource "db": {pretty} database "{self.name}"'
        if self.provider == "postgresql":
            text += f', schema "{self.schema or "public"}"'
        return f'{text} at "{self.location}"'


def parse_target(url: str, *, base: Path) -> Target:
    """`base`: the folder of schema.prisma, to which a relative `file:` path is relative."""
    if url.startswith("file:"):
        return _sqlite(url, base)
    if url.startswith(("postgresql://", "postgres://")):
        return _postgresql(url)
    raise EngineError(
        "P1013",
        "The provided database string is invalid. The URL must start with the protocol `file:`, "
        "`postgresql://` or `postgres://`.",
    )


async def open_database(target: Target, *, create: bool, log: Log) -> Database:
    """Connect; where the database is missing, make it if `create`, else raise P1003."""
    if target.provider == "sqlite":
        return await _open_sqlite(target, create=create, log=log)
    return await _open_postgresql(target, create=create, log=log)


async def _open_sqlite(target: Target, *, create: bool, log: Log) -> Database:
    from backend.engine.migrate.databases.sqlite import SqliteDatabase

    missing = _is_missing(target.path)
    if missing and not create:
        raise EngineError("P1003", f"Database `{target.name}` does not exist at `{target.path}`.")
    if missing:
        os.makedirs(os.path.dirname(target.path), exist_ok=True)
    database = SqliteDatabase(target.path)
    await database.connect()
    if missing:
        log(f"SQLite database {target.name} created at {target.location}")
    return database


def _is_missing(path: str) -> bool:
    """An empty file is a database too, but a new one (Prisma says `created` for it as well)."""
    return path != ":memory:" and not (os.path.exists(path) and os.path.getsize(path))


async def _open_postgresql(target: Target, *, create: bool, log: Log) -> Database:
    # The import of asyncpg costs 60 ms that SQLite's users need not pay.
    from backend.engine.migrate.databases import postgresql

    database = postgresql.PostgresqlDatabase(
        target.parameters, schema=target.schema, name=target.name
    )
    try:
        await database.connect()
    except EngineError as error:
        if error.code != "P1003" or not create:
            raise
        await postgresql.create_database(target.parameters)
        log(f"PostgreSQL database {target.name} created at {target.location}")
        await database.connect()
    return database


def _sqlite(url: str, base: Path) -> Target:
    name = unquote(url.removeprefix("file:").partition("?")[0]).removeprefix("//")
    if not name:
        raise EngineError("P1013", "The provided database string is invalid: it names no file.")
    if name == ":memory:":
        return Target("sqlite", name, url, path=name)
    path = base / name
    return Target("sqlite", path.name, f"file:{name}", path=str(path))


def _postgresql(url: str) -> Target:
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        port = parts.port or 5432
    except ValueError as error:
        raise EngineError("P1013", f"The provided database string is invalid: {error}") from error
    parameters: dict[str, Any] = {
        "host": given.get("host") or unquote(parts.hostname or "localhost"),
        "port": port,
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "database": unquote(parts.path.lstrip("/")) or "postgres",
        "timeout": float(given.get("connect_timeout") or 5) or None,
    }
    host = str(parameters["host"])
    location = f"unix:{host}" if host.startswith("/") else f"{host}:{port}"
    return Target(
        "postgresql",
        str(parameters["database"]),
        location,
        parameters=parameters,
        schema=given.get("schema"),
    )
