"""Connections that fall silent, through a proxy in front of a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import Driver
from backend.engine.drivers.postgresql import silence
from backend.engine.drivers.postgresql.connect import Connector
from backend.engine.drivers.postgresql.url import parse_url
from backend.engine.errors import DriverError
from tests.engine.drivers.programs import execute, query
from tests.postgres import PostgresServer
from tests.proxy import Proxy

pytestmark = pytest.mark.anyio

BOUND = 20
"""Seconds, for what takes 4 where the machine has nothing else to do."""

CONNECTIONS = 8
"""So many that BOUND would not do if each had to be found by itself."""


@pytest.fixture
async def proxy(postgres_server: PostgresServer) -> AsyncIterator[Proxy]:
    async with Proxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
async def driver(
    postgres_server: PostgresServer, postgres_database: str, proxy: Proxy
) -> AsyncIterator[Driver]:
    """CONNECTIONS through the proxy, all of them idle."""
    url = postgres_server.url(postgres_database, tcp=True, connection_limit=str(CONNECTIONS))
    driver = make_driver(url.replace(f":{postgres_server.port}/", f":{proxy.port}/"), folder=Path())
    await driver.connect()
    await asyncio.gather(*(read(driver, "SELECT 1 FROM pg_sleep(0.1)") for _ in range(CONNECTIONS)))
    await driver.run(execute("CREATE TABLE t (id INTEGER)"), reads_only=False, atomic=False)
    yield driver
    await driver.close()


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "LOOK_SECONDS", 0.02)


async def read(driver: Driver, sql: str) -> Any:
    rows = await driver.run(query(sql), reads_only=True, atomic=False)
    return [tuple(record) for record in rows.records]


async def test_reads_are_answered_by_other_connections(driver: Driver, proxy: Proxy) -> None:
    proxy.fall_silent()
    async with asyncio.timeout(BOUND):
        assert await asyncio.gather(*(read(driver, "SELECT 1") for _ in range(9))) == [[(1,)]] * 9


async def test_after_one_the_idle_ones_are_given_up_too(driver: Driver, proxy: Proxy) -> None:
    proxy.fall_silent()
    async with asyncio.timeout(BOUND):
        await read(driver, "SELECT 1")
    assert driver.describe() == {
        "connections_open": 1,
        "connections_busy": 0,
        "connections_idle": 1,
    }


@pytest.mark.usefixtures("looks_often")
async def test_a_write_that_may_have_run_fails(driver: Driver, proxy: Proxy) -> None:
    async with asyncio.timeout(BOUND):
        insert = execute("INSERT INTO t SELECT 1 FROM pg_sleep(0.2)")
        writing = asyncio.create_task(driver.run(insert, reads_only=False, atomic=False))
        await asyncio.sleep(0.1)
        proxy.fall_silent()
        with pytest.raises(DriverError) as raised:
            await writing
        assert raised.value.kind == "ConnectionClosed"
        assert await read(driver, "SELECT count(*) FROM t") == [(1,)]  # as it has run


@pytest.mark.usefixtures("looks_often")
@pytest.mark.parametrize("new_ones_too", [False, True])
async def test_a_transaction_that_falls_silent_ends_on_the_server_too(
    driver: Driver, proxy: Proxy, new_ones_too: bool
) -> None:
    async with asyncio.timeout(BOUND):
        transaction = await driver.begin(isolation_level=None, max_wait=2)
        await transaction.run(execute("LOCK TABLE t"))
        await transaction.run(execute("INSERT INTO t VALUES (1)"))
        proxy.fall_silent(new_ones_too=new_ones_too)
        with pytest.raises(DriverError) as raised:
            await transaction.commit()
        assert raised.value.kind == "ConnectionClosed"
        await transaction.rollback()
        proxy.recover()
        # The lock is held until the server has heard of it.
        assert await read(driver, "SELECT count(*) FROM t") == [(0,)]


async def test_where_new_connections_are_silent_too_it_waits_for_them(
    driver: Driver, proxy: Proxy
) -> None:
    proxy.fall_silent(new_ones_too=True)
    async with asyncio.timeout(BOUND):
        reading = asyncio.create_task(read(driver, "SELECT 1"))
        await asyncio.sleep(3)
        proxy.recover()
        assert await reading == [(1,)]


@pytest.mark.usefixtures("looks_often")
@pytest.mark.parametrize("working", ["computing", "waiting for a lock"])
async def test_a_statement_may_take_as_long_as_it_works(driver: Driver, working: str) -> None:
    if working == "computing":
        assert await read(driver, "SELECT 1 FROM pg_sleep(1)") == [(1,)]
        return
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    await transaction.run(execute("LOCK TABLE t"))
    waiting = asyncio.create_task(read(driver, "SELECT count(*) FROM t"))
    await asyncio.sleep(1)
    await transaction.rollback()
    assert await waiting == [(0,)]
    assert driver.describe()["connections_open"] == CONNECTIONS  # none was given up


@pytest.mark.usefixtures("looks_often")
async def test_a_server_that_refuses_to_be_asked_is_no_sign_of_silence(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    postgres_server.psql("CREATE ROLE single LOGIN CONNECTION LIMIT 1")
    url = postgres_server.url(postgres_database, connection_limit="1")
    driver = make_driver(url.replace("//postgres@", "//single@"), folder=Path())
    await driver.connect()
    assert await read(driver, "SELECT 1 FROM pg_sleep(1)") == [(1,)]
    await driver.close()
    postgres_server.psql("DROP ROLE single")


@pytest.mark.usefixtures("looks_often")
async def test_nothing_is_asked_while_all_are_answered(driver: Driver, proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(BOUND):
        while True:
            before, slowest = proxy.accepted, 0.0
            for _ in range(200):
                asked_at = loop.time()
                await read(driver, "SELECT 1 FROM pg_sleep(0.001)")
                slowest = max(slowest, loop.time() - asked_at)
            # On a busy machine one of them may have been overdue, and was asked about by right.
            if slowest < silence.LOOK_SECONDS:
                break
    assert proxy.accepted == before


async def test_tcp_gives_up_a_peer_that_is_gone(postgres_server: PostgresServer) -> None:
    for tcp in (True, False):
        settings = parse_url(postgres_server.url("postgres", tcp=tcp))
        raw: asyncpg.Connection[Any] = await Connector(settings, folder=Path()).open()
        used = raw._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert bool(used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == tcp
        for name in ("TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT"):
            if tcp and hasattr(socket, name):
                set_to = used.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                assert set_to == {"TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3}.get(name, 5000)
        await raw.close()
