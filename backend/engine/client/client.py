"""The generated client of Prisma Client Python, with this engine under it.

`in_process(Prisma)` is a subclass of a generated client: the same constructor, methods, types and
errors. It takes over where the generated code would talk to Prisma's query engine over HTTP:
`_create_engine`, `_execute`, and `batch_`, whose Batch goes past `_execute`. Written against
package prisma 0.15.0. `sync_client.py` has the same for `interface = "sync"`.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ..engine import Engine
from ..errors import EngineError
from ..generate.artifact import load_artifact
from ..inserts import Row, Table
from ..plan import JsonForm
from ..plan.cache import PlanCache
from ..protocol.request import ModelFields
from ..scope import Scope
from .package import GeneratedPackage

ClientT = TypeVar("ClientT")

_ISOLATION_LEVELS = {
    "READ_UNCOMMITTED": "ReadUncommitted",
    "READ_COMMITTED": "ReadCommitted",
    "REPEATABLE_READ": "RepeatableRead",
    "SNAPSHOT": "Snapshot",
    "SERIALIZABLE": "Serializable",
}


class InProcessClient:
    """What both interfaces take over of `BasePrisma`."""

    _package: GeneratedPackage
    _batch: type
    _scope: Scope | None
    _datasource: Mapping[str, str] | None
    _default_datasource: Mapping[str, str]
    _default_datasource_name: str
    _internal_engine: Any
    _active_provider: str
    _log_queries: bool
    _engine: Any
    _tx_id: str | None

    def _prepare_connect_args(self, **kwargs: Any) -> tuple[timedelta, list[dict[str, str]]]:
        timeout, _ = super()._prepare_connect_args(**kwargs)  # type: ignore[misc]
        configured = (self._datasource or {}).get("url")
        url = configured or self._default_datasource["url"]
        return timeout, [{"name": self._default_datasource_name, "url": url}]

    def _refuse_to_connect_twice(self) -> None:
        # A client whose connect() failed has no engine, and may try again.
        if self._internal_engine is not None:
            self._package.throw_already_connected()

    def _copy(self) -> Any:
        copied = super()._copy()  # type: ignore[misc]
        copied._active_provider = self._active_provider
        return copied

    def batch_(self) -> Any:
        return self._batch(self)

    def tx(self, *, isolation_level: str | None = None, **kwargs: Any) -> Any:
        """As in Prisma Client Python; `isolation_level` as in its later releases: READ_COMMITTED,
        SERIALIZABLE, ... (SQLite knows SERIALIZABLE and SNAPSHOT). SNAPSHOT only reads, on a
        connection of its own: see `Driver.begin`."""
        if isolation_level is None:
            return super().tx(**kwargs)  # type: ignore[misc]
        levelled = self._copy()
        levelled._tx_id = self._tx_id
        level = _ISOLATION_LEVELS.get(isolation_level, isolation_level)
        levelled._engine = self._engine.at_isolation_level(level)
        return levelled.tx(**kwargs)


class AsyncClient:
    """What the asyncio interface takes over of `AsyncBasePrisma`."""

    async def connect(self: Any, *args: Any, **kwargs: Any) -> None:
        self._refuse_to_connect_twice()
        try:
            await super().connect(*args, **kwargs)  # type: ignore[misc]
        except BaseException:
            self._internal_engine = None
            raise
        self._active_provider = self._engine.provider

    def _create_engine(self: Any, dml_path: Path | None = None) -> AsyncEngine:
        package = self._package
        return AsyncEngine(
            package, package.models(self), scope=self._scope, log_queries=self._log_queries
        )

    async def _execute(
        self: Any,
        *,
        method: str,
        arguments: dict[str, Any],
        model: type | None = None,
        root_selection: list[str] | None = None,
    ) -> dict[str, Any]:
        result = await self._engine.call(method, arguments, model, root_selection, self._tx_id)
        return {"data": {"result": result}}


class AsyncBatch:
    """A `Batch` that keeps its calls as calls, not as GraphQL text."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)  # type: ignore[call-arg]
        self._client = client
        self._calls: list[dict[str, Any]] = []

    def _add(self, **call: Any) -> None:
        self._calls.append(call)

    async def commit(self) -> list[Any]:
        """The calls' results, of which Prisma Client Python says nothing."""
        calls, self._calls = self._calls, []
        results: list[Any] = await self._client._engine.batch(calls, self._client._tx_id)
        return results


