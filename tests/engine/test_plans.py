"""Each shape of a query is compiled once; the plans kept are bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.engine import plans

pytestmark = pytest.mark.anyio


async def test_a_second_query_of_a_shape_compiles_nothing(db: Any) -> None:
    for text in ("a", "b", "c"):
        await db.everything.create({"text": text})
        await db.everything.find_many(where={"text": {"in": [text, "x"] * len(text)}})
    assert db._engine.compiled == 2


async def test_many_tasks_that_want_a_new_shape_compile_it_once(db: Any) -> None:
    await asyncio.gather(*[db.everything.find_many(where={"whole": i}) for i in range(50)])
    assert db._engine.compiled == 1


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
    assert db._engine.compiled == 21
    await db.everything.find_first(where={"whole": 2})
    await db.everything.find_many(skip=19)
    assert db._engine.compiled == 21
    await db.everything.find_many(skip=0)
    assert db._engine.compiled == 22


async def test_an_invalid_query_is_refused_each_time(db: Any, everything: Any) -> None:
    for _ in range(2):
        with pytest.raises(everything.errors.FieldNotFoundError):
            await db.everything.find_many(where={"nope": 1})
    assert await db.everything.count() == 0
