"""The services on the test's database, without HTTP, and further databases."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from backend.services import Services, make_services
from tests.fixtures import Database, PostgreSQL, SQLite
from tests.owned_statements import each_statement_says_whose_rows
from tests.postgres import PostgresServer

NewDatabase = Callable[[str], Database]

__all__ = ["each_statement_says_whose_rows"]


@pytest.fixture
async def services(database: Database) -> AsyncIterator[Services]:
    services = make_services(database.url)
    await services.database.connect()
    yield services
    await services.database.disconnect()


@pytest.fixture
def new_database(
    sqlite_template: Path,
    postgresql_template: str,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> NewDatabase:
    """A migrated database without rows, of the provider that is named."""

    def make(provider: str) -> Database:
        if provider == "postgresql":
            name = postgres_server.create_database(template=postgresql_template)
            return PostgreSQL(postgres_server, name)
        path = tmp_path_factory.mktemp("database") / "test.db"
        shutil.copy(sqlite_template, path)
        return SQLite(path)

    return make
