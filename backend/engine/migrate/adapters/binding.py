"""A Database as a driver adapter: an object of functions that answer promises of
`{ok: true, value}` or `{ok: false, error}` (binder.ts in driver-adapter-utils 7.10)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any

from ...drivers.driver import Provider
from ...errors import DriverError
from ...wasm.asynchronous import AsyncInstance
from ...wasm.javascript import UNDEFINED
from ..databases.database import Database, ScriptError, explained
from ..statements import split
from . import postgresql, sqlite

Open = Callable[[], Awaitable[Database]]
Function = Callable[..., Any]
Lock = Callable[[Database], Awaitable[None]]


class Binding:
    """The adapters of one engine. Keeps what Rust cannot carry: exceptions, which cross it by
    number, and the shadow databases, which the engine does not close. The main database is the
    caller's."""

    def __init__(
        self, instance: AsyncInstance, provider: Provider, *, main: Open, shadow: Open, lock: Lock
    ) -> None:
        self._instance = instance
        self._provider = provider
        self._values: ModuleType = sqlite if provider == "sqlite" else postgresql
        self._main = main
        self._shadow = shadow
        self._lock = lock
        self._shadows: list[Database] = []
        self._exceptions: list[Exception] = []
        self.script_error: ScriptError | None = None
        """Why the last script that failed did so."""

    def factory(self) -> dict[str, Any]:
        """SqlMigrationAwareDriverAdapterFactory."""
        return {
            **self._head(),
            "connect": self._function(lambda: self._connect(self._main)),
            "connectToShadowDb": self._function(lambda: self._connect(self._shadow)),
        }

    def exception(self, number: int) -> Exception | None:
        return self._exceptions[number] if 0 <= number < len(self._exceptions) else None

    async def close(self) -> None:
        while self._shadows:
            await self._shadows.pop().close()

    def _head(self) -> dict[str, Any]:
        return {"adapterName": self._values.ADAPTER, "provider": self._values.PROVIDER}

    async def _connect(self, opener: Open) -> dict[str, Any]:
        database = await opener()
        if opener is not self._main:
            self._shadows.append(database)
        return {
            **self._queryable(database),
            "executeScript": self._function(
                lambda script: self._run_script(database, script), takes=1
            ),
            "dispose": self._function(lambda: self._dispose(database)),
            "startTransaction": self._function(lambda: self._begin(database)),
            "getConnectionInfo": lambda *_: _ok(self._values.connection_info(database)),
        }

    def _queryable(self, database: Database) -> dict[str, Any]:
        return {
            **self._head(),
            "queryRaw": self._function(lambda query: self._query(database, query), takes=1),
            "executeRaw": self._function(lambda query: self._execute(database, query), takes=1),
        }

    def _function(self, work: Callable[..., Awaitable[Any]], *, takes: int = 0) -> Function:
        """`work` as JavaScript would call it: arguments beyond those that it takes are dropped."""

        async def answer(*arguments: Any) -> dict[str, Any]:
            try:
                return _ok(await work(*arguments))
            except ScriptError as error:
                return {"ok": False, "error": self._script_error(error)}
            except DriverError as error:
                if error.kind == "TableDoesNotExist":  # the engine asks for its own table so
                    return {"ok": False, "error": mapped_error(error)}
                return self._carried(explained(error))
            except Exception as error:  # noqa: BLE001 - raised again by the engine's caller
                return self._carried(error)

        return lambda *arguments: self._instance.promise(answer(*arguments[:takes]))

    def _carried(self, error: Exception) -> dict[str, Any]:
        self._exceptions.append(error)
        return {"ok": False, "error": {"kind": "GenericJs", "id": len(self._exceptions) - 1}}

    async def _query(self, database: Database, query: Mapping[str, Any]) -> dict[str, Any]:
        sql = query["sql"]
        if self._values.LOCK.match(sql):
            await self._lock(database)
            return {"columnNames": [], "columnTypes": [], "rows": []}
        if self._is_script(query):
            await self._run_script(database, sql)
            return {"columnNames": [], "columnTypes": [], "rows": []}
        try:
            rows = await database.query(sql, self._arguments(query))
        except DriverError as error:
            if error.facts.get("table") == "_prisma_migrations" and sql.startswith("SELECT"):
                empty: dict[str, Any] | None = self._values.empty_history(sql)
                if empty is not None:
                    return empty
            raise
        found: dict[str, Any] = self._values.answer(sql, rows)
        return found

    async def _execute(self, database: Database, query: Mapping[str, Any]) -> int:
        if self._values.LOCK.match(query["sql"]):
            await self._lock(database)
            return 0
        if self._is_script(query):
            await self._run_script(database, query["sql"])
            return 0
        return await database.execute(query["sql"], self._arguments(query))

    def _is_script(self, query: Mapping[str, Any]) -> bool:
        """On SQLite the engine sends whole migrations as if they were one statement."""
        sql = query["sql"]
        return not query["args"] and ";" in sql and len(split(sql, self._provider)) > 1

    def _arguments(self, query: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = self._values.arguments(query["args"], query["argTypes"])
        return found

    async def _run_script(self, database: Database, script: str) -> None:
        try:
            await database.run_script(script)
        except ScriptError as error:
            self.script_error = error
            raise

    async def _dispose(self, database: Database) -> None:
        if database in self._shadows:
            self._shadows.remove(database)
            await database.close()

    async def _begin(self, database: Database) -> dict[str, Any]:
        await database.execute("BEGIN")
        return {
            **self._queryable(database),
            "options": {"usePhantomQuery": True},
            "commit": self._function(lambda: database.execute("COMMIT")),
            "rollback": self._function(lambda: database.execute("ROLLBACK")),
        }

    def _script_error(self, error: ScriptError) -> dict[str, Any]:
        if self._values is sqlite:
            code = int(error.code) if error.code.isdigit() else 1
            return {"kind": "sqlite", "extendedCode": code, "message": error.message}
        return {
            "kind": "postgres",
            "code": error.code,
            "severity": "ERROR",
            "message": error.message,
            "detail": UNDEFINED,
            "column": UNDEFINED,
            "hint": UNDEFINED,
        }


def mapped_error(error: DriverError) -> dict[str, Any]:
    """MappedError of driver-adapter-utils."""
    payload = {
        "kind": error.kind,
        "originalCode": error.original_code,
        "originalMessage": error.original_message,
        **error.facts,
    }
    return {name: UNDEFINED if value is None else value for name, value in payload.items()}


def _ok(value: Any) -> dict[str, Any]:
    return {"ok": True, "value": UNDEFINED if value is None else value}
