"""The pool under load, cancellation, timeouts and lost connections, on a real server."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import psutil
import pytest

from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import Driver, Program, Start
from backend.engine.errors import DriverError
from tests.engine.drivers import programs
from tests.engine.drivers.conftest import OpenDriver
from tests.engine.drivers.programs import execute, query
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SLEEP = query("SELECT 1 FROM pg_sleep(60)")


async def read(driver: Driver, start: Start) -> Any:
    rows = await driver.run(start, reads_only=True, atomic=False)
    return [tuple(record) for record in rows.records]


async def write(driver: Driver, sql: str, *args: Any, atomic: bool = False) -> Any:
    return await driver.run(execute(sql, *args), reads_only=False, atomic=atomic)


class Watcher:
    """What the server says of the sessions on the test's database, other than its own."""

    def __init__(self, server: PostgresServer, database: str) -> None:
        self._server = server
        self._database = database

    def count(self, condition: str = "true") -> int:
        return int(self._ask("count(*)", condition))

    def terminate(self, condition: str = "true") -> None:
        self._ask("count(pg_terminate_backend(pid, 5000))", condition)

    async def wait_until(self, condition: str, count: int = 1) -> None:
        for _ in range(1000):
            if await asyncio.to_thread(self.count, condition) == count:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(f"{condition}: still not {count}")

    def _ask(self, what: str, condition: str) -> str:
        return self._server.psql(
            f"SELECT {what} FROM pg_stat_activity WHERE datname = '{self._database}'"
            f" AND pid <> pg_backend_pid() AND ({condition})"
        )


@pytest.fixture
def watcher(postgres_server: PostgresServer, postgres_database: str) -> Watcher:
    return Watcher(postgres_server, postgres_database)


SLEEPING = "wait_event = 'PgSleep'"  # executing, not only being prepared
IN_TRANSACTION = "state LIKE 'idle in transaction%'"


# Size


async def test_connections_are_opened_as_needed_up_to_the_limit(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="3")
    assert driver.describe() == {
        "connections_open": 1,
        "connections_busy": 0,
        "connections_idle": 1,
    }
    nap = query("SELECT 1 FROM pg_sleep(0.02)")
    assert await asyncio.gather(*(read(driver, nap) for _ in range(12))) == [[(1,)]] * 12
    assert watcher.count() == 3
    assert driver.describe()["connections_idle"] == 3


