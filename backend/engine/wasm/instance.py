"""A running wasm-bindgen module, and the JavaScript world that it believes it lives in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime

from .bindings import Bindings, bind
from .glue import Glue, GlueFunction
from .javascript import UNDEFINED, BigInt, ThrownError
from .modules import LoadedModule


class WasmPanicError(Exception):
    """Rust panicked, or the module trapped. The instance is of no use any more."""


class Instance:
    """One instance of a module with its own memory. Calls may come from any thread; one at a
    time is inside. `close()` gives everything back, and may be called twice.

    A JavaScript exception that the module throws comes out as ThrownError; a panic, or any other
    exception in the middle of a call, leaves the module's memory in an unknown state, so the
    instance refuses all further calls (`is_poisoned`).
    """

    def __init__(self, loaded: LoadedModule, tables: Sequence[Bindings]) -> None:
        self.is_poisoned = False
        self.panic_message: str | None = None
        self._lock = threading.RLock()
        self._depth = 0
        self._unwinding: BaseException | None = None
        self._store: wasmtime.Store | None = wasmtime.Store(loaded.engine)
        try:
            imports = self._link(loaded, tables)
            exports = wasmtime.Instance(self._store, loaded.module, imports).exports(self._store)
            self._functions = {
                name: export
                for name, export in exports.items()
                if isinstance(export, wasmtime.Func)
            }
            self._memory: wasmtime.Memory = exports["memory"]  # type: ignore[assignment]
            self._references: wasmtime.Table = exports["__wbindgen_externrefs"]  # type: ignore[assignment]
            self.call("__wbindgen_start")
        except BaseException:
            self.close()
            raise

    @property
    def store(self) -> wasmtime.Store:
        if self._store is None:
            raise RuntimeError("this WebAssembly instance is closed")
        return self._store

    def call(self, name: str, *arguments: Any) -> Any:
        """Call an export. Returns its value, or a list where it has several."""
        with self._lock:
            store = self.store
            if self.is_poisoned:
                raise WasmPanicError(f"the module panicked earlier: {self.panic_message}")
            self._depth += 1
            try:
                return self._functions[name](store, *arguments)
            except BaseException as raised:  # noqa: BLE001 - raised again, as what it stands for
                raise self._reason(raised) from None
            finally:
                self._depth -= 1

    def _reason(self, raised: BaseException) -> BaseException:
        """The exception of ours that unwound the module, or the panic that `raised` stands for.

        wasmtime keeps "the last exception of a host function" in one place for the whole
        process, where two threads can take each other's; so each instance remembers its own.
        """
        reason, self._unwinding = self._unwinding, None
        if isinstance(reason, ThrownError):
            return reason
        self.is_poisoned = True
        if reason is not None:
            return reason
        self.panic_message = self.panic_message or str(raised)
        return WasmPanicError(self.panic_message)

    def call_fallible(self, name: str, *arguments: Any) -> list[Any]:
        """Call an export that returns values, then a reference to an error, then a flag: the
        form that wasm-bindgen gives to Rust's Result. An error is raised as ThrownError."""
        *values, error, failed = self.call(name, *arguments)
        if failed:
            raise ThrownError(self.take_reference(error))
        return list(values)

    def close(self) -> None:
        with self._lock:
            if self._depth:
                raise RuntimeError("this WebAssembly instance is at work and cannot be closed")
            store, self._store = self._store, None
            if store is not None:
                # wasmtime keeps host functions, and through them this instance, in a table of
                # the process until their store is closed.
                store.close()

    # -- memory and references ------------------------------------------------------------------

    def read(self, pointer: int, length: int) -> bytes:
        start = pointer & 0xFFFFFFFF
        return bytes(self._memory.read(self.store, start, start + (length & 0xFFFFFFFF)))

    def write(self, pointer: int, data: bytes) -> None:
        if data:
            self._memory.write(self.store, data, pointer & 0xFFFFFFFF)

    def text(self, pointer: int, length: int) -> str:
        return self.read(pointer, length).decode()

    def put_text(self, text: str) -> tuple[int, int]:
        """Copy `text` into memory that the module will free; its pointer and length in bytes."""
        data = _utf8(text)
        pointer = self.call("__wbindgen_malloc", len(data), 1) & 0xFFFFFFFF
        self.write(pointer, data)
        return pointer, len(data)

    def take_text(self, pointer: int, length: int) -> str:
        """Read a string that the module gives away, and free it."""
        text = self.text(pointer, length)
        self.call("__wbindgen_free", pointer, length, 1)
        return text

    def add_reference(self, value: Any) -> int:
        index: int = self.call("__externref_table_alloc")
        self._references.set(self.store, index, value)
        return index

    def take_reference(self, index: int) -> Any:
        value = self._references.get(self.store, index)
        self.call("__externref_table_dealloc", index)
        # wasmtime wraps what is false in Python (0, "", {}, None).
        return value.value if isinstance(value, wasmtime.Val) else value

    def init_references(self) -> None:
        table: wasmtime.Table = self._references
        offset = table.grow(self.store, 4, None)
        table.set(self.store, 0, UNDEFINED)
        for index, value in enumerate((UNDEFINED, None, True, False), offset):
            table.set(self.store, index, value)

    # -- imports --------------------------------------------------------------------------------

    def _link(self, loaded: LoadedModule, tables: Sequence[Bindings]) -> list[wasmtime.Func]:
        glue = Glue(loaded.glue.read_text(encoding="utf-8"))
        linked = []
        for wanted in loaded.module.imports:
            kind = wanted.type
            if not isinstance(kind, wasmtime.FuncType) or wanted.name is None:
                raise TypeError(f"{wanted.module}.{wanted.name} is not a function")
            function, described = bind(wanted.name, len(kind.params), glue, self, tables)
            linked.append(wasmtime.Func(self.store, kind, self._guard(function, described, kind)))
        return linked

    def _guard(
        self, function: Callable[..., Any], described: GlueFunction, kind: wasmtime.FuncType
    ) -> Callable[..., Any]:
        """`function` as the module calls it: values coerced as at the border to JavaScript, and
        exceptions kept so that they can be told from a panic."""
        bigints = [index for index, param in enumerate(kind.params) if str(param) == "i64"]
        results = [str(result) for result in kind.results]
        coerce = _COERCIONS[results[0]] if results else _nothing

        def guarded(*arguments: Any) -> Any:
            try:
                if bigints:
                    arguments = tuple(
                        BigInt(value) if index in bigints else value
                        for index, value in enumerate(arguments)
                    )
                return coerce(function(*arguments))
            except ThrownError as thrown:
                if described.catches:
                    self.call("__wbindgen_exn_store", self.add_reference(thrown.value))
                    return coerce(UNDEFINED)
                self._unwinding = thrown
                raise
            except BaseException as raised:
                self._unwinding = raised
                raise

        return guarded


def _nothing(value: Any) -> None:
    return None


def _int32(value: Any) -> int:
    """ToInt32 for what imports return: booleans, pointers, undefined."""
    return 0 if value is UNDEFINED or value is None else int(value)


_COERCIONS: dict[str, Callable[[Any], Any]] = {
    "i32": _int32,
    "f64": float,
    "anyref": lambda value: value,  # wasmtime's word for externref
}


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # As JavaScript's TextEncoder: a lone surrogate becomes U+FFFD.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
