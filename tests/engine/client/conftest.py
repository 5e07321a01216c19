"""Clients on databases with known rows, once on SQLite and once on PostgreSQL.

`db` is a connected client; `stored(sql)` asks the database behind it itself; `errors` is the
`errors` module of the client's package. A test that wants another schema than `blog` says
`@pytest.mark.parametrize("world", ["shop"])`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from tests.engine.client.worlds import PostgresqlWorld, SqliteWorld, World, package_of

Stored = Callable[[str], Awaitable[list[tuple[Any, ...]]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world() -> str:
    return "blog"


@pytest.fixture(scope="package")
async def worlds(anyio_backend: Any) -> AsyncIterator[dict[tuple[str, str], World]]:
    """Those that are open, by their names and databases."""
    opened: dict[tuple[str, str], World] = {}
    yield opened
    for one in opened.values():
        await one.close()


@pytest.fixture
def server(request: pytest.FixtureRequest, database: str) -> Any:
    return request.getfixturevalue("postgres_server") if database == "postgresql" else None


@pytest.fixture
async def opened(
    worlds: dict[tuple[str, str], World],
    world: str,
    database: str,
    server: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    """The test's world, with its first rows."""
    found = worlds.get((world, database))
    if found is None:
        if database == "sqlite":
            found = SqliteWorld(world, tmp_path_factory.mktemp("worlds"))
        else:
            found = PostgresqlWorld(world, server)
        await found.open()
        worlds[world, database] = found
    await found.reset()
    return found


@pytest.fixture
def db(opened: World) -> Any:
    return opened.client


@pytest.fixture
def stored(opened: World) -> Stored:
    return opened.rows


@pytest.fixture
def url(opened: World) -> str:
    return opened.url


@pytest.fixture
def package(world: str) -> ModuleType:
    return package_of(world)


@pytest.fixture
def errors(package: Any) -> Any:
    return package.errors