async def test_one_after_the_other_one_connection_is_enough(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres()
    for _ in range(10):
        await read(driver, query("SELECT 1"))
    assert watcher.count() == 1


async def test_waiting_too_long_for_a_connection_is_a_pool_timeout(
    open_postgres: OpenDriver,
) -> None:
    driver = await open_postgres(connection_limit="1", pool_timeout="1")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    with pytest.raises(DriverError) as raised:
        await read(driver, query("SELECT 1"))
    assert raised.value.kind == "PoolTimeout"
    assert raised.value.facts == {"timeout": 1, "limit": 1}
    await transaction.rollback()
    assert await read(driver, query("SELECT 1")) == [(1,)]


async def test_begin_waits_no_longer_than_it_is_told(open_postgres: OpenDriver) -> None:
    driver = await open_postgres(connection_limit="1")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    with pytest.raises(TimeoutError):
        await driver.begin(isolation_level=None, max_wait=0.05)
    await transaction.rollback()
    await (await driver.begin(isolation_level=None, max_wait=2)).rollback()


async def test_who_waits_is_served_in_order(open_postgres: OpenDriver) -> None:
    driver = await open_postgres(connection_limit="1")
    served = []

    async def ask(number: int) -> None:
        await read(driver, query("SELECT 1"))
        served.append(number)

    transaction = await driver.begin(isolation_level=None, max_wait=2)
    tasks = []
    for number in range(5):
        tasks.append(asyncio.create_task(ask(number)))
        await asyncio.sleep(0)
    await transaction.rollback()
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("moment", ["while waiting", "when served"])
async def test_who_is_cancelled_while_waiting_takes_no_connection_along(
    open_postgres: OpenDriver, moment: str
) -> None:
    driver = await open_postgres(connection_limit="1")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    waiting = asyncio.create_task(read(driver, query("SELECT 1")))
    await asyncio.sleep(0.01)
    if moment == "when served":
        await transaction.rollback()
    waiting.cancel()
    await transaction.rollback()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await read(driver, query("SELECT 2")) == [(2,)]


# Cancellation and timeouts


async def test_a_cancelled_statement_ends_on_the_server_too(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    task = asyncio.create_task(read(driver, SLEEP))
    await watcher.wait_until(SLEEPING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await read(driver, query("SELECT 2")) == [(2,)]
    assert watcher.count(SLEEPING) == 0
    assert driver.describe()["connections_open"] == 1


async def test_cancelled_between_its_statements_an_atomic_program_leaves_nothing(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    both = programs.sequence(execute("INSERT INTO t VALUES (1)"), SLEEP)
    task = asyncio.create_task(driver.run(both, reads_only=False, atomic=True))
    await watcher.wait_until(SLEEPING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await read(driver, query("SELECT count(*) FROM t")) == [(0,)]
    assert watcher.count(IN_TRANSACTION) == 0


async def test_a_transaction_cancelled_in_a_statement_is_rolled_back(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    await transaction.run(execute("INSERT INTO t VALUES (1)"))
    task = asyncio.create_task(transaction.run(SLEEP))
    await watcher.wait_until(SLEEPING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await transaction.rollback()
    assert await read(driver, query("SELECT count(*) FROM t")) == [(0,)]
    assert watcher.count(IN_TRANSACTION) == 0


async def test_cancelled_at_any_moment_no_connection_is_lost_or_left_unclean(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="2")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    both = programs.sequence(*[execute("INSERT INTO t VALUES ($1)", 1)] * 2)
    for delay in range(40):
        tasks = [
            asyncio.create_task(driver.run(both, reads_only=False, atomic=True)) for _ in range(4)
        ]
        await asyncio.sleep(delay * 0.0002)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    [(count,)] = await read(driver, query("SELECT count(*) FROM t"))
    assert count % 2 == 0
    nap = query("SELECT 1 FROM pg_sleep(0.02)")
    assert await asyncio.gather(*(read(driver, nap) for _ in range(4))) == [[(1,)]] * 4
    assert watcher.count(IN_TRANSACTION) == 0
    assert driver.describe()["connections_open"] == 2


@pytest.mark.parametrize(
    "parameter", [{"socket_timeout": "1"}, {"options": "-c statement_timeout=50"}], ids=str
)
async def test_a_statement_that_takes_too_long_is_given_up(
    open_postgres: OpenDriver, watcher: Watcher, parameter: dict[str, str]
) -> None:
    driver = await open_postgres(connection_limit="1", **parameter)
    with pytest.raises(DriverError) as raised:
        await read(driver, SLEEP)
    assert raised.value.kind == "SocketTimeout"
    assert await read(driver, query("SELECT 2")) == [(2,)]
    assert watcher.count(SLEEPING) == 0


async def test_raw_sql_that_begins_a_transaction_leaves_none_open(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    await write(driver, "BEGIN")
    await write(driver, "INSERT INTO t VALUES (1)")
    assert watcher.count(IN_TRANSACTION) == 0
    assert await read(driver, query("SELECT count(*) FROM t")) == [(1,)]


async def test_a_commit_that_was_a_rollback_is_an_error(open_postgres: OpenDriver) -> None:
    driver = await open_postgres()
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    with pytest.raises(DriverError):
        await transaction.run(query("SELECT 1 / 0"))
    with pytest.raises(DriverError) as raised:
        await transaction.commit()
    assert raised.value.original_code == "25P02"


# Lost connections


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_connection_that_died_idle_is_replaced_unseen(
    open_postgres: OpenDriver, watcher: Watcher, atomic: bool
) -> None:
    driver = await open_postgres(connection_limit="2")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    insert = execute("INSERT INTO t VALUES (1)")
    # The server's last word and the end of the stream reach us one after the other.
    for steps in range(8):
        await driver.run(insert, reads_only=False, atomic=atomic)
        watcher.terminate()
        for _ in range(steps):
            await asyncio.sleep(0)
        await driver.run(insert, reads_only=False, atomic=atomic)
    assert await read(driver, query("SELECT count(*) FROM t")) == [(16,)]


async def test_work_that_was_begun_is_not_run_again(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres()
    await write(driver, "CREATE TABLE t (id INTEGER)")
    insert = execute("INSERT INTO t VALUES (1)")
    kinds = []
    for steps in range(8):

        def program(steps: int = steps) -> Program:
            yield from insert()
            watcher.terminate()
            yield from insert()

        with pytest.raises(DriverError) as raised:
            await driver.run(program, reads_only=False, atomic=False)
        kinds.append(raised.value.kind)
        for _ in range(steps):
            await asyncio.sleep(0)
    assert kinds == ["ConnectionClosed"] * 8
    assert await read(driver, query("SELECT count(*) FROM t")) == [(8,)]


async def test_a_write_that_may_have_run_is_not_run_again(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres()
    await write(driver, "CREATE TABLE t (id INTEGER)")
    task = asyncio.create_task(write(driver, "INSERT INTO t SELECT 1 FROM pg_sleep(60)"))
    await watcher.wait_until(SLEEPING)
    watcher.terminate(SLEEPING)
    with pytest.raises(DriverError) as raised:
        await task
    assert raised.value.kind == "ConnectionClosed"
    assert raised.value.original_code == "57P01"
    assert await read(driver, query("SELECT count(*) FROM t")) == [(0,)]


async def test_a_read_is_run_again(open_postgres: OpenDriver, watcher: Watcher) -> None:
    driver = await open_postgres()
    await write(driver, "CREATE TABLE t AS SELECT 60 AS seconds")
    task = asyncio.create_task(read(driver, query("SELECT 1 FROM t, pg_sleep(seconds)")))
    await watcher.wait_until(SLEEPING)
    await asyncio.to_thread(watcher.terminate, SLEEPING)
    await watcher.wait_until(SLEEPING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_raw_sql_is_not_run_again_as_it_may_call_what_writes(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres()
    task = asyncio.create_task(read(driver, query("SELECT pg_sleep(60)::text", raw=True)))
    await watcher.wait_until(SLEEPING)
    watcher.terminate(SLEEPING)
    with pytest.raises(DriverError) as raised:
        await task
    assert raised.value.kind == "ConnectionClosed"


async def test_a_transaction_whose_connection_is_lost_says_so(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    await transaction.run(execute("INSERT INTO t VALUES (1)"))
    watcher.terminate()
    with pytest.raises(DriverError) as raised:
        await transaction.commit()
    assert raised.value.kind == "ConnectionClosed"
    await transaction.rollback()
    assert await read(driver, query("SELECT count(*) FROM t")) == [(0,)]


# Prepared statements


async def test_a_changed_table_is_noticed(open_postgres: OpenDriver) -> None:
    driver = await open_postgres(connection_limit="1")
    await write(driver, "CREATE TABLE t (id INTEGER)")
    all_of_t = query("SELECT * FROM t")
    changes = iter(range(9))

    async def change() -> None:
        await write(driver, f"ALTER TABLE t ADD COLUMN c{next(changes)} INTEGER")

    assert await read(driver, all_of_t) == []
    await write(driver, "INSERT INTO t VALUES (1)")
    await change()
    assert await read(driver, all_of_t) == [(1, None)]
    await change()
    rows = await driver.run(all_of_t, reads_only=True, atomic=True)
    assert len(rows.columns) == 3
    await change()
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    with pytest.raises(DriverError) as raised:
        await transaction.run(all_of_t)
    assert raised.value.kind == "TransactionWriteConflict"
    await transaction.rollback()
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    assert len((await transaction.run(all_of_t)).columns) == 4
    await transaction.rollback()


@pytest.mark.parametrize("size", [0, 1, 5])
async def test_as_many_statements_are_kept_as_the_url_says(
    open_postgres: OpenDriver, size: int
) -> None:
    driver = await open_postgres(connection_limit="1", statement_cache_size=str(size))
    for number in range(12):
        assert await read(driver, query(f"SELECT {number}")) == [(number,)]
    kept = await read(
        driver, query("SELECT statement FROM pg_prepared_statements WHERE name <> ''")
    )
    # Those of the cache, with this one; asyncpg closes the one that left with the next.
    assert size <= len(kept) <= size + 1


async def test_statements_that_vanish_on_the_server_are_prepared_again(
    open_postgres: OpenDriver,
) -> None:
    driver = await open_postgres(connection_limit="1")
    assert await read(driver, query("SELECT 1")) == [(1,)]
    await write(driver, "DEALLOCATE ALL")
    assert await read(driver, query("SELECT 1")) == [(1,)]


# The session


async def test_the_schema_of_the_url_is_where_raw_sql_looks(open_postgres: OpenDriver) -> None:
    driver = await open_postgres(schema='my "app"')
    await write(driver, 'CREATE SCHEMA "my ""app"""')
    await write(driver, "CREATE TABLE t (id INTEGER)")
    found = await read(driver, query("SELECT schemaname FROM pg_tables WHERE tablename = 't'"))
    assert found == [('my "app"',)]


async def test_the_server_knows_the_application_by_name(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    await open_postgres(application_name="memory mirror")
    assert watcher.count("application_name = 'memory mirror'") == 1


async def test_the_session_is_in_utc(open_postgres: OpenDriver) -> None:
    driver = await open_postgres()
    assert await read(driver, query("SHOW TimeZone")) == [("UTC",)]


async def test_an_unknown_parameter_is_named_in_a_warning(open_postgres: OpenDriver) -> None:
    with pytest.warns(UserWarning, match="`conection_limit`"):
        await open_postgres(conection_limit="3")


# Connecting and closing


@pytest.mark.parametrize(
    ("change", "kind", "facts"),
    [
        (("@", "x@"), "AuthenticationFailed", {"user": "postgres"}),
        (("//postgres:", "//nobody:"), "AuthenticationFailed", {"user": "nobody"}),
        (("/postgres?", "/nowhere?"), "DatabaseDoesNotExist", {"db": "nowhere"}),
        (("sslmode=prefer", "sslmode=require"), "TlsConnectionError", None),
        (("127.0.0.1", "no-such-host.invalid"), "DatabaseNotReachable", None),
        (("127.0.0.1", "%2Fno%2Fsuch%2Ffolder"), "DatabaseNotReachable", None),
    ],
)
async def test_what_keeps_it_from_connecting_has_a_kind(
    postgres_server: PostgresServer,
    tmp_path: Any,
    change: tuple[str, str],
    kind: str,
    facts: dict[str, Any] | None,
) -> None:
    url = postgres_server.url("postgres", tcp=True, sslmode="prefer").replace(*change)
    driver = make_driver(url, folder=tmp_path)
    with pytest.raises(DriverError) as raised:
        await driver.connect()
    assert raised.value.kind == kind
    if facts is not None:
        assert raised.value.facts == facts
    await driver.close()


async def test_close_ends_waiting_work_and_open_transactions(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    driver = await open_postgres(connection_limit="1")
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    waiting = asyncio.create_task(read(driver, query("SELECT 1")))
    await asyncio.sleep(0.01)
    await driver.close()
    for ended in (waiting, transaction.run(query("SELECT 1"))):
        with pytest.raises(DriverError) as raised:
            await ended
        assert raised.value.kind == "ConnectionClosed"
    await transaction.rollback()
    await watcher.wait_until("true", count=0)


async def test_opening_and_closing_leaks_nothing(
    open_postgres: OpenDriver, watcher: Watcher
) -> None:
    process = psutil.Process()
    await (await open_postgres()).close()
    gc.collect()  # compiled modules that earlier tests dropped hold their files until then
    before = process.num_fds(), len(asyncio.all_tasks())
    for _ in range(50):
        driver = await open_postgres(connection_limit="2")
        await asyncio.gather(*(read(driver, query("SELECT 1")) for _ in range(4)))
        await driver.close()
    assert (process.num_fds(), len(asyncio.all_tasks())) == before
    await watcher.wait_until("true", count=0)
