from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backend.engine.migrate.cancellation import to_the_end
from backend.engine.migrate.databases.sqlite import SqliteDatabase

pytestmark = pytest.mark.anyio


async def test_work_ends_and_the_cancellation_comes_after_it() -> None:
    seen: list[str] = []
    begun = asyncio.Event()

    async def work() -> str:
        begun.set()
        await asyncio.sleep(0.05)
        return "result"

    async def caller() -> None:
        seen.append(await to_the_end(work()))
        seen.append("went on")
        await asyncio.sleep(0)
        seen.append("never")

    task = asyncio.create_task(caller())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["result", "went on"]


async def test_work_that_fails_says_so_in_spite_of_the_cancellation() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.sleep(0.05)
        raise LookupError

    task = asyncio.create_task(to_the_end(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(LookupError):
        await task


async def test_what_sqlite_has_done_is_not_reported_as_cancelled(tmp_path: Path) -> None:
    """An interrupt that comes after the commit finds nothing to interrupt."""
    database = SqliteDatabase(tmp_path / "a.db")
    await database.connect()
    done: set[str] = set()

    async def make(table: str) -> None:
        await database.run_script(f"CREATE TABLE {table} (i INTEGER)")
        done.add(table)

    for number in range(200):
        task = asyncio.create_task(make(f"t{number}"))
        await asyncio.sleep(number % 20 / 10_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    found = await database.query("SELECT name FROM sqlite_master")
    await database.close()
    assert {name for (name,) in found.records} == done
    assert done
