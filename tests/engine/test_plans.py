"""Each shape of a query is compiled once; the plans kept are bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process, plan_store, plans
from backend.engine.plan_store import PlanStore
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
    everything: Any, sqlite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_store, "cache_folder", lambda: tmp_path / "cache")
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


@pytest.mark.parametrize(
    "spoil", [b"not json\n", b'{"shape": "x"}\n', b"[]\n", b"\xff\xfe\n", b'{"sh']
)
async def test_a_spoilt_line_of_the_store_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: bytes
) -> None:
    monkeypatch.setattr(plan_store, "cache_folder", lambda: tmp_path / "cache")
    PlanStore(["a"]).add("first", {"type": "unit"})
    (file,) = (tmp_path / "cache/plans").iterdir()
    file.write_bytes(
        spoil + file.read_bytes() if spoil.endswith(b"\n") else file.read_bytes() + spoil
    )
    store = PlanStore(["a"])
    assert store.find("first") == {"type": "unit"}
    assert PlanStore(["b"]).find("first") is None


async def test_a_folder_that_others_may_write_in_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_store, "cache_folder", lambda: tmp_path / "cache")
    PlanStore(["a"]).add("first", {"type": "unit"})
    (tmp_path / "cache/plans").chmod(0o777)
    store = PlanStore(["a"])
    assert store.find("first") is None
    store.add("second", {"type": "unit"})
    assert store.find("second") == {"type": "unit"}
    (tmp_path / "cache/plans").chmod(0o700)
    assert PlanStore(["a"]).find("second") is None


async def test_an_invalid_query_is_refused_each_time(db: Any, everything: Any) -> None:
    for _ in range(2):
        with pytest.raises(everything.errors.FieldNotFoundError):
            await db.everything.find_many(where={"nope": 1})
    assert await db.everything.count() == 0
