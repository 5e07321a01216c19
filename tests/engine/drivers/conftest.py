from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import Driver
from tests.postgres import PostgresServer

OpenDriver = Callable[..., Awaitable[Driver]]


@pytest.fixture
async def open_postgres(
    postgres_server: PostgresServer, postgres_database: str
) -> AsyncIterator[OpenDriver]:
    """Opens drivers on one new database: `await open_postgres(connection_limit="1")`."""
    opened: list[Driver] = []

    async def open_driver(*, tcp: bool = False, **parameters: str) -> Driver:
        url = postgres_server.url(postgres_database, tcp=tcp, **parameters)
        driver = make_driver(url, folder=Path())
        opened.append(driver)
        await driver.connect()
        return driver

    yield open_driver
    for driver in opened:
        await driver.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    """Each of the drivers, on an empty database."""
    if request.param == "sqlite":
        (tmp_path / "test.db").touch()
        url = f"file:{tmp_path / 'test.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(request.getfixturevalue("postgres_database"))
    driver = make_driver(url, folder=tmp_path)
    await driver.connect()
    yield driver
    await driver.close()
