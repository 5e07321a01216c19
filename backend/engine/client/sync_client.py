"""The generated client with `interface = "sync"`, on the same engine.

There is no second implementation: each connected client runs the engine on an event loop in a
thread of its own, and its calls wait for that loop's answers. A client may be shared by threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from ..protocol.request import ModelFields
from .client import AsyncBatch, AsyncEngine, ClientT, InProcessClient
from .package import GeneratedPackage

T = TypeVar("T")


def sync_client(client: type[ClientT], package: GeneratedPackage) -> type[ClientT]:
    """See `in_process`."""
    batch = type("Batch", (SyncBatch, package.client.Batch), {})
    members = {
        "__doc__": client.__doc__,
        "__module__": client.__module__,
        "_package": package,
        "_batch": batch,
    }
    return type(client.__name__, (SyncClient, InProcessClient, client), members)


class SyncClient:
    """What the sync interface takes over of `SyncBasePrisma`."""

    def connect(self: Any, *args: Any, **kwargs: Any) -> None:
        self._refuse_to_connect_twice()
        try:
            super().connect(*args, **kwargs)  # type: ignore[misc]
        except BaseException:
            engine, self._internal_engine = self._internal_engine, None
            engine.close()
            raise
        self._active_provider = self._engine.provider

    def _create_engine(self: Any, dml_path: Path | None = None) -> SyncEngine:
        package = self._package
        return SyncEngine(package, package.models(self), log_queries=self._log_queries)

    def _execute(
        self: Any,
        method: str,
        arguments: dict[str, Any],
        model: type | None = None,
        root_selection: list[str] | None = None,
    ) -> dict[str, Any]:
        result = self._engine.call(method, arguments, model, root_selection, self._tx_id)
        return {"data": {"result": result}}


class SyncBatch(AsyncBatch):
    def commit(self) -> None:  # type: ignore[override]
        calls, self._calls = self._calls, []
        self._client._engine.batch(calls, self._client._tx_id)


class _LoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a client that is never disconnected does not keep the process.
        self._thread = threading.Thread(target=self._main, name="prisma-engine", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # the caller was interrupted: so is the work
            raise

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()


class SyncEngine:
    """`SyncAbstractEngine` of package prisma: the asyncio engine, waited for."""

    def __init__(
        self, package: GeneratedPackage, models: ModelFields, *, log_queries: bool
    ) -> None:
        self._async = AsyncEngine(package, models, scope=None, log_queries=log_queries)
        self._thread = _LoopThread()
        self._closed = False

    @property
    def provider(self) -> str:
        return self._async.provider

    def at_isolation_level(self, level: str) -> SyncEngine:
        levelled = object.__new__(SyncEngine)
        levelled._async = self._async.at_isolation_level(level)
        levelled._thread = self._thread
        levelled._closed = self._closed
        return levelled

    def connect(self, timeout: timedelta, datasources: list[Mapping[str, str]]) -> None:
        self._thread.wait_for(self._async.connect(timeout, datasources))

    def close(self, *, timeout: timedelta | None = None) -> None:
        if not self._closed:
            self._closed = True
            self._thread.wait_for(self._async.aclose())
            self._thread.close()

    def stop(self, *, timeout: timedelta | None = None) -> None:
        self.close()

    def call(self, *call: Any) -> Any:
        return self._thread.wait_for(self._async.call(*call))

    def batch(self, calls: list[dict[str, Any]], tx_id: str | None) -> None:
        self._thread.wait_for(self._async.batch(calls, tx_id))

    def start_transaction(self, *, content: str) -> str:
        return self._thread.wait_for(self._async.start_transaction(content=content))

    def commit_transaction(self, tx_id: str) -> None:
        self._thread.wait_for(self._async.commit_transaction(tx_id))

    def rollback_transaction(self, tx_id: str) -> None:
        self._thread.wait_for(self._async.rollback_transaction(tx_id))

    def metrics(
        self,
        *,
        format: str,  # noqa: A002  its name in package prisma
        global_labels: Mapping[str, str] | None,
    ) -> Any:
        return self._thread.wait_for(
            self._async.metrics(format=format, global_labels=global_labels)
        )
