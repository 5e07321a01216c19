"""The PostgreSQL driver behind PgBouncer in transaction mode, where each transaction may run on
another session of the server: the drivers' whole contract, and what PgBouncer makes hard.

Not part of `make test`, as PgBouncer comes from the system's packages: `make test-pgbouncer`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from backend.core.caller import acting_for
from backend.engine import fetch
from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import Driver
from backend.engine.errors import DriverError
from backend.models.schemas import VideoAnalysisCreate
from backend.services import make_services
from tests.engine.drivers import programs
from tests.engine.drivers.test_contract import *  # noqa: F403  each test, with our `driver`
from tests.postgres import PostgresServer, free_port, temporary_server

pytestmark = pytest.mark.anyio

SETTINGS = """\
[databases]
* = host={folder} port={server_port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
"""

SESSIONS = 3


@contextmanager
def bouncer(server: PostgresServer, **settings: object) -> Iterator[int]:
    """A PgBouncer before the server; its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "PgBouncer is not installed: make test-pgbouncer"
    port = free_port()
    file = server.folder / "pgbouncer.ini"
    text = SETTINGS.format(
        folder=server.folder, server_port=server.port, port=port, sessions=SESSIONS
    )
    file.write_text(text + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    with (server.folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(file)],
            stdout=log,
            stderr=log,
            user="nobody" if os.geteuid() == 0 else None,  # PgBouncer does not run as root
        )
    try:
        _wait_until_up(server.folder / "pgbouncer.log")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def bouncer_port(postgres_server: PostgresServer) -> Iterator[int]:
    with bouncer(postgres_server) as port:
        yield port


def _wait_until_up(log: Path) -> None:
    for _ in range(500):
        if "process up" in log.read_text():
            return
        time.sleep(0.01)
    raise RuntimeError(log.read_text())


@pytest.fixture
def bouncer_url(postgres_server: PostgresServer, postgres_database: str, bouncer_port: int) -> str:
    url = postgres_server.url(postgres_database, tcp=True, pgbouncer="true", connection_limit="20")
    return url.replace(f":{postgres_server.port}/", f":{bouncer_port}/")


@pytest.fixture
async def driver(bouncer_url: str, tmp_path: Path) -> AsyncIterator[Driver]:
    driver = make_driver(bouncer_url, folder=tmp_path)
    await driver.connect()
    yield driver
    await driver.close()


async def write(driver: Driver, sql: str, *args: Any) -> Any:
    return await driver.run(programs.execute(sql, *args), reads_only=False, atomic=False)


async def read(driver: Driver, sql: str, *args: Any) -> Any:
    rows = await driver.run(programs.query(sql, *args), reads_only=True, atomic=False)
    return [tuple(record) for record in rows.records]


async def test_more_clients_than_sessions_each_get_their_own_answers(driver: Driver) -> None:
    pids = set()

    async def ask(number: int) -> None:
        sql = f"SELECT $1::int4, {number % 7}, pg_backend_pid() FROM pg_sleep(0.005)"
        [(echo, constant, pid)] = await read(driver, sql, number)
        assert (echo, constant) == (number, number % 7)
        pids.add(pid)

    await asyncio.gather(*(ask(number) for number in range(300)))
    assert len(pids) == SESSIONS


async def test_reads_and_writes_and_transactions_at_once(driver: Driver) -> None:
    await write(driver, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
    await write(driver, "INSERT INTO t VALUES (1, 0), (2, 0)")
    add = "UPDATE t SET n = n + $1 WHERE id = $2"

    async def transact(commits: bool) -> None:
        transaction = await driver.begin(isolation_level=None, max_wait=30)
        await transaction.run(programs.execute(add, 100, 1))
        await transaction.run(programs.execute(add, 100, 2))
        await (transaction.commit() if commits else transaction.rollback())

    both = programs.sequence(programs.execute(add, 1, 1), programs.execute(add, 1, 2))
    work = [driver.run(both, reads_only=False, atomic=True) for _ in range(40)]
    work += [transact(number % 2 == 0) for number in range(20)]
    work += [write(driver, add, 1000, 1) for _ in range(5)]
    await asyncio.gather(*work)
    assert await read(driver, "SELECT n FROM t ORDER BY id") == [(6040,), (1040,)]


async def test_types_that_asyncpg_must_look_up_first(driver: Driver) -> None:
    await write(driver, "CREATE TYPE mood AS ENUM ('calm', 'wild')")
    await write(driver, "CREATE TABLE t (m mood, ms mood[])")
    insert = "INSERT INTO t VALUES ($1, $2)"
    await asyncio.gather(*(write(driver, insert, "calm", ["wild", "calm"]) for _ in range(30)))
    assert await read(driver, "SELECT DISTINCT m, ms FROM t") == [("calm", ["wild", "calm"])]


async def test_raw_sql_looks_in_the_schema_of_the_url(bouncer_url: str, tmp_path: Path) -> None:
    driver = make_driver(f"{bouncer_url}&schema=apart", folder=tmp_path)
    await driver.connect()
    await write(driver, "CREATE SCHEMA apart")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    found = await read(driver, "SELECT schemaname FROM pg_tables WHERE tablename = 't'")
    assert found == [("apart",)]
    transaction = await driver.begin(isolation_level="Serializable", max_wait=5)
    assert await transaction.run(programs.execute("INSERT INTO t VALUES (1)")) == 1
    await transaction.commit()
    await driver.close()


async def test_a_changed_table_is_noticed(driver: Driver) -> None:
    await write(driver, "CREATE TABLE t (id INTEGER)")
    for width in range(1, 4):
        rows = await driver.run(programs.query("SELECT * FROM t"), reads_only=True, atomic=False)
        assert len(rows.columns) == width
        await write(driver, f"ALTER TABLE t ADD COLUMN c{width} INTEGER")


async def test_cancelled_work_leaves_the_sessions_clean(
    driver: Driver, postgres_server: PostgresServer
) -> None:
    await write(driver, "CREATE TABLE t (id INTEGER)")
    tasks = [
        asyncio.create_task(write(driver, "INSERT INTO t SELECT 1 FROM pg_sleep(60)"))
        for _ in range(SESSIONS)
    ]
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await read(driver, "SELECT count(*) FROM t") == [(0,)]
    in_transaction = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    assert postgres_server.psql(in_transaction) == "0"


async def test_a_session_that_ends_behind_pgbouncer_is_replaced_unseen(
    driver: Driver, postgres_server: PostgresServer
) -> None:
    await read(driver, "SELECT 1")
    postgres_server.psql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname LIKE 'test_%' AND pid <> pg_backend_pid()"
    )
    assert await read(driver, "SELECT 1") == [(1,)]


async def test_postgresql_restarts_behind_pgbouncer(tmp_path: Path) -> None:
    for server in temporary_server():
        with bouncer(server, server_login_retry=1, query_wait_timeout=3) as port:
            server.create_database("app")
            url = server.url("app", tcp=True, pgbouncer="true", pool_timeout="5")
            driver = make_driver(url.replace(f":{server.port}/", f":{port}/"), folder=tmp_path)
            await driver.connect()
            await write(driver, "CREATE TABLE t (id INTEGER)")
            await restart_under_load(driver, server)
            await driver.close()


async def restart_under_load(driver: Driver, server: PostgresServer) -> None:
    written, kinds, stop = 0, Counter[str](), asyncio.Event()

    async def work() -> None:
        nonlocal written
        while not stop.is_set():
            try:
                written += await write(driver, "INSERT INTO t VALUES (1)")
                await read(driver, "SELECT 1 FROM t LIMIT 1")
            except DriverError as error:
                kinds[f"{error.kind} {error.original_code}"] += 1
                await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(work()) for _ in range(8)]
    for number in range(4):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.stop, immediately=number % 2 == 1)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)
    await asyncio.sleep(3)  # PgBouncer tries again to log in
    stop.set()
    await asyncio.gather(*tasks)
    [(stored,)] = await read(driver, "SELECT count(*) FROM t")
    assert stored >= written
    assert {kind.partition(" ")[0] for kind in kinds} <= {
        "ConnectionClosed",
        "DatabaseNotReachable",
    }


