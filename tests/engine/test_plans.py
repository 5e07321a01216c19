"""Each shape of a query is compiled once; the plans kept are bounded."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from backend.engine.plan import cache as plans
from backend.engine.plan import store as plan_store
from backend.engine.plan.store import PlanStore
from tests.engine.sqlite_types import stored

pytestmark = pytest.mark.anyio


async def test_a_second_query_of_a_shape_compiles_nothing(db: Any) -> None:
    for text in ("a", "b", "c"):
        await db.everything.create({"text": text})
        await db.everything.find_many(where={"text": {"in": [text, "x"] * len(text)}})
    assert db._engine.plans.made == 2


async def test_many_tasks_that_want_a_new_shape_compile_it_once(db: Any) -> None:
    await asyncio.gather(*[db.everything.find_many(where={"whole": i}) for i in range(50)])
    assert db._engine.plans.made == 1


async def test_a_cancelled_task_does_not_take_the_plan_from_others(db: Any) -> None:
    tasks = [asyncio.create_task(db.everything.find_many(where={"whole": i})) for i in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [[], []]


async def test_shapes_with_literals_never_push_out_the_others(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "_KEPT_WITH_LITERALS", 5)
    await db.everything.find_first(where={"whole": 1})
    for skip in range(20):
        await db.everything.find_many(skip=skip)
    assert db._engine.plans.made == 21
    await db.everything.find_first(where={"whole": 2})
    await db.everything.find_many(skip=19)
    assert db._engine.plans.made == 21
    await db.everything.find_many(skip=0)
    assert db._engine.plans.made == 22


async def test_a_new_process_compiles_nothing_that_an_earlier_one_has(
    everything: Any, sqlite_file: Path, cache: Path
) -> None:
    made = []
    for _ in range(2):
        async with in_process(everything.Prisma)(datasource={"url": f"file:{sqlite_file}"}) as db:
            await db.everything.create({"text": "a"})
            await db.everything.find_many(take=3)
            made.append((db._engine.plans.made, db._engine.plans.compiled))
    assert made == [(2, 2), (2, 0)]
    assert count_of(sqlite_file) == 2


def count_of(path: Path) -> int:
    ((count,),) = stored(path, "SELECT count(*) FROM everything")
    assert isinstance(count, int)
    return count


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plan_store, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "plans"


def found(made_from: str, shape: str) -> Any:
    """By a process of its own, as it were."""
    with closing(PlanStore([made_from])) as store:
        return store.find(shape)


def add(made_from: str, shape: str, plan: dict[str, Any]) -> None:
    with closing(PlanStore([made_from])) as store:
        store.add(shape, plan)


def test_a_plan_is_found_only_for_what_it_was_made_from(cache: Path) -> None:
    add("a", "first", {"type": "unit"})
    add("a", "first", {"type": "unit"})
    assert found("a", "first") == {"type": "unit"}
    assert found("b", "first") is None
    assert found("a", "second") is None


def test_a_spoilt_plan_is_passed_over(cache: Path) -> None:
    add("a", "first", {"type": "unit"})
    add("a", "second", {"type": "unit"})
    for spoilt in ('{"ty', "[]", "", b"\xff\xfe"):
        with closing(sqlite3.connect(cache / "plans.db")) as database, database:
            database.execute("UPDATE plan SET tree = ? WHERE id = 1", (spoilt,))
        assert found("a", "first") is None
        assert found("a", "second") == {"type": "unit"}


def test_a_file_that_is_no_database_is_replaced(cache: Path) -> None:
    add("a", "first", {"type": "unit"})
    (cache / "plans.db").write_bytes(b"not a database, but as long as one" * 200)
    assert found("a", "first") is None
    add("a", "first", {"type": "unit"})
    assert found("a", "first") == {"type": "unit"}


def test_the_oldest_plans_make_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_store, "_MAKE_ROOM", plan_store._MAKE_ROOM.replace("5000", "3"))
    for number in range(5):
        add("a", str(number), {"number": number})
    assert [found("a", str(number)) is not None for number in range(5)] == [False] * 2 + [True] * 3


def test_processes_share_the_store(cache: Path) -> None:
    with closing(PlanStore(["a"])) as one, closing(PlanStore(["a"])) as other:
        assert other.find("first") is None
        one.add("first", {"type": "unit"})
        assert other.find("first") == {"type": "unit"}
        other.add("second", {"type": "unit"})
        assert one.find("second") == {"type": "unit"}


def test_a_folder_that_others_may_write_in_is_not_used(cache: Path) -> None:
    add("a", "first", {"type": "unit"})
    cache.chmod(0o777)
    assert found("a", "first") is None
    add("a", "second", {"type": "unit"})
    cache.chmod(0o700)
    assert found("a", "first") == {"type": "unit"}
    assert found("a", "second") is None


async def test_an_invalid_query_is_refused_each_time(db: Any, everything: Any) -> None:
    for _ in range(2):
        with pytest.raises(everything.errors.FieldNotFoundError):
            await db.everything.find_many(where={"nope": 1})
    assert await db.everything.count() == 0
