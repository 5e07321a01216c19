"""Promises, microtasks, timers and closures: what a module with async functions imports.

The module runs in the thread of an asyncio loop and awaits nothing itself: it returns a Promise,
`AsyncInstance.settle` runs microtasks until that is settled, and waits for what settles others:
the tasks behind the host's own promises (`AsyncInstance.promise`) and the module's timers.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from . import javascript as js
from .bindings import Bindings
from .imports import VALUES
from .instance import Instance
from .javascript import UNDEFINED, JSObject, ThrownError
from .modules import LoadedModule

Function = Callable[..., Any]


class Promise(JSObject):
    """An ECMAScript promise: its reactions always run as microtasks, and a promise that it is
    resolved with is adopted."""

    class_name = "Promise"

    def __init__(self, microtasks: deque[Callable[[], Any]]) -> None:
        super().__init__(then=lambda *handlers: self.then(*handlers[:2]))
        self.state: Literal["pending", "fulfilled", "rejected"] = "pending"
        self.value: Any = UNDEFINED
        self._microtasks = microtasks
        self._reactions: list[tuple[Any, Any, Promise]] = []
        self._is_resolved = False

    def resolve(self, value: Any = UNDEFINED, *_: Any) -> None:
        if not self._is_resolved:
            self._is_resolved = True
            self._adopt(value)

    def reject(self, reason: Any = UNDEFINED, *_: Any) -> None:
        if not self._is_resolved:
            self._is_resolved = True
            self._settle("rejected", reason)

    def then(self, on_fulfilled: Any = UNDEFINED, on_rejected: Any = UNDEFINED) -> Promise:
        derived = Promise(self._microtasks)
        reaction = (on_fulfilled, on_rejected, derived)
        if self.state == "pending":
            self._reactions.append(reaction)
        else:
            self._microtasks.append(functools.partial(self._react, *reaction))
        return derived

    def _adopt(self, value: Any) -> None:
        if value is self:
            self._settle("rejected", js.JSError("Chaining cycle detected", "TypeError"))
        elif isinstance(value, Promise):  # one tick later, as NewPromiseResolveThenableJob
            self._microtasks.append(
                lambda: value.then(
                    lambda result, *_: self._adopt(result),
                    lambda reason, *_: self._settle("rejected", reason),
                )
            )
        else:
            self._settle("fulfilled", value)

    def _settle(self, state: Literal["fulfilled", "rejected"], value: Any) -> None:
        self.state, self.value = state, value
        reactions, self._reactions = self._reactions, []
        for reaction in reactions:
            self._microtasks.append(functools.partial(self._react, *reaction))

    def _react(self, on_fulfilled: Any, on_rejected: Any, derived: Promise) -> None:
        handler = on_fulfilled if self.state == "fulfilled" else on_rejected
        if not callable(handler):
            if self.state == "fulfilled":
                derived.resolve(self.value)
            else:
                derived.reject(self.value)
            return
        try:
            derived.resolve(handler(self.value))
        except ThrownError as thrown:
            derived.reject(thrown.value)


class Closure:
    """A closure of Rust's that the host may call (`makeMutClosure` in the glue)."""

    def __init__(
        self, instance: AsyncInstance, data: int, table: int, destroy: str, invoke: str
    ) -> None:
        self._instance = instance
        self._data = data
        self._table = table
        self._destroy = destroy
        self._invoke = invoke
        self._arity = instance.arity(invoke) - 2
        self._uses = 1

    def __call__(self, *arguments: Any) -> Any:
        values = (*arguments, *[UNDEFINED] * self._arity)[: self._arity]
        self._uses += 1
        data, self._data = self._data, 0
        try:
            self._instance.call(self._invoke, data, self._table, *values)
        finally:
            self._data = data
            self.release()
        return UNDEFINED

    def release(self) -> None:
        self._uses -= 1
        if self._uses == 0:
            self._instance.call(self._destroy, self._data, self._table)
            self._data = 0

    def __del__(self) -> None:
        # FinalizationRegistry. Never into the module from inside the collector: note the debt.
        if self._uses > 0 and self._data:
            self._instance.debts.append((self._destroy, self._data, self._table))


class Wrapped(JSObject):
    """An object of a class that the module exports: a pointer into its memory."""

    def __init__(self, class_name: str, pointer: int) -> None:
        super().__init__()
        self.class_name = class_name
        self.pointer = pointer