async def test_each_call_sees_the_settings_of_its_own_task(
    bouncer_url: str, tmp_path: Path
) -> None:
    tenant: ContextVar[str] = ContextVar("tenant")
    driver = make_driver(
        bouncer_url, folder=tmp_path, session_settings=lambda: {"test.tenant": tenant.get()}
    )
    tenant.set("nobody")
    await driver.connect()

    async def ask(name: str) -> None:
        tenant.set(name)
        asked = "SELECT current_setting('test.tenant') FROM pg_sleep(0.002)"
        for _ in range(5):
            assert await read(driver, asked) == [(name,)]
            transaction = await driver.begin(isolation_level=None, max_wait=30)
            assert (await transaction.run(programs.query(asked))).records[0][0] == name
            await transaction.rollback()

    try:
        await asyncio.gather(*(ask(f"it's {number}\\") for number in range(20)))
    finally:
        await driver.close()


async def test_each_owner_is_held_to_its_own_rows(
    postgres_server: PostgresServer, postgresql_template: str, bouncer_port: int
) -> None:
    """By the database: each transaction may run on a session that another owner had."""
    database = postgres_server.create_database(template=postgresql_template)
    url = postgres_server.url(database, tcp=True, pgbouncer="true", connection_limit="10")
    services = make_services(url.replace(f":{postgres_server.port}/", f":{bouncer_port}/"))
    await services.database.connect()
    assert services.database.has_role

    async def work(owner: str, number: int) -> None:
        with acting_for(owner):
            new = VideoAnalysisCreate(video_id=f"v{number}", description=f"Of {owner}.")
            await services.database.create_video_analysis(new)
            found = await services.database.get_video_analysis(f"v{number}")
            assert found["description"] == f"Of {owner}."
            rows = await fetch(services.database.client, "SELECT owner FROM video_analysis")
            assert {row[0] for row in rows} == {owner}

    try:
        await asyncio.gather(*(work(owner, n) for n in range(15) for owner in ("ann", "bob")))
    finally:
        await services.database.disconnect()
