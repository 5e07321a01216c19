"""The service on a database of its own per test, on each provider: `[sqlite]` in the test's id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from backend.core.config import Settings
from backend.engine.migrate import deploy
from backend.main import create_app
from backend.search import postgresql, sqlite
from tests.postgres import PostgresServer

SCHEMA = Path(__file__).parents[1] / "prisma" / "schema.prisma"


class SQLite:
    """Reads and breaks the test's database past the service and the engine."""

    provider = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"file:{path}"

    def execute(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.executescript(sql)

    def rows(self) -> dict[str, str]:
        """Descriptions by video_id."""
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return dict(database.execute("SELECT video_id, description FROM video_analysis"))

    def indexed(self) -> set[str]:
        """The video_ids that search knows; asserts that all that it keeps of them agrees."""
        while self.count("search_queue"):
            self.execute(f"BEGIN IMMEDIATE; {'; '.join(sqlite.APPLY_QUEUE)}; COMMIT")
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.execute(  # fails where the index and the documents differ
                "INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)"
            )
            found = dict(database.execute("SELECT video_id, terms FROM search_document"))
            (total,) = database.execute("SELECT documents FROM search_total").fetchone()
            counts = dict(database.execute("SELECT * FROM search_term WHERE documents > 0"))
        assert (total, counts) == (len(found), counted(found.values()))
        return set(found)

    def count(self, table: str) -> int:
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


class PostgreSQL:
    provider = "postgresql"

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.server = server
        self.name = name
        self.url = server.url(name)

    def execute(self, sql: str) -> None:
        self.server.psql(sql, database=self.name)

    def rows(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(
            self.server.psql(
                "SELECT coalesce(json_object_agg(video_id, description), '{}') FROM video_analysis",
                database=self.name,
            )
        )
        return found

    def indexed(self) -> set[str]:
        while self.count("search_queue"):
            self.execute(f"BEGIN; {'; '.join(postgresql.APPLY_QUEUE)}; COMMIT")
        found, total, counts = json.loads(
            self.server.psql(
                "SELECT json_build_array("
                "(SELECT coalesce(json_object_agg(video_id, terms), '{}') FROM search_document),"
                "(SELECT documents FROM search_total),"
                "(SELECT coalesce(json_object_agg(term, documents), '{}') FROM search_term"
                " WHERE documents <> 0))",
                database=self.name,
            )
        )
        assert (total, counts) == (len(found), counted(found.values()))
        return set(found)

    def count(self, table: str) -> int:
        return int(self.server.psql(f"SELECT count(*) FROM {table}", database=self.name))


def counted(entries: Iterable[str]) -> Counter[str]:
    """In how many entries of the index each term is."""
    return Counter(term for entry in entries for term in set(entry.split()))


Database = SQLite | PostgreSQL
MakeDatabase = Callable[[], Database]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    asyncio.run(deploy(SCHEMA, f"file:{path}", log=lambda _: None))
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgres_server: PostgresServer) -> str:
    name = postgres_server.create_database()
    asyncio.run(deploy(SCHEMA, postgres_server.url(name), log=lambda _: None))
    return name


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def make_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MakeDatabase:
    if request.param == "sqlite":
        sqlite_template: Path = request.getfixturevalue("sqlite_template")

        def copy() -> Database:
            path = tmp_path_factory.mktemp("database") / "test.db"
            shutil.copy(sqlite_template, path)
            return SQLite(path)

        return copy
    server: PostgresServer = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("postgresql_template")
    return lambda: PostgreSQL(server, server.create_database(template=template))


on_sqlite = pytest.mark.parametrize("make_database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("make_database", ["postgresql"], indirect=True)


@pytest.fixture(scope="module")
def shared_database(make_database: MakeDatabase) -> Database:
    return make_database()


@pytest.fixture
def database(shared_database: Database) -> Database:
    """A migrated database without rows."""
    shared_database.execute("DELETE FROM video_analysis")
    return shared_database


@pytest.fixture
def own_database(make_database: MakeDatabase) -> Database:
    """For a test that breaks it."""
    return make_database()


def settings_for(database_url: str, **others: Any) -> Settings:
    """Of the test alone: every setting is given, so neither .env nor the environment counts."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    return Settings(**{**defaults, "database_url": SecretStr(database_url), **others})


@pytest.fixture(scope="module")
async def shared_app(shared_database: Database) -> AsyncIterator[FastAPI]:
    app = create_app(settings_for(shared_database.url))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def app(shared_app: FastAPI, database: Database) -> FastAPI:
    """The service on `database`, which its other tests share."""
    return shared_app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")
