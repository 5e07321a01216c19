"""Prisma's query compiler: a query in the JSON protocol in, a query plan out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import modules
from .instance import Instance, WasmPanicError
from .javascript import UNDEFINED, ThrownError, to_python
from .renewing import RenewingInstance

#: What the driver adapters of Prisma 7.10 tell the compiler (adapter-better-sqlite3, adapter-pg).
#: 999 was SQLite's limit of bound values before 3.32; PostgreSQL's is the compiler's own.
_CONNECTIONS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"maxBindValues": 999, "supportsRelationJoins": False},
    "postgresql": {"supportsRelationJoins": True},
}


class CompileError(Exception):
    """The compiler refuses a query: Prisma's code (P2009, ...), message and meta."""

    def __init__(
        self, code: str | None, message: str, meta: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message
        self.meta: dict[str, Any] = dict(meta or {})


class QueryCompiler:
    """The compiler for one schema and provider ("sqlite" or "postgresql").

    `packages` is the node_modules folder; `datamodel` the schema's text as Prisma 7 wants it
    (without `url`) and known to be valid: with an invalid one the compiler answers every query
    with "does not match any query". May be used from any thread; one
    at a time is served. After a panic of Rust's the next call finds a new instance.
    """

    def __init__(
        self,
        packages: Path,
        *,
        provider: str,
        datamodel: str,
        schema_name: str | None = None,
        log: modules.Log | None = None,
    ) -> None:
        if provider not in _CONNECTIONS:
            raise ValueError(f"no query compiler for the provider {provider!r}")
        self._parameters = {
            "datamodel": datamodel,
            "provider": "postgres" if provider == "postgresql" else provider,
            "connectionInfo": {
                "schemaName": UNDEFINED if schema_name is None else schema_name,
                **_CONNECTIONS[provider],
            },
        }
        loaded = modules.load(module_file(packages, provider), log=log)
        self._instance = RenewingInstance(loaded, self._start)

    def compile(self, request: str) -> dict[str, Any]:
        """The plan for one query, as plain Python. Raises CompileError."""
        return self._compile("querycompiler_compile", request)

    def compile_batch(self, request: str) -> dict[str, Any]:
        """The plans for a batch: `{"type": "multi", "plans": [...]}` or `{"type": "compacted",
        ...}`. Raises CompileError."""
        return self._compile("querycompiler_compileBatch", request)

    def close(self) -> None:
        self._instance.close()

    def _start(self, instance: Instance) -> int:
        with _compile_errors():
            (compiler,) = instance.call_fallible("querycompiler_new", self._parameters)
        return int(compiler)

    def _compile(self, function: str, request: str) -> dict[str, Any]:
        with self._instance.entered() as (instance, compiler), _compile_errors():
            text = instance.put_text(request)
            (plan,) = instance.call_fallible(function, compiler, *text)
            answer: dict[str, Any] = to_python(instance.take_reference(plan))
            return answer


def module_file(packages: Path, provider: str) -> Path:
    """The WebAssembly of a provider's compiler; `modules.load` of it ahead of time spares the
    first start the seconds of compilation."""
    folder = packages / "@prisma" / "query-compiler-wasm" / provider
    return folder / "query_compiler_fast_bg.wasm"


@contextlib.contextmanager
def _compile_errors() -> Iterator[None]:
    try:
        yield
    except ThrownError as thrown:
        raise _compile_error(to_python(thrown.value)) from None
    except WasmPanicError as panic:
        raise CompileError(None, f"Prisma's query compiler panicked: {panic}") from panic


def _compile_error(value: Any) -> CompileError:
    if not isinstance(value, dict):
        return CompileError(None, str(value))
    meta = value.get("meta")
    return CompileError(
        value.get("code"),
        str(value.get("message")),
        meta if isinstance(meta, dict) else {},
    )
