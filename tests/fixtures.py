"""The service on a database of its own per test, on each provider: `[sqlite]` in the test's id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prisma import Prisma
from pydantic import SecretStr

from backend.core import database as core_database
from backend.core.config import Settings
from backend.core.owners import OwnedRows
from backend.core.role import make_role
from backend.engine import in_process
from backend.engine.migrate import deploy
from backend.main import create_app
from backend.search import postgresql, sqlite
from backend.search.changes import apply_some
from backend.search.postings import hash_of, read_block, read_members
from backend.text.entry import COUNT_SIGNS, read_entry
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
        apply_the_queue(self, sqlite)
        with contextlib.closing(sqlite3.connect(self.path)) as database:
            database.execute("BEGIN")  # of one moment: the service may merge meanwhile
            return checked(
                [json.loads(text) for (text,) in database.execute(INDEX.format("json_array"))],
                database.execute("SELECT documents, length FROM search_total").fetchone(),
                dict(
                    database.execute("SELECT term, documents FROM search_term WHERE documents <> 0")
                ),
                dict(database.execute("SELECT id, members FROM search_segment")),
                database.execute("SELECT segment, postings FROM search_postings").fetchall(),
            )

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
        apply_the_queue(self, postgresql)
        found = self.server.psql(  # of one moment: the service may merge meanwhile
            "SELECT json_build_array("
            "(SELECT coalesce(json_agg(row), '[]')"
            f" FROM ({INDEX.format('json_build_array')}) AS d(row)),"
            "(SELECT json_build_array(documents, length) FROM search_total),"
            "(SELECT coalesce(json_object_agg(term, documents), '{}') FROM search_term"
            " WHERE documents <> 0),"
            "(SELECT coalesce(json_object_agg(id, encode(members, 'hex')), '{}')"
            " FROM search_segment),"
            "(SELECT coalesce(json_agg(json_build_array(segment, encode(postings, 'hex'))), '[]')"
            " FROM search_postings))",
            database=self.name,
        )
        documents, total, counts, members, postings = json.loads(found)
        return checked(
            documents,
            total,
            counts,
            {int(segment): bytes.fromhex(data) for segment, data in members.items()},
            [(segment, bytes.fromhex(data)) for segment, data in postings],
        )

    def count(self, table: str) -> int:
        return int(self.server.psql(f"SELECT count(*) FROM {table}", database=self.name))


Database = SQLite | PostgreSQL

INDEX = (
    "SELECT {}(d.id, d.video_id, d.length, d.terms, v.search_terms) FROM search_document AS d"
    " LEFT JOIN video_analysis AS v ON v.video_id = d.video_id"
)


def prisma_on(url: str, **options: Any) -> Prisma:
    """A client that reaches what the service's does."""
    return in_process(Prisma, scope=OwnedRows())(datasource={"url": url}, **options)


def apply_the_queue(database: Database, sql: ModuleType) -> None:
    async def apply() -> None:
        async with prisma_on(database.url) as client:
            while await apply_some(client, sql):
                pass

    with ThreadPoolExecutor(1) as thread:  # the test's own event loop is running
        thread.submit(asyncio.run, apply()).result()


def checked(
    documents: Sequence[tuple[int, str, int, str, str]],
    total: Sequence[int],
    terms: Mapping[str, int],
    members: Mapping[int, bytes],
    postings: Iterable[tuple[int, bytes]],
) -> set[str]:
    """The video_ids; asserts that all that the index has of the documents agrees."""
    expected = {}
    for id_, _, length, named, entry in documents:
        read = read_entry(entry)
        assert (read.length, " ".join(read.terms)) == (length, named)
        counts = [ord(sign) - COUNT_SIGNS for sign in read.counts]
        expected |= {
            (id_, hash_of(term)): (count, length)
            for term, count in zip(named.split(), counts, strict=True)
        }
    assert tuple(total) == (len(documents), sum(document[2] for document in documents))
    assert terms == Counter(term for document in documents for term in document[3].split())
    of_segment = {segment: read_members(data) for segment, data in members.items()}
    found = {}
    living = {document[0] for document in documents}
    for segment, data in postings:
        if segment not in of_segment:  # it is being made
            continue
        hashes, ends, packed = read_block(data)
        for hash_, each in zip(hashes.tolist(), np.split(packed, ends[:-1]), strict=True):
            for posting in each.tolist():
                id_ = int(of_segment[segment].ids[posting >> 8])
                if id_ in living:
                    length = int(of_segment[segment].lengths[posting >> 8])
                    assert found.setdefault((id_, hash_), (posting & 255, length)) is not None
    assert found == expected
    return {document[1] for document in documents}


MakeDatabase = Callable[[], Database]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    asyncio.run(deploy(SCHEMA, f"file:{path}", log=lambda _: None))
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgres_server: PostgresServer) -> str:
    name = postgres_server.create_database()
    asyncio.run(_migrated(postgres_server.url(name)))
    return name


async def _migrated(url: str) -> None:
    await deploy(SCHEMA, url, log=lambda _: None)
    database = core_database.Database(url)
    await database.connect()
    assert await make_role(database) is None
    await database.disconnect()


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
    tables = (
        "video_analysis", "change_log", "change_seal", "change_follower", "idempotency_key",
        "access_key", "owner_usage", "duplicate_index", "duplicate_record", "duplicate_text",
        "duplicate_band", "duplicate_pair", "duplicate_dismissal", "twelvelabs_job",
        "twelvelabs_video", "twelvelabs_run", "twelvelabs_usage",
    )  # fmt: skip
    shared_database.execute("; ".join(f"DELETE FROM {table}" for table in tables))
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
    # What follows the changes by itself would add to the statements that some tests count.
    app = create_app(settings_for(shared_database.url, audit_seal_seconds=0))
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
