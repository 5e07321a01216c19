from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.engine.wasm import modules
from backend.engine.wasm.asynchronous import AsyncInstance, Promise
from backend.engine.wasm.javascript import UNDEFINED, JSError, ThrownError
from backend.engine.wasm.modules import LoadedModule

pytestmark = pytest.mark.anyio


class World:
    """Microtasks, and what happened in which order."""

    def __init__(self) -> None:
        self.microtasks: deque[Callable[[], Any]] = deque()
        self.seen: list[Any] = []

    def promise(self) -> Promise:
        return Promise(self.microtasks)

    def note(self, name: str) -> Callable[..., Any]:
        def noted(value: Any = UNDEFINED, *_: Any) -> Any:
            self.seen.append((name, value))
            return value

        return noted

    def run(self) -> list[Any]:
        while self.microtasks:
            self.microtasks.popleft()()
        return self.seen


def test_reactions_run_as_microtasks_in_order() -> None:
    world = World()
    promise = world.promise()
    promise.then(world.note("a"))
    promise.resolve(1)
    promise.then(world.note("b"))
    assert world.seen == []
    assert world.run() == [("a", 1), ("b", 1)]


def test_only_the_first_resolution_counts() -> None:
    world = World()
    promise = world.promise()
    promise.resolve(1)
    promise.reject("no")
    promise.resolve(2)
    assert (promise.state, promise.value) == ("fulfilled", 1)


def test_a_rejection_passes_by_until_a_handler_takes_it() -> None:
    world = World()
    promise = world.promise()
    promise.then(world.note("skipped")).then(UNDEFINED, world.note("caught")).then(
        world.note("after")
    )
    promise.reject("reason")
    assert world.run() == [("caught", "reason"), ("after", "reason")]


def test_what_a_handler_throws_rejects_what_is_derived() -> None:
    world = World()

    def throw(value: Any) -> None:
        raise ThrownError(JSError("thrown"))

    promise = world.promise()
    derived = promise.then(throw)
    promise.resolve(1)
    world.run()
    assert derived.state == "rejected"
    assert str(derived.value) == "Error: thrown"


def test_a_promise_adopts_the_promise_that_it_is_resolved_with() -> None:
    world = World()
    outer, inner = world.promise(), world.promise()
    outer.then(world.note("outer"))
    outer.resolve(inner)
    outer.resolve("too late")
    world.run()
    assert outer.state == "pending"
    inner.resolve("inner's")
    assert world.run() == [("outer", "inner's")]


def test_a_promise_resolved_with_itself_is_rejected() -> None:
    promise = World().promise()
    promise.resolve(promise)
    assert promise.state == "rejected"


@pytest.fixture
def engine_module(packages: Path) -> LoadedModule:
    return modules.load(packages / "@prisma/schema-engine-wasm/schema_engine_bg.wasm")


async def test_every_import_of_the_schema_engine_is_bound(engine_module: LoadedModule) -> None:
    AsyncInstance(engine_module).close()


async def test_settle_waits_for_what_the_host_does(engine_module: LoadedModule) -> None:
    instance = AsyncInstance(engine_module)

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await instance.settle(instance.promise(work())) == "done"
    instance.close()


async def test_an_exception_of_the_host_ends_settle(engine_module: LoadedModule) -> None:
    instance = AsyncInstance(engine_module)

    async def work() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await instance.settle(instance.promise(work()))
    instance.close()


async def test_a_promise_that_nothing_settles_is_an_error(engine_module: LoadedModule) -> None:
    instance = AsyncInstance(engine_module)
    with pytest.raises(RuntimeError, match="nothing will settle"):
        await instance.settle(Promise(instance.microtasks))
    instance.close()


async def test_timers_fire_in_the_order_of_their_times(engine_module: LoadedModule) -> None:
    instance = AsyncInstance(engine_module)
    promise = Promise(instance.microtasks)
    seen: list[str] = []
    instance.set_timeout(lambda: (seen.append("late"), promise.resolve()), 20)
    instance.set_timeout(lambda: seen.append("early"), 1)
    await instance.settle(promise)
    assert seen == ["early", "late"]
    instance.close()


async def test_cancelling_settle_cancels_what_it_waits_for(engine_module: LoadedModule) -> None:
    instance = AsyncInstance(engine_module)
    state: list[str] = []

    async def work() -> None:
        state.append("begun")
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            state.append("ended")

    running = asyncio.ensure_future(instance.settle(instance.promise(work())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert state == ["begun", "ended"]
    instance.close()


async def test_instances_give_their_memory_back(engine_module: LoadedModule) -> None:
    process = psutil.Process()
    for number in range(40):
        AsyncInstance(engine_module).close()
        if number == 9:
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    assert process.memory_info().rss - before < 10 << 20
