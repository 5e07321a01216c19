"""`current_setting` answers each call what its task has set, whatever connection it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import (
    NO_SETTINGS,
    Driver,
    Program,
    Rows,
    SessionSettings,
    Statement,
)
from backend.engine.errors import DriverError
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio

NAME = "test.tenant"
TEXTS = ("ann", "it's", 'a\\b"c', "x; DROP TABLE t")

settings: ContextVar[SessionSettings] = ContextVar("settings", default=NO_SETTINGS)


@pytest.fixture(params=["sqlite", "postgresql"])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    """Of few connections, so that they pass from one caller to the next."""
    if request.param == "sqlite":
        (tmp_path / "test.db").touch()
        url = f"file:{tmp_path / 'test.db'}?connection_limit=2"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(request.getfixturevalue("postgres_database"), connection_limit="2")
    driver = make_driver(url, folder=tmp_path, session_settings=settings.get)
    await driver.connect()
    yield driver
    await driver.close()


def _asked(sql: str = f"SELECT current_setting('{NAME}')") -> Program:
    found = yield Statement(sql, [], returns_rows=True), []
    assert isinstance(found, Rows)
    return found.records[0][0]


async def _ask(driver: Driver, **options: bool) -> Any:
    return await driver.run(_asked, **{"reads_only": True, "atomic": False, **options})


async def _within(text: str, work: Any) -> Any:
    settings.set({NAME: text})
    return await work


async def test_each_call_sees_its_own(driver: Driver) -> None:
    async def caller(number: int) -> None:
        text = TEXTS[number % len(TEXTS)]
        settings.set({NAME: text})
        for turn in range(5):
            assert await _ask(driver, reads_only=turn % 2 == 0) == text
            assert await _ask(driver, reads_only=False, atomic=True) == text
            await asyncio.sleep(0)

    await asyncio.gather(*(caller(number) for number in range(12)))


async def test_a_read_that_goes_to_a_thread_takes_them_along(driver: Driver) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
    slow = f"{numbers} SELECT current_setting('{NAME}') FROM n WHERE i = 300000"

    async def ask(text: str) -> None:
        settings.set({NAME: text})
        for _ in range(3):
            assert await driver.run(lambda: _asked(slow), reads_only=True, atomic=False) == text

    await asyncio.gather(*(ask(text) for text in TEXTS))


async def test_a_transaction_keeps_those_it_began_with(driver: Driver) -> None:
    settings.set({NAME: "first"})
    transaction = await driver.begin(isolation_level=None, max_wait=5)
    settings.set({NAME: "second"})
    assert await transaction.run(_asked) == "first"
    await transaction.rollback()
    assert await _ask(driver) == "second"


async def test_what_is_not_set_is_an_error_and_not_anothers(driver: Driver) -> None:
    settings.set({NAME: "somebody's"})
    for _ in range(3):
        await _ask(driver)
    settings.set({})
    missing = f"SELECT coalesce(current_setting('{NAME}', true), '')"
    assert (
        await driver.run(lambda: _asked(missing), reads_only=True, atomic=False) or None
    ) is None
    with pytest.raises(DriverError):
        await driver.run(
            lambda: _asked("SELECT current_setting('test.never_set')"),
            reads_only=True,
            atomic=False,
        )
