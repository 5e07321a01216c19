"""A project of somebody's: schema.prisma, migrations and a database, in a folder of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.engine.drivers.driver import Provider
from backend.engine.migrate import Deployed, deploy
from backend.engine.migrate.folder import MigrationFolder
from tests.postgres import PostgresServer

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


@dataclass
class Project:
    folder: Path
    provider: Provider
    url: str
    server: PostgresServer | None = None
    database: str = ""
    said: list[str] = field(default_factory=list)
    """Every line of progress."""

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

    async def deploy(self, **options: Any) -> Deployed:
        return await deploy(self.schema_path, self.url, **{"log": self.said.append, **options})

    def query(self, sql: str) -> list[tuple[str, ...]]:
        """The rows as psql or Python shows them: every value as text, NULL as an empty one."""
        if self.server is None:
            with sqlite3.connect(self.folder / "prisma" / "dev.db") as connection:
                rows = connection.execute(sql).fetchall()
            connection.close()
            return [tuple("" if value is None else str(value) for value in row) for row in rows]
        answer = self.server.psql(sql, database=self.database)
        return [tuple(line.split("|")) for line in answer.splitlines()]

    def tables(self) -> set[str]:
        sql = (
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            if self.is_sqlite
            else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        return {row[0] for row in self.query(sql)}
