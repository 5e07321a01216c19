"""The generated client of Prisma Client Python, with this engine under it.

`in_process(Prisma)` is a subclass of a generated client: the same constructor, methods, types and
errors. It takes over where the generated code would talk to Prisma's query engine over HTTP:
`_create_engine` and `_execute` (and `Batch`, which bypasses `_execute`). Written against package
prisma 0.15.0, asyncio interface (`sync.py` has the other).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from .datasource import provider_of
from .engine import Engine
from .errors import EngineError
from .generate import load_artifact
from .protocol import Fields, ModelFields
from .transactions import TransactionError

ClientT = TypeVar("ClientT")

_ISOLATION_LEVELS = {
    "READ_UNCOMMITTED": "ReadUncommitted",
    "READ_COMMITTED": "ReadCommitted",
    "REPEATABLE_READ": "RepeatableRead",
    "SNAPSHOT": "Snapshot",
    "SERIALIZABLE": "Serializable",
}


class Package:
    """A generated package: the installed `prisma`, or a copy with a name of its own. Each has its
    own classes of errors and fields."""

    def __init__(self, client: type) -> None:
        name = client.__module__.rpartition(".")[0]
        self.name = name
        self.client = self._module("client")
        self.folder = Path(self.client.__file__ or "").parent
        fields = self._module("fields")
        self.fields = Fields(fields.Json, fields.Base64)
        self._errors = self._module("engine.utils")
        self._engine_errors = self._module("engine.errors")

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.name}.{name}")

    def throw(self, error: EngineError) -> NoReturn:
        """Raise the class that Prisma Client Python raises for this error."""
        outer = error.reason if isinstance(error, TransactionError) else error.message
        data = {
            "error": outer,
            "user_facing_error": {
                "is_panic": False,
                "message": error.message,
                "meta": error.meta,
                "error_code": error.code or "P2039",
            },
        }
        try:
            self._errors.handle_response_errors(None, [data])
        except Exception as raised:  # noqa: BLE001  whatever class it chose
            raise raised from error
        raise AssertionError("unreachable")

    def throw_connection_error(self, error: EngineError) -> NoReturn:
        raised = self._engine_errors.EngineConnectionError(f"{error.code}: {error.message}")
        raised.code = error.code
        raise raised from error


class ClientEngine:
    """What the generated client calls its engine: `AsyncAbstractEngine` of package prisma."""

    def __init__(self, package: Package, *, models: ModelFields, log_queries: bool) -> None:
        self.package = package
        self._engine = Engine(
            load_artifact(package.folder),
            models=models,
            fields=package.fields,
            log_queries=log_queries,
        )

    @property
    def engine(self) -> Engine:
        return self._engine

    async def connect(self, timeout: timedelta, datasources: list[Mapping[str, Any]]) -> None:
        try:
            await self._engine.connect(datasources[0]["url"])
        except EngineError as error:
            self.package.throw_connection_error(error)

    async def aclose(self, *, timeout: timedelta | None = None) -> None:
        await self._engine.close()

    def close(self, *, timeout: timedelta | None = None) -> None:
        """Nothing: there is no process to end. `aclose` lets go of the rest."""

    def stop(self, *, timeout: timedelta | None = None) -> None:
        """Nothing, as `close`; also called when an unclosed client is collected."""

    async def query(self, content: str, *, tx_id: str | None) -> NoReturn:
        raise NotImplementedError("This engine takes calls, not GraphQL text.")

    async def start_transaction(self, *, content: str) -> str:
        options = json.loads(content)
        try:
            return await self._engine.start_transaction(
                timeout=options["timeout"] / 1000,
                max_wait=options["max_wait"] / 1000,
                isolation_level=options.get("isolation_level"),
            )
        except EngineError as error:
            self.package.throw(error)

    async def commit_transaction(self, tx_id: str) -> None:
        try:
            await self._engine.commit_transaction(tx_id)
        except EngineError as error:
            self.package.throw(error)

    async def rollback_transaction(self, tx_id: str) -> None:
        try:
            await self._engine.rollback_transaction(tx_id)
        except EngineError as error:
            self.package.throw(error)

    async def metrics(self, *, format: str, global_labels: Mapping[str, str] | None) -> Any:
        return self._engine.metrics(format=format, global_labels=global_labels)


def in_process(client: type[ClientT]) -> type[ClientT]:
    """The generated client class, running on the engine in this process.

    `client` is a generated `Prisma` with the asyncio interface."""
    package = Package(client)
    base: Any = client

    class InProcess(base):  # type: ignore[misc]
        def _prepare_connect_args(self, **kwargs: Any) -> tuple[timedelta, list[dict[str, Any]]]:
            timeout, _ = super()._prepare_connect_args(**kwargs)
            given = (self._datasource or {}).get("url")
            url: str = given or self._default_datasource["url"]
            return timeout, [{"name": self._default_datasource_name, "url": url}]

        async def connect(self, *args: Any, **kwargs: Any) -> None:
            try:
                await super().connect(*args, **kwargs)
            except BaseException:
                self._internal_engine = None
                raise
            self._active_provider = self._engine.engine.provider

        def _copy(self) -> Any:
            copy = super()._copy()
            copy._active_provider = self._active_provider
            return copy

        def _create_engine(self, dml_path: Path | None = None) -> ClientEngine:
            return ClientEngine(package, models=_models(self), log_queries=self._log_queries)

        async def _execute(
            self,
            *,
            method: str,
            arguments: dict[str, Any],
            model: type | None = None,
            root_selection: list[str] | None = None,
        ) -> dict[str, Any]:
            try:
                result = await self._engine.engine.call(
                    method, arguments, model, root_selection, self._tx_id
                )
            except EngineError as error:
                package.throw(error)
            return {"data": {"result": result}}

        def batch_(self) -> Any:
            return Batch(self)

        def tx(self, *, isolation_level: str | None = None, **kwargs: Any) -> Any:
            manager = super().tx(**kwargs)
            if isolation_level is not None:
                level = _ISOLATION_LEVELS.get(isolation_level, isolation_level)
                manager = _with_isolation_level(manager, self, level)
            return manager

    class Batch(package.client.Batch):  # type: ignore[misc,name-defined]
        def __init__(self, client: Any) -> None:
            super().__init__(client)
            self._in_process_client = client
            self._calls: list[dict[str, Any]] = []

        def _add(self, **call: Any) -> None:
            self._calls.append(call)

        async def commit(self) -> None:
            calls, self._calls = self._calls, []
            client = self._in_process_client
            try:
                await client._engine.engine.batch(calls, client._tx_id)
            except EngineError as error:
                package.throw(error)

    InProcess.__name__ = InProcess.__qualname__ = client.__name__
    InProcess.__doc__ = client.__doc__
    return InProcess


def _models(client: Any) -> ModelFields:
    """What the client's own QueryBuilder says of its models."""
    builder = client._make_query_builder(
        method="find_many", model=None, arguments={}, root_selection=None
    )
    return ModelFields(builder.get_default_fields, builder.get_relational_model)


def _with_isolation_level(manager: Any, client: Any, level: str) -> Any:
    """The transaction manager, starting its transaction at this level."""

    class Levelled(type(manager)):  # type: ignore[misc]
        async def start(self, *, _from_context: bool = False) -> Any:
            engine = client._engine
            content = {
                "timeout": int(self._timeout.total_seconds() * 1000),
                "max_wait": int(self._max_wait.total_seconds() * 1000),
                "isolation_level": level,
            }
            self._tx_id = await engine.start_transaction(content=json.dumps(content))
            copy = client._copy()
            copy._tx_id = self._tx_id
            return copy

    manager.__class__ = Levelled
    return manager


def uses_provider(url: str) -> str:
    """The provider that a URL chooses: "sqlite" or "postgresql". Raises EngineError."""
    return provider_of(url)