class AsyncEngine:
    """The engine as the generated client calls it: `AsyncAbstractEngine` of package prisma, with
    calls in place of GraphQL text. Raises the package's own errors."""

    def __init__(
        self,
        package: GeneratedPackage,
        models: ModelFields,
        *,
        scope: Scope | None,
        log_queries: bool,
    ) -> None:
        self._package = package
        self._isolation_level: Any = None
        self._engine = Engine(
            load_artifact(package.folder),
            models=models,
            fields=package.fields,
            scope=scope,
            log_queries=log_queries,
        )

    @property
    def provider(self) -> str:
        return self._engine.provider

    @property
    def plans(self) -> PlanCache:
        return self._engine.plans

    def at_isolation_level(self, level: str) -> AsyncEngine:
        """The same engine, whose transactions start at this level."""
        levelled = copy.copy(self)
        levelled._isolation_level = level
        return levelled

    async def connect(self, timeout: timedelta, datasources: list[Mapping[str, str]]) -> None:
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._engine.connect(datasources[0]["url"])
        except EngineError as error:
            self._package.throw_connection_error(error)
        except TimeoutError:
            seconds = timeout.total_seconds()
            self._package.throw_connection_error(
                EngineError("P1002", f"The database did not answer within {seconds:g} s")
            )

    async def aclose(self, *, timeout: timedelta | None = None) -> None:
        await self._engine.close()

    def close(self, *, timeout: timedelta | None = None) -> None:
        """Nothing: there is no process to end; `aclose` lets go of the rest."""

    def stop(self, *, timeout: timedelta | None = None) -> None:
        """Nothing, as `close`. Called after `aclose`, and when an unclosed client is collected."""

    async def query(self, content: str, *, tx_id: str | None) -> NoReturn:
        raise NotImplementedError("This engine takes calls, not GraphQL text.")

    async def call(self, *call: Any) -> Any:
        try:
            return await self._engine.call(*call)
        except EngineError as error:
            self._package.throw(error)

    async def fetch(
        self, sql: str, parameters: Sequence[Any], tx_id: str | None
    ) -> Sequence[Sequence[Any]]:
        try:
            return await self._engine.fetch(sql, parameters, tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def insert(self, rows: Sequence[tuple[Table, Sequence[Row]]], tx_id: str | None) -> None:
        try:
            await self._engine.insert(rows, tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def fetch_records(
        self,
        form: JsonForm,
        types: Mapping[str, str],
        sql: str,
        parameters: Sequence[Any],
        tx_id: str | None,
    ) -> list[dict[str, Any]]:
        try:
            return await self._engine.fetch_records(form, types, sql, parameters, tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def fetch_written(
        self, sql: str, parameters: Sequence[Sequence[Any]], tx_id: str | None
    ) -> Sequence[Sequence[Sequence[Any]]]:
        try:
            return await self._engine.fetch_written(sql, parameters, tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def batch(self, calls: list[dict[str, Any]], tx_id: str | None) -> list[Any]:
        try:
            return await self._engine.batch(calls, tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def start_transaction(self, *, content: str) -> str:
        options = json.loads(content)
        try:
            return await self._engine.start_transaction(
                timeout=options["timeout"] / 1000,
                max_wait=options["max_wait"] / 1000,
                isolation_level=self._isolation_level,
            )
        except EngineError as error:
            self._package.throw(error)

    async def commit_transaction(self, tx_id: str) -> None:
        try:
            await self._engine.commit_transaction(tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def rollback_transaction(self, tx_id: str) -> None:
        try:
            await self._engine.rollback_transaction(tx_id)
        except EngineError as error:
            self._package.throw(error)

    async def metrics(
        self,
        *,
        format: str,  # noqa: A002  its name in package prisma
        global_labels: Mapping[str, str] | None,
    ) -> Any:
        return self._engine.metrics(format, global_labels)
