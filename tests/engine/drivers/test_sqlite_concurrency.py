"""Many tasks on one SQLite database: who sees what, who waits, and what is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import sqlite3
import threading
import time
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.engine import in_process
from backend.engine.drivers.driver import NO_SETTINGS, Statement
from backend.engine.drivers.sqlite import checkpoints, connection, readers
from backend.engine.drivers.sqlite.checkpoints import _CHANGES
from backend.engine.drivers.sqlite.declared_types import DeclaredTypes, TablesInMemory
from backend.engine.drivers.sqlite.readers import Readers
from backend.engine.drivers.sqlite.snapshot import SQLiteSnapshot
from backend.engine.drivers.sqlite.statements import Execute, execute
from tests.engine.sqlite_types import make_database, stored

pytestmark = pytest.mark.anyio

SLOW = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
SELECT count(*) AS n FROM n
"""
FOREVER = SLOW.format(10**10)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process's open write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def test_a_plain_query_never_joins_another_tasks_transaction(db: Any) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def transact() -> None:
        async with db.tx() as tx:
            await tx.everything.create({"text": "inside"})
            started.set()
            await may_end.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(transact())
        await started.wait()
        assert await db.everything.count() == 0
        may_end.set()
    assert await db.everything.count() == 1


async def test_a_write_beside_an_open_transaction_waits_and_survives_its_rollback(db: Any) -> None:
    manager = db.tx()
    tx = await manager.start()
    await tx.everything.create({"text": "undone"})
    waiting = asyncio.create_task(db.everything.create({"text": "kept"}))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await manager.rollback()
    await waiting
    assert [one.text for one in await db.everything.find_many()] == ["kept"]


async def test_writes_that_are_committed_together_fail_alone(db: Any, everything: Any) -> None:
    names = [f"n{i % 50}" for i in range(200)]
    outcomes = await asyncio.gather(
        *[db.everything.create({"name": name}) for name in names], return_exceptions=True
    )
    failed = [one for one in outcomes if isinstance(one, Exception)]
    assert len(failed) == 150
    assert {type(one) for one in failed} == {everything.errors.UniqueViolationError}
    assert await db.everything.count() == 50


async def test_one_write_that_spoils_the_commit_does_not_spoil_the_others(
    everything: Any, tmp_path: Path
) -> None:
    path = tmp_path / "deferred.db"
    url = make_database(
        path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY);"
        "CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);",
    )
    async with in_process(everything.Prisma)(datasource={"url": url}) as db:
        calls = [db.execute_raw("INSERT INTO a (id) VALUES (?)", i) for i in range(10)]
        calls.insert(5, db.execute_raw("INSERT INTO b (a) VALUES (?)", 99))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [one for one in outcomes if one != 1] == [outcomes[5]]
    assert isinstance(outcomes[5], everything.errors.RawQueryError)
    assert stored(path, "SELECT count(*) FROM a") == [(10,)]
    assert stored(path, "SELECT count(*) FROM b") == [(0,)]


async def test_writers_do_not_lose_each_others_updates(db: Any) -> None:
    row = await db.everything.create({"whole": 0})
    await asyncio.gather(
        *[
            db.everything.update(where={"id": row.id}, data={"whole": {"increment": 1}})
            for _ in range(100)
        ]
    )

    async def read_then_write() -> None:
        async with db.tx(max_wait=timedelta(seconds=20)) as tx:
            found = await tx.everything.find_unique(where={"id": row.id})
            await tx.everything.update(where={"id": row.id}, data={"whole": found.whole + 1})

    await asyncio.gather(*[read_then_write() for _ in range(20)])
    assert (await db.everything.find_unique(where={"id": row.id})).whole == 120


async def test_a_slow_read_leaves_the_event_loop_free(db: Any) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.002)
            beats += 1

    task = asyncio.create_task(beat())
    rows = await db.query_raw(SLOW.format(3_000_000))
    task.cancel()
    assert rows == [{"n": 3_000_000}]
    assert beats >= 5


@pytest.mark.parametrize(
    ("works", "waits", "is_slow"),
    [(0.004, 0.0, False), (0.004, 0.04, False), (0.004, 0.06, True), (0.008, 0.0, True)],
)
async def test_only_a_read_that_works_or_waits_for_long_leaves_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: float, waits: float, is_slow: bool
) -> None:
    threads, moment, work = set(), 0.0, 0.0
    monkeypatch.setattr(readers, "perf_counter", lambda: moment)
    monkeypatch.setattr(readers, "thread_time", lambda: work)

    def step() -> int:
        nonlocal moment, work
        work += works / 1_000
        moment += (works + waits) / 1_000
        threads.add(threading.current_thread())
        return 0

    def opened() -> sqlite3.Connection:
        made = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        made.create_function("step", 0, step)
        return made

    path = tmp_path / "waits.db"
    statement = Statement(SLOW.format(1_000) + " WHERE i > step()", (), returns_rows=True)

    def execute_on(made: sqlite3.Connection) -> Execute:
        types = DeclaredTypes(made, tables)
        return lambda *call: execute(made, *call, "iso8601", types)

    tables = TablesInMemory()
    reading = Readers(opened, execute_on, threads=1)
    reading.open()
    try:
        rows = await reading.execute(statement, (), NO_SETTINGS)
    finally:
        await reading.close()
        tables.close()
    assert rows.records == [(1_000,)]
    assert (len(threads) > 1) is is_slow


