"""Clients on fresh SQLite databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from tests.engine.generated import generated_package
from tests.engine.sqlite_types import SCHEMA, make_database


@pytest.fixture(scope="session")
def everything() -> Any:
    """The package generated for `sqlite_types.SCHEMA`."""
    return generated_package(SCHEMA)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    """A database with the table of `sqlite_types`."""
    path = tmp_path / "everything.db"
    make_database(path)
    return path


@pytest.fixture
async def db(everything: Any, sqlite_file: Path, anyio_backend: Any) -> AsyncIterator[Any]:
    """A connected client on `sqlite_file`."""
    client = in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"})
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()
