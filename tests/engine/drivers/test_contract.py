"""What every driver does alike: one body, both databases."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from backend.engine.drivers.driver import Driver, Program, Rows, Start
from backend.engine.errors import DriverError
from tests.engine.drivers import programs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(driver: Driver) -> None:
    await run(driver, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE)")


def query(driver: Driver, sql: str, *args: Any) -> Start:
    return programs.query(_placeholders(driver, sql), *args)


def execute(driver: Driver, sql: str, *args: Any) -> Start:
    return programs.execute(_placeholders(driver, sql), *args)


def insert(driver: Driver, id_: int, name: str) -> Start:
    return execute(driver, "INSERT INTO t (id, name) VALUES (?, ?)", id_, name)


def _placeholders(driver: Driver, sql: str) -> str:
    if driver.provider == "sqlite":
        return sql
    numbers = iter(range(1, 100))
    return re.sub(r"\?", lambda _: f"${next(numbers)}", sql)


async def run(driver: Driver, sql: str, *args: Any, atomic: bool = False) -> Any:
    return await driver.run(execute(driver, sql, *args), reads_only=False, atomic=atomic)


async def names(driver: Driver) -> list[str]:
    start = query(driver, "SELECT name FROM t ORDER BY id")
    rows = await driver.run(start, reads_only=True, atomic=False)
    return [record[0] for record in rows.records]


async def test_a_query_answers_columns_and_records(driver: Driver, table: None) -> None:
    await run(driver, "INSERT INTO t (id, name) VALUES (?, ?), (?, ?)", 1, "a", 2, "b")
    start = query(driver, "SELECT id, name AS n FROM t WHERE id >= ? ORDER BY id", 1)
    rows = await driver.run(start, reads_only=True, atomic=False)
    assert isinstance(rows, Rows)
    assert rows.columns == ("id", "n")
    assert [tuple(record) for record in rows.records] == [(1, "a"), (2, "b")]


async def test_an_execute_answers_the_number_of_rows(driver: Driver, table: None) -> None:
    assert await run(driver, "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')") == 2
    assert await run(driver, "UPDATE t SET name = 'c' WHERE id = ?", 1) == 1
    assert await run(driver, "DELETE FROM t WHERE id > ?", 7) == 0


async def test_a_write_that_returns_rows_is_kept(driver: Driver, table: None) -> None:
    start = query(driver, "INSERT INTO t (id, name) VALUES (?, ?) RETURNING id", 5, "a")
    rows = await driver.run(start, reads_only=False, atomic=False)
    assert [tuple(record) for record in rows.records] == [(5,)]
    assert await names(driver) == ["a"]


async def test_null_goes_in_and_comes_out(driver: Driver) -> None:
    await run(driver, "CREATE TABLE n (a INTEGER, b VARCHAR(9))")
    await run(driver, "INSERT INTO n (a, b) VALUES (?, ?)", None, None)
    start = query(driver, "SELECT a, b FROM n")
    rows = await driver.run(start, reads_only=True, atomic=False)
    assert [tuple(record) for record in rows.records] == [(None, None)]


async def test_a_program_without_statements_needs_no_database(driver: Driver) -> None:
    def program() -> Program:
        yield from ()
        return 42

    assert await driver.run(program, reads_only=True, atomic=False) == 42


async def test_an_error_is_thrown_into_the_program(driver: Driver, table: None) -> None:
    await run(driver, "INSERT INTO t (id, name) VALUES (1, 'a')")
    seen = []

    def program() -> Program:
        try:
            yield from insert(driver, 1, "b")()
        except DriverError as error:
            seen.append(error.kind)
            raise

    with pytest.raises(DriverError):
        await driver.run(program, reads_only=False, atomic=False)
    assert seen == ["UniqueConstraintViolation"]


@pytest.mark.parametrize(
    ("sql", "kind", "facts"),
    [
        (
            "INSERT INTO t (id, name) VALUES (2, 'a')",
            "UniqueConstraintViolation",
            {"constraint": {"fields": ["name"]}, "table": "t"},
        ),
        (
            "INSERT INTO t (id, name) VALUES (2, NULL)",
            "NullConstraintViolation",
            {"constraint": {"fields": ["name"]}, "table": "t"},
        ),
        ("SELECT 1 FROM nowhere", "TableDoesNotExist", {"table": "nowhere"}),
        ("UPDATE t SET missing = 1", "ColumnNotFound", {"column": "missing"}),
    ],
)
async def test_errors_have_one_kind_on_both_databases(
    driver: Driver, table: None, sql: str, kind: str, facts: dict[str, Any]
) -> None:
    await run(driver, "INSERT INTO t (id, name) VALUES (1, 'a')")
    with pytest.raises(DriverError) as raised:
        await run(driver, sql)
    assert raised.value.kind == kind
    if driver.provider == "postgresql":
        assert raised.value.facts == facts
    assert await names(driver) == ["a"]


async def test_a_foreign_key_is_enforced(driver: Driver, table: None) -> None:
    await run(driver, "CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id))")
    with pytest.raises(DriverError) as raised:
        await run(driver, "INSERT INTO c (id, t) VALUES (1, 99)")
    assert raised.value.kind == "ForeignKeyConstraintViolation"


async def test_an_atomic_program_takes_effect_whole(driver: Driver, table: None) -> None:
    both = programs.sequence(insert(driver, 1, "a"), insert(driver, 2, "b"))
    assert await driver.run(both, reads_only=False, atomic=True) == [1, 1]
    assert await names(driver) == ["a", "b"]


async def test_an_atomic_program_that_fails_leaves_nothing(driver: Driver, table: None) -> None:
    failing = programs.sequence(insert(driver, 1, "a"), insert(driver, 1, "b"))
    with pytest.raises(DriverError):
        await driver.run(failing, reads_only=False, atomic=True)
    assert await names(driver) == []


async def test_an_exception_of_the_program_rolls_back(driver: Driver, table: None) -> None:
    def program() -> Program:
        yield from insert(driver, 1, "a")()
        raise LookupError("of the plan's own")

    with pytest.raises(LookupError):
        await driver.run(program, reads_only=False, atomic=True)
    assert await names(driver) == []


async def test_a_transaction_is_seen_by_others_only_when_committed(
    driver: Driver, table: None
) -> None:
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    assert await transaction.run(insert(driver, 1, "a")) == 1
    assert await names(driver) == []
    within = await transaction.run(query(driver, "SELECT name FROM t"))
    assert [tuple(record) for record in within.records] == [("a",)]
    await transaction.commit()
    assert await names(driver) == ["a"]


async def test_a_transaction_rolled_back_leaves_nothing(driver: Driver, table: None) -> None:
    transaction = await driver.begin(isolation_level=None, max_wait=2)
    await transaction.run(insert(driver, 1, "a"))
    await transaction.rollback()
    await transaction.rollback()
    assert await names(driver) == []
    with pytest.raises(DriverError) as raised:
        await transaction.run(insert(driver, 2, "b"))
    assert raised.value.kind == "TransactionAlreadyClosed"


async def test_a_cancelled_transaction_leaves_the_database_free(
    driver: Driver, table: None
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        transaction = await driver.begin(isolation_level=None, max_wait=2)
        try:
            await transaction.run(insert(driver, 1, "a"))
            begun.set()
            await asyncio.sleep(60)
        finally:
            await transaction.rollback()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await run(driver, "INSERT INTO t (id, name) VALUES (1, 'b')")
    assert await names(driver) == ["b"]


async def test_serializable_is_an_isolation_level_everywhere(driver: Driver, table: None) -> None:
    transaction = await driver.begin(isolation_level="Serializable", max_wait=2)
    await transaction.run(insert(driver, 1, "a"))
    await transaction.commit()
    assert await names(driver) == ["a"]


async def test_a_snapshot_sees_what_was_there_and_keeps_nobody_waiting(
    driver: Driver, table: None
) -> None:
    await run(driver, "INSERT INTO t (id, name) VALUES (1, 'a')")
    snapshot = await driver.begin(isolation_level="Snapshot", max_wait=2)
    await run(driver, "UPDATE t SET name = 'b'")
    await run(driver, "INSERT INTO t (id, name) VALUES (2, 'c')")
    seen = await snapshot.run(query(driver, "SELECT name FROM t ORDER BY id"))
    assert [tuple(record) for record in seen.records] == [("a",)]
    assert await names(driver) == ["b", "c"]
    with pytest.raises(DriverError):
        await snapshot.run(insert(driver, 3, "d"))
    await snapshot.rollback()
    await snapshot.rollback()
    with pytest.raises(DriverError) as raised:
        await snapshot.run(query(driver, "SELECT name FROM t"))
    assert raised.value.kind == "TransactionAlreadyClosed"
    assert await names(driver) == ["b", "c"]


async def test_many_tasks_write_at_once_without_losing_any(driver: Driver) -> None:
    await run(driver, "CREATE TABLE counter (n INTEGER NOT NULL)")
    await run(driver, "INSERT INTO counter (n) VALUES (0)")
    await asyncio.gather(*(run(driver, "UPDATE counter SET n = n + 1") for _ in range(50)))
    rows = await driver.run(query(driver, "SELECT n FROM counter"), reads_only=True, atomic=False)
    assert [tuple(record) for record in rows.records] == [(50,)]


async def test_one_of_many_equal_inserts_succeeds(driver: Driver, table: None) -> None:
    results = await asyncio.gather(
        *(run(driver, "INSERT INTO t (id, name) VALUES (1, 'a')") for _ in range(50)),
        return_exceptions=True,
    )
    assert results.count(1) == 1
    errors = [result for result in results if isinstance(result, DriverError)]
    assert [error.kind for error in errors] == ["UniqueConstraintViolation"] * 49


async def test_close_may_be_called_twice(driver: Driver) -> None:
    await driver.close()
    await driver.close()
