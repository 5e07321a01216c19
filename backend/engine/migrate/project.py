"""One schema, one database, one history, and the schema engine over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..drivers.driver import Provider
from ..errors import DriverError
from .config import MigrateConfig, load_config
from .databases.database import Database, Log, explained
from .deploy import LOCK_TIMEOUT, PENDING
from .external import find_external
from .folder import Migration, MigrationFolder, locate
from .target import Target, open_database, open_shadow, parse_target

if TYPE_CHECKING:
    from .engine import Schema, SchemaEngine


@dataclass(frozen=True, slots=True)
class Project:
    schema_path: Path
    url: str
    target: Target
    config: MigrateConfig
    log: Log
    shadow_url: str | None = None
    """A database that may be emptied at will, for PostgreSQL users who may not create one."""

    @property
    def provider(self) -> Provider:
        return self.target.provider

    @property
    def folder(self) -> MigrationFolder:
        return locate(self.config, self.provider)

    def schema(self) -> Schema:
        """The schema for the engine: of this database's provider, and without its URL."""
        return read_schema(self.schema_path, self.provider)

    @asynccontextmanager
    async def database(self, *, create: bool) -> AsyncIterator[Database]:
        """Its connection. DriverErrors inside come out as EngineErrors."""
        database = await open_database(self.target, create=create, log=self.log)
        try:
            yield database
        except DriverError as error:
            raise explained(error) from error
        finally:
            await database.close()

    @asynccontextmanager
    async def engine(
        self,
        database: Database,
        *,
        schema: Schema | None = None,
        migrations: Sequence[Migration] = (),
    ) -> AsyncIterator[SchemaEngine]:
        """The schema engine over an open database. `migrations`: those that it will be shown."""
        from ..wasm.packages import locate as locate_packages
        from .engine import SchemaEngine

        async def main() -> Database:
            return database

        async def lock(database: Database) -> None:
            await database.lock(LOCK_TIMEOUT, lambda: self.log(PENDING))

        external = await find_external(self.config, [database], migrations)
        engine = SchemaEngine(
            locate_packages(self.schema_path),
            provider=self.provider,
            main=main,
            shadow=lambda: open_shadow(self.target, self.shadow_url),
            lock=lock,
            filters=external.schema_filter(self.provider, self.target.schema),
            log=self.log,
        )
        try:
            yield await engine.open(schema)
        finally:
            await engine.close()


def open_project(
    schema_path: Path, url: str, *, log: Log, shadow_url: str | None = None
) -> Project:
    schema_path = schema_path.resolve()
    return Project(
        schema_path,
        url,
        parse_target(url, base=schema_path.parent),
        load_config(schema_path),
        log,
        shadow_url,
    )


def read_schema(schema_path: Path, provider: Provider) -> Schema:
    from ..wasm.schema import with_provider, without_connection

    text = schema_path.read_text(encoding="utf-8")
    return [(str(schema_path), with_provider(without_connection(text), provider))]
