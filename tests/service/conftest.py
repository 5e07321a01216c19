"""The service on a database of its own per test, of each kind: `[sqlite]` in the test's id."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from backend.core.config import Settings
from backend.engine.migrate import deploy
from backend.main import create_app

SCHEMA = Path(__file__).parents[2] / "prisma" / "schema.prisma"
DATABASES = ("sqlite",)

StoredRows = Callable[[], dict[str, str]]
"""Descriptions by video_id, read past the service and the engine."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    asyncio.run(deploy(SCHEMA, f"file:{path}", log=lambda _: None))
    return path


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated, empty database."""
    template: Path = request.getfixturevalue("sqlite_template")
    path = tmp_path / "test.db"
    shutil.copy(template, path)
    yield f"file:{path}"


@pytest.fixture
def stored_rows(database_url: str) -> StoredRows:
    def read() -> dict[str, str]:
        database = sqlite3.connect(database_url.removeprefix("file:"))
        try:
            return dict(database.execute("SELECT video_id, description FROM video_analysis"))
        finally:
            database.close()

    return read


def settings_for(database_url: str, **others: object) -> Settings:
    """Of the test alone: neither .env nor anybody's environment."""
    return Settings.model_validate({"database_url": database_url, **others})


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[FastAPI]:
    app = create_app(settings_for(database_url))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