class AsyncInstance(Instance):
    """An instance whose exports may return promises. To be used in one task at a time."""

    def __init__(self, loaded: LoadedModule) -> None:
        self.microtasks: deque[Callable[[], Any]] = deque()
        self.debts: list[tuple[str, int, int]] = []
        """Closures that nothing refers to any more: their destructor and its arguments."""
        self._timers: list[tuple[float, int, Function]] = []
        self._timer_ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: Exception | None = None
        self._wake = asyncio.Event()
        self.global_object = JSObject(
            crypto=JSObject(getRandomValues=_fill_with_random),
            performance=JSObject(now=lambda *_: time.perf_counter() * 1000),
            queueMicrotask=lambda job, *_: self.microtasks.append(job),
        )
        super().__init__(loaded, (VALUES, ASYNCHRONOUS))

    async def settle(self, promise: Promise) -> Any:
        """The value of a promise of this instance. Raises ThrownError where it is rejected.
        Cancelled, it cancels what the promise waits for, and waits until that has ended."""
        try:
            while True:
                self._run_microtasks()
                if promise.state != "pending":
                    break
                await self._wait()
        except asyncio.CancelledError:
            await self.cancel_tasks()
            raise
        finally:
            self._pay_debts()
        if promise.state == "rejected":
            raise ThrownError(promise.value)
        return promise.value

    def promise(self, work: Coroutine[Any, Any, Any]) -> Promise:
        """A promise for the result of `work`. A ThrownError rejects it; what else `work` raises
        ends `settle`."""
        promise = Promise(self.microtasks)

        async def run() -> None:
            try:
                promise.resolve(await work)
            except ThrownError as thrown:
                promise.reject(thrown.value)
            except Exception as error:  # noqa: BLE001 - raised by `settle`, which waits for this
                self._failure = error
            finally:
                self._wake.set()

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return promise

    async def cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_timeout(self, function: Function, milliseconds: int) -> int:
        number = next(self._timer_ids)
        due = time.monotonic() + milliseconds / 1000
        heapq.heappush(self._timers, (due, number, function))
        return number

    def arity(self, export: str) -> int:
        return len(self._functions[export].type(self.store).params)

    def _run_microtasks(self) -> None:
        while self.microtasks:
            self.microtasks.popleft()()

    async def _wait(self) -> None:
        """Until a task has ended or a timer is due."""
        if not self._tasks and not self._timers and not self._wake.is_set():
            raise RuntimeError("the module waits for a promise that nothing will settle")
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
            self._wake.clear()
        except TimeoutError:
            heapq.heappop(self._timers)[2]()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _pay_debts(self) -> None:
        if not self.is_poisoned:
            while self.debts:
                self.call(*self.debts.pop())


def _fill_with_random(target: js.Uint8Array, *_: Any) -> js.Uint8Array:
    target.view[:] = os.urandom(len(target))
    return target


#: What schema-engine-wasm imports beyond VALUES.
ASYNCHRONOUS = Bindings()

ASYNCHRONOUS.returns("Symbol.iterator", lambda: js.SYMBOL_ITERATOR)
ASYNCHRONOUS.returns("arg0.next()", lambda iterator: js.get(iterator, "next")())
ASYNCHRONOUS.returns("arg0.now()", lambda clock: js.get(clock, "now")())
ASYNCHRONOUS.returns("arg0.valueOf()", lambda value: value)
ASYNCHRONOUS.returns("arg0.call(arg1)", lambda function, this: function())
ASYNCHRONOUS.returns("arg0.call(arg1, arg2)", lambda function, this, value: function(value))
ASYNCHRONOUS.returns("arg0.then(arg1)", lambda promise, handler: promise.then(handler))
ASYNCHRONOUS.returns("arg0.then(arg1, arg2)", lambda promise, *both: promise.then(*both))
ASYNCHRONOUS.returns("new Uint8Array(arg0 >>> 0)", lambda size: _bytes_of_size(size & 0xFFFFFFFF))
ASYNCHRONOUS.returns(
    "arg0.subarray(arg1 >>> 0, arg2 >>> 0)",
    lambda array, start, stop: array.subarray(start & 0xFFFFFFFF, stop & 0xFFFFFFFF),
)


def _bytes_of_size(size: int) -> js.Uint8Array:
    return js.Uint8Array.copy_of(bytes(size))


@ASYNCHRONOUS.body("const ret = arg0.push(arg1); return ret;")
def _push(instance: Instance) -> Function:
    def push(array: list[Any], value: Any) -> int:
        array.append(value)
        return len(array)

    return push


@ASYNCHRONOUS.body("const ret = Reflect.get(arg0, arg1); return ret;")
def _reflect_get(instance: Instance) -> Function:
    return lambda target, key: js.get(_object(target), key)


@ASYNCHRONOUS.body("const ret = Reflect.has(arg0, arg1); return ret;")
def _reflect_has(instance: Instance) -> Function:
    return lambda target, key: js.has(_object(target), key)


@ASYNCHRONOUS.body("const ret = Reflect.set(arg0, arg1, arg2); return ret;")
def _reflect_set(instance: Instance) -> Function:
    def reflect_set(target: Any, key: Any, value: Any) -> bool:
        js.set_property(_object(target), key, value)
        return True

    return reflect_set


