"""The plans that are kept: each shape of a query is compiled once.

Compiling costs 2 to 10 ms, so it runs in a thread, once for each shape however many tasks ask at
the same time. The compiler is loaded by the first shape that neither this process nor an earlier
one (`plan_store.py`) has compiled.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from . import JsonForm, Plan
from .store import PlanStore

if TYPE_CHECKING:
    from ..wasm.compiler import QueryCompiler

Key = tuple[str, JsonForm | None]
"""A shape, and the form that its records are wanted in."""

_KEPT = 1024
_KEPT_WITH_LITERALS = 256


class PlanCache:
    """`open_compiler` loads the compiler, `lower` makes its plans ready to run, `store` has those
    of earlier processes.

    Shapes that hold literals (`take`, `skip`, ...) are one of many alike; they are kept apart, so
    that they never push out the others."""

    def __init__(
        self,
        open_compiler: Callable[[], QueryCompiler],
        lower: Callable[[dict[str, Any], str, JsonForm | None], Plan],
        store: PlanStore,
    ) -> None:
        self._open_compiler = open_compiler
        self._lower = lower
        self._store = store
        self._plans: OrderedDict[Key, Plan] = OrderedDict()
        self._with_literals: OrderedDict[Key, Plan] = OrderedDict()
        self._compiling: dict[Key, asyncio.Future[Plan]] = {}
        self._compiler: QueryCompiler | None = None
        # One thread, as the compiler does one thing at a time.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="prisma-compiler")
        self.made = 0
        """How many shapes have been made ready so far, compiled here or taken from the store."""
        self.compiled = 0
        """How many of them the compiler was asked for."""

    def find(self, shape: str, form: JsonForm | None = None) -> Plan | None:
        key = (shape, form)
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
            return plan
        plan = self._with_literals.get(key)
        if plan is not None:
            self._with_literals.move_to_end(key)
        return plan

    async def compile(
        self, shape: str, action: str, form: JsonForm | None = None, *, has_literals: bool
    ) -> Plan:
        """The plan of a new shape. Raises EngineError where the query is not valid."""
        key = (shape, form)
        running = self._compiling.get(key)
        if running is None:
            running = asyncio.ensure_future(self._compile_in_thread(key, action, has_literals))
            self._compiling[key] = running
            running.add_done_callback(lambda done: self._forget(key, done))
        # A task that is cancelled must not take the plan from the others that wait for it.
        return await asyncio.shield(running)

    async def _compile_in_thread(self, key: Key, action: str, has_literals: bool) -> Plan:
        loop = asyncio.get_running_loop()
        plan = await loop.run_in_executor(self._executor, self._make, key, action)
        plans, limit = (
            (self._with_literals, _KEPT_WITH_LITERALS) if has_literals else (self._plans, _KEPT)
        )
        plans[key] = plan
        if len(plans) > limit:
            plans.popitem(last=False)
        return plan

    def _forget(self, key: Key, done: asyncio.Future[Plan]) -> None:
        self._compiling.pop(key, None)
        if not done.cancelled():
            done.exception()  # seen, even if all the tasks that waited are gone

    def _make(self, key: Key, action: str) -> Plan:
        shape, form = key
        self.made += 1
        tree = self._store.find(shape)
        if tree is None:
            tree = self._compile(shape)
            self._store.add(shape, tree)
        return self._lower(tree, action, form)

    def _compile(self, shape: str) -> dict[str, Any]:
        from ..wasm.compiler import CompileError  # loads wasmtime, only where it is needed

        if self._compiler is None:
            self._compiler = self._open_compiler()
        self.compiled += 1
        try:
            return self._compiler.compile(shape)
        except CompileError as error:
            raise EngineError(error.code, error.message, error.meta) from error

    def close(self) -> None:
        """Let go of the compiler and its thread, for good."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._store.close()
        if self._compiler is not None:
            self._compiler.close()
            self._compiler = None
