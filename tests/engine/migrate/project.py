"""A project of somebody's: schema.prisma, migrations and a database, in a folder of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.engine.drivers.driver import Provider
from backend.engine.migrate import Deployed, deploy
from backend.engine.migrate.dev import Developed, Questions, dev
from backend.engine.migrate.diff import Side, diff
from backend.engine.migrate.folder import MigrationFolder
from backend.engine.migrate.project import Project as EngineProject
from backend.engine.migrate.project import open_project
from tests.engine.migrate.sql import Sql

SCHEMA = """\
datasource db {{
  provider = "{provider}"
  url      = env("DATABASE_URL")
}}

generator client {{
  provider = "prisma-client-py"
}}

{models}
"""


class UnexecutableError(Exception):
    """`dev` found steps that the rows make impossible."""


@dataclass
class Project:
    folder: Path
    provider: Provider
    url: str
    database: str
    """Its name, or the file's."""
    sql: Sql | None = None
    """PostgreSQL: the server."""
    said: list[str] = field(default_factory=list)
    """Every line of progress."""
    warned: list[str] = field(default_factory=list)
    """Every warning about data that `dev` asked about."""

    @property
    def schema_path(self) -> Path:
        return self.folder / "prisma" / "schema.prisma"

    @property
    def migrations(self) -> MigrationFolder:
        return MigrationFolder(self.folder / "prisma" / "migrations", self.provider)

    @property
    def is_sqlite(self) -> bool:
        return self.provider == "sqlite"

    def write_schema(self, models: str) -> None:
        self.schema_path.parent.mkdir(exist_ok=True)
        self.schema_path.write_text(SCHEMA.format(provider=self.provider, models=models))

    def add_migration(self, name: str, script: str) -> None:
        self.migrations.write(name, script)

    def open(self, **options: Any) -> EngineProject:
        return open_project(self.schema_path, self.url, log=self.said.append, **options)

    async def dev(self, name: str = "next", **options: Any) -> Developed:
        """As from a terminal whose user agrees to everything; `warned` keeps what was asked."""
        create_only = options.pop("create_only", False)
        questions = Questions(
            name=lambda: name,
            accepts=lambda warnings: self.warned.extend(warnings) or True,
            unexecutable=self._refuse,
            applied=lambda names: None,
        )
        return await dev(self.open(**options), questions, create_only=create_only)

    def _refuse(self, steps: Sequence[str]) -> None:
        raise UnexecutableError("\n".join(steps))

    async def init(self, models: str, rows: str = "") -> None:
        """The first migration, applied, and rows."""
        self.write_schema(models)
        await self.dev("init")
        self.run(rows)

    def create_database(self) -> None:
        if self.sql is not None:
            self.sql.create_database(self.database)

    async def begin(self, models: str, rows: str = "") -> None:
        """As `init`, at less expense: without a shadow database."""
        self.create_database()
        self.write_schema(models)
        script = await self.difference(Side("empty"), Side("schema", self.schema_path))
        self.add_migration("20260101000000_init", script)
        await self.deploy()
        self.run(rows)

    async def difference(self, source: Side, target: Side) -> str:
        """The script from one to the other; empty where there is no difference."""
        opened = self.open()
        found = await diff(
            source,
            target,
            script=True,
            config=opened.config,
            base=self.schema_path.parent,
            log=self.said.append,
        )
        return "" if found.is_empty else found.text

    async def deploy(self, **options: Any) -> Deployed:
        return await deploy(self.schema_path, self.url, **{"log": self.said.append, **options})

    def query(self, sql: str) -> list[tuple[str, ...]]:
        """The rows as psql or Python shows them: every value as text, NULL as an empty one."""
        if self.sql is None:
            with sqlite3.connect(self.folder / "prisma" / self.database) as connection:
                rows = connection.execute(sql).fetchall()
            connection.close()
            return [tuple("" if value is None else str(value) for value in row) for row in rows]
        return self.sql.query(sql, self.database)

    def run(self, script: str) -> None:
        if self.sql is not None:
            self.sql.run(script, self.database)
            return
        with sqlite3.connect(self.folder / "prisma" / self.database) as connection:
            connection.executescript(script)
        connection.close()

    def tables(self) -> set[str]:
        sql = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'"
            if self.is_sqlite
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return {row[0] for row in self.query(sql)}