def _object(target: Any) -> Any:
    if not (js.is_object(target) or callable(target)):
        raise js.type_error(f"Reflect was called on {js.debug_string(target)}")
    return target


@ASYNCHRONOUS.body("arg0.name = getStringFromWasm0(arg1, arg2);")
def _set_name(instance: Instance) -> Function:
    return lambda target, pointer, length: js.set_property(
        target, "name", instance.text(pointer, length)
    )


@ASYNCHRONOUS.body("arg0.getRandomValues(arg1);")
def _get_random_values(instance: Instance) -> Function:
    return lambda crypto, target: js.get(crypto, "getRandomValues")(target)


@ASYNCHRONOUS.body(
    "let result; try { result = arg0 instanceof Promise; } "
    "catch (_) { result = false; } const ret = result; return ret;"
)
def _is_promise(instance: Instance) -> Function:
    return lambda value: isinstance(value, Promise)


@ASYNCHRONOUS.pattern(
    r"const ret = typeof (global|globalThis|window|self) === 'undefined' \? null : \1; "
    r"return isLikeNone\(ret\) \? 0 : addToExternrefTable0\(ret\);"
)
def _global(instance: Instance, name: str) -> Function:
    """Of the names for the global object, ours has only the one of the standard."""
    if name != "globalThis":
        return lambda: 0
    return lambda: instance.add_reference(_async(instance).global_object)


@ASYNCHRONOUS.body("queueMicrotask(arg0);")
def _queue_microtask(instance: Instance) -> Function:
    return _async(instance).microtasks.append


@ASYNCHRONOUS.body("const ret = setTimeout(arg0, arg1 >>> 0); return ret;")
def _set_timeout(instance: Instance) -> Function:
    return lambda function, ms: _async(instance).set_timeout(function, ms & 0xFFFFFFFF)


@ASYNCHRONOUS.body("const ret = Promise.resolve(arg0); return ret;")
def _resolve(instance: Instance) -> Function:
    def resolve(value: Any) -> Promise:
        if isinstance(value, Promise):
            return value
        promise = Promise(_async(instance).microtasks)
        promise.resolve(value)
        return promise

    return resolve


@ASYNCHRONOUS.pattern(
    r"try \{ var state0 = \{a: arg0, b: arg1\}; var cb0 = \(arg0, arg1\) => \{ "
    r"const a = state0\.a; state0\.a = 0; try \{ return (\w+)\(a, state0\.b, arg0, arg1\); \} "
    r"finally \{ state0\.a = a; \} \}; const ret = new Promise\(cb0\); return ret; \} "
    r"finally \{ state0\.a = state0\.b = 0; \}"
)
def _new_promise(instance: Instance, invoke: str) -> Function:
    """The executor is borrowed: it lives in Rust's stack and is called once, at once."""

    def new_promise(data: int, table: int) -> Promise:
        promise = Promise(_async(instance).microtasks)
        try:
            instance.call(invoke, data, table, promise.resolve, promise.reject)
        except ThrownError as thrown:
            promise.reject(thrown.value)
        return promise

    return new_promise


@ASYNCHRONOUS.pattern(r"const ret = makeMutClosure\(arg0, arg1, wasm\.(\w+), (\w+)\); return ret;")
def _closure(instance: Instance, destroy: str, invoke: str) -> Function:
    return lambda data, table: Closure(_async(instance), data, table, destroy, invoke)


@ASYNCHRONOUS.body("arg0._wbg_cb_unref();")
def _release(instance: Instance) -> Function:
    return lambda closure: closure.release()


@ASYNCHRONOUS.pattern(r"const ret = (\w+)\.__wrap\(arg0\); return ret;")
def _wrap(instance: Instance, class_name: str) -> Function:
    return lambda pointer: Wrapped(class_name, pointer & 0xFFFFFFFF)


def _absent(body: str, what: str) -> None:
    """Bind what is there for other hosts (Node.js, old browsers) and must not be reached."""

    def refuse(*_: Any) -> None:
        raise js.type_error(f"{what} is not available here")

    ASYNCHRONOUS.body(body)(lambda instance: refuse)


_absent("const ret = module.require; return ret;", "require")
_absent("arg0.randomFillSync(arg1);", "randomFillSync")
_absent("const ret = new Function(getStringFromWasm0(arg0, arg1)); return ret;", "Function")
_absent(
    "const ret = new RegExp(getStringFromWasm0(arg0, arg1), "
    "getStringFromWasm0(arg2, arg3)); return ret;",
    "RegExp",
)
_absent(
    "const ret = arg0.exec(getStringFromWasm0(arg1, arg2)); "
    "return isLikeNone(ret) ? 0 : addToExternrefTable0(ret);",
    "RegExp.exec",
)


def _async(instance: Instance) -> AsyncInstance:
    assert isinstance(instance, AsyncInstance)
    return instance