async def test_slow_reads_run_beside_each_other_and_beside_writes(db: Any) -> None:
    reads = [asyncio.create_task(db.query_raw(SLOW.format(1_000_000))) for _ in range(3)]
    await asyncio.sleep(0.01)
    await db.everything.create({"text": "meanwhile"})
    assert await db.everything.count() == 1
    assert await asyncio.gather(*reads) == [[{"n": 1_000_000}]] * 3


async def test_a_cancelled_read_is_interrupted(db: Any) -> None:
    task = asyncio.create_task(db.query_raw(FOREVER))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The thread that it held is free again: as many slow reads as there are threads still run.
    reads = [db.query_raw(SLOW.format(100_000)) for _ in range(8)]
    assert await asyncio.wait_for(asyncio.gather(*reads), 30) == [[{"n": 100_000}]] * 8


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_cancelled_at_any_moment_nothing_goes_on(db: Any, kind: str) -> None:
    fill = f"INSERT INTO everything (whole) {FOREVER.replace('count(*) AS n', 'i')}"
    for moment in range(20):
        work = db.query_raw(FOREVER) if kind == "read" else db.execute_raw(fill)
        task = asyncio.create_task(work)
        await asyncio.sleep(moment / 2000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    reads = [db.query_raw(SLOW.format(50_000)) for _ in range(8)]
    async with asyncio.timeout(30):
        assert await asyncio.gather(*reads) == [[{"n": 50_000}]] * 8
        await db.everything.create({"text": "last"})
    assert await db.everything.count() == 1


async def test_a_cancelled_write_is_interrupted_and_undone(db: Any, sqlite_file: Path) -> None:
    fill = f"INSERT INTO everything (whole) {FOREVER.replace('count(*) AS n', 'i')}"
    task = asyncio.create_task(db.execute_raw(fill))
    others = [asyncio.create_task(db.everything.create({"text": str(i)})) for i in range(3)]
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*others)
    assert stored(sqlite_file, "SELECT text FROM everything ORDER BY 1") == [("0",), ("1",), ("2",)]


async def test_a_write_that_is_cancelled_while_it_waits_does_not_happen(
    db: Any, sqlite_file: Path
) -> None:
    with locked(sqlite_file) as other:
        waiting = [asyncio.create_task(db.everything.create({"text": str(i)})) for i in range(5)]
        await asyncio.sleep(0.05)
        for task in waiting[1:]:
            task.cancel()
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await asyncio.gather(*waiting, return_exceptions=True)
        await db.everything.create({"text": "last"})
    assert stored(sqlite_file, "SELECT text FROM everything") == [("0",), ("last",)]


async def test_the_wait_for_a_locked_file_counts_from_when_a_write_is_asked_for(
    everything: Any, sqlite_file: Path
) -> None:
    """And not anew for each that waits in front of it."""
    url = f"file:{sqlite_file}?socket_timeout=1"
    client = in_process(everything.Prisma)(datasource={"url": url})
    await client.connect()

    async def transact() -> None:
        async with client.tx(max_wait=timedelta(seconds=60)) as tx:
            await tx.everything.create({"text": "never"})

    async def timed(write: Awaitable[Any]) -> float:
        started = time.monotonic()
        with pytest.raises(Exception, match=r"P1008|did not respond|timed out"):
            await write
        return time.monotonic() - started

    try:
        with locked(sqlite_file):
            waits = [timed(transact()) for _ in range(8)]
            waits += [timed(client.everything.create({"text": "never"})) for _ in range(8)]
            assert max(await asyncio.gather(*waits)) < 4  # of 9, each after the other
        await client.everything.create({"text": "kept"})
    finally:
        await client.disconnect()
    assert stored(sqlite_file, "SELECT text FROM everything") == [("kept",)]


async def test_a_cancelled_transaction_is_rolled_back(db: Any) -> None:
    async def transact() -> None:
        async with db.tx() as tx:
            await tx.everything.create({"text": "undone"})
            await asyncio.sleep(60)

    task = asyncio.create_task(transact())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await db.everything.create({"text": "kept"})
    assert [one.text for one in await db.everything.find_many()] == ["kept"]


async def test_disconnect_ends_an_open_transaction_and_finishes_waiting_writes(
    everything: Any, sqlite_file: Path
) -> None:
    client = in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"})
    await client.connect()
    manager = client.tx()
    tx = await manager.start()
    await tx.everything.create({"text": "undone"})
    waiting = asyncio.create_task(client.everything.create({"text": "kept"}))
    await asyncio.sleep(0.02)
    await client.disconnect()
    await waiting
    assert stored(sqlite_file, "SELECT text FROM everything") == [("kept",)]


async def test_a_query_after_disconnect_says_so(everything: Any, sqlite_file: Path) -> None:
    client = in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"})
    await client.connect()
    await client.disconnect()
    await client.disconnect()
    with pytest.raises(everything.errors.ClientNotConnectedError):
        await client.everything.count()
    await client.connect()
    assert await client.everything.count() == 0
    await client.disconnect()


def _held() -> tuple[int, int]:
    return threading.active_count(), psutil.Process().num_fds()


async def test_fifty_opens_and_closes_leak_nothing(everything: Any, sqlite_file: Path) -> None:
    client_class = in_process(everything.Prisma)

    async def use() -> None:
        async with client_class(datasource={"url": f"file:{sqlite_file}"}) as db:
            await db.everything.create({"text": "x"})
            await asyncio.gather(*[db.query_raw(SLOW.format(50_000)) for _ in range(4)])
            async with db.tx() as tx:
                await tx.everything.count()

    await use()
    gc.collect()  # compiled modules that earlier tests dropped hold their files until then
    before = _held()
    for _ in range(50):
        await use()
    threads, files = _held()  # fewer: threads of earlier tests may have ended meanwhile
    assert threads <= before[0]
    assert files <= before[1]
    assert not list(sqlite_file.parent.glob("*-wal"))


@pytest.mark.parametrize("is_left_open", [False, True])
async def test_closing_waits_for_the_end_of_snapshots(
    everything: Any, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch, is_left_open: bool
) -> None:
    """Whoever closes last folds the log into the database."""
    end = SQLiteSnapshot._end

    def end_slowly(self: SQLiteSnapshot) -> None:
        time.sleep(0.2)
        end(self)

    monkeypatch.setattr(SQLiteSnapshot, "_end", end_slowly)
    async with in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"}) as db:
        await db.everything.create({"text": "x"})
        manager = db.tx(isolation_level="SNAPSHOT")
        assert await (await manager.start()).everything.count() == 1
        if not is_left_open:
            await manager.rollback()
    assert not list(sqlite_file.parent.glob("*-wal"))


async def test_writes_are_durable_before_they_are_told(db: Any, sqlite_file: Path) -> None:
    """WAL, and synchronous=FULL (2) unless the URL says otherwise."""
    assert stored(sqlite_file, "PRAGMA journal_mode") == [("wal",)]
    assert await db.query_raw("PRAGMA synchronous") == [{"synchronous": 2}]
    assert await db.query_raw("PRAGMA foreign_keys") == [{"foreign_keys": 1}]


async def test_the_url_may_relax_durability(everything: Any, sqlite_file: Path) -> None:
    url = f"file:{sqlite_file}?synchronous=normal"
    async with in_process(everything.Prisma)(datasource={"url": url}) as db:
        assert await db.query_raw("PRAGMA synchronous") == [{"synchronous": 1}]


async def test_the_log_is_brought_in_beside_the_writer(
    db: Any, sqlite_file: Path, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM everything").fetchone() == (0,)
        for _ in range(2):
            await db.everything.create_many([{"text": "x"}] * _CHANGES)
        assert reader.execute("SELECT count(*) FROM everything").fetchone() == (0,)
        reader.execute("COMMIT")
    await db.everything.create_many([{"text": "x"}] * _CHANGES)
    await _without_log(sqlite_file, tmp_path / "alone.db", 3 * _CHANGES)


async def test_a_long_log_is_brought_in_after_every_commit(
    everything: Any, sqlite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_CHANGES", 300)
    monkeypatch.setattr(checkpoints, "_LONG_LOG", 100)
    page = "x" * 4096
    async with in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"}) as db:
        await db.everything.create_many([{"text": page}] * 300)
        await _without_log(sqlite_file, tmp_path / "alone.db", 300)
        for _ in range(5):  # the first may come before it is known that the log is long
            await db.everything.create({"text": page})
            await asyncio.sleep(0.1)
        await _without_log(sqlite_file, tmp_path / "alone.db", 301)


async def _without_log(database: Path, copy: Path, rows: int) -> None:
    """The database's file alone comes to have at least so many rows. No commit has brought them."""
    deadline = time.monotonic() + 20
    while True:
        shutil.copyfile(database, copy)
        with contextlib.suppress(sqlite3.DatabaseError):  # copied while it was written
            [(found,)] = stored(copy, "SELECT count(*) FROM everything")
            if found >= rows:
                return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_the_log_begins_anew_where_the_writer_is_never_idle(
    everything: Any, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LONGEST_LOG", 100)
    page = "x" * 4096
    async with in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"}) as db:
        for _ in range(20):
            await asyncio.gather(*[db.everything.create({"text": page}) for _ in range(100)])
        log = sqlite_file.with_name(f"{sqlite_file.name}-wal")
        assert log.stat().st_size < 1000 * 4096
        assert await db.everything.count() == 2000


async def test_time_in_queue_is_bounded_by_max_wait(db: Any, everything: Any) -> None:
    async with db.tx():
        started = time.monotonic()
        with pytest.raises(everything.errors.TransactionError, match="Unable to start"):
            async with db.tx(max_wait=timedelta(seconds=0.1)):
                pass
        assert time.monotonic() - started < 2
    assert await db.everything.count() == 0
