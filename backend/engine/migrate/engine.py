"""Prisma's schema engine: the methods of schema_engine.d.ts that the commands need.

The WebAssembly build (7.10) is made for serverless databases and lacks parts of the native one;
what is repaired here, and why, stands beside each repair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from ..drivers.driver import Provider
from ..errors import EngineError
from ..wasm import modules
from ..wasm.asynchronous import AsyncInstance, Promise
from ..wasm.instance import WasmPanicError
from ..wasm.javascript import UNDEFINED, ThrownError, to_python
from .adapters.binding import Binding, Lock, Open
from .databases.database import Log
from .failure import where
from .folder import LOCK_FILE, SCRIPT, Migration, MigrationFolder

_WASM = Path("@prisma/schema-engine-wasm/schema_engine_bg.wasm")
_EXTERNAL_ERROR = re.compile(r"External error id#(\d+)")
_SPAN_TRACE = re.compile(r"\n   0: \w+(?:::\w+)+.*", re.DOTALL)
"""Rust's record of where it was, which says nothing to a user."""

Schema = Sequence[tuple[str, str]]
"""The files of a schema: path and text, as Prisma 7 wants it (no `url`)."""


class SchemaEngine:
    """One engine over one database, in one task at a time. `close()` may be called twice."""

    def __init__(
        self,
        packages: Path,
        *,
        provider: Provider,
        main: Open,
        shadow: Open,
        lock: Lock,
        filters: dict[str, list[str]],
        log: Log,
    ) -> None:
        """`main` and `shadow` open the databases when the engine wants them; `lock` takes the
        lock of migrations; `filters` is a SchemaFilter: externalTables, externalEnums."""
        self._instance = AsyncInstance(modules.load(packages / _WASM, log=log))
        self._binding = Binding(self._instance, provider, main=main, shadow=shadow, lock=lock)
        self._filters = filters
        self._pointer = 0
        self._is_at_work = False

    async def open(self, schema: Schema | None) -> Self:
        """Connect. `schema` may be None where only databases are compared."""
        options = {"datamodels": UNDEFINED if schema is None else [list(file) for file in schema]}
        engine = await self._run(
            "schemaengine_new", options, lambda *_: UNDEFINED, self._binding.factory()
        )
        self._pointer = engine.pointer
        return self

    async def close(self) -> None:
        try:
            await self._instance.cancel_tasks()
            # One that is in the middle of something cannot be freed; its memory goes as a whole.
            if self._pointer and not (self._is_at_work or self._instance.is_poisoned):
                self._instance.call("__wbg_schemaengine_free", self._pointer, 0)
            self._pointer = 0
            await self._binding.close()
        finally:
            self._instance.close()

    async def push(self, schema: Schema, *, force: bool) -> dict[str, Any]:
        """`{"executedSteps", "warnings", "unexecutable"}`"""
        return await self._call("schemaPush", {"schema": _files(schema), "force": force})

    async def dev_diagnostic(
        self, folder: MigrationFolder, migrations: Sequence[Migration]
    ) -> dict[str, Any]:
        """`{"tag": "createMigration"}` or `{"tag": "reset", "reason"}`. Runs the migrations on the
        shadow database."""
        found = await self._call("devDiagnostic", self._history(folder, migrations))
        action: dict[str, Any] = found["action"]
        return action

    async def evaluate_data_loss(
        self, folder: MigrationFolder, migrations: Sequence[Migration], schema: Schema
    ) -> dict[str, Any]:
        """`{"migrationSteps", "unexecutableSteps", "warnings"}`. This build keeps the shadow
        database's schema from `dev_diagnostic` of the same instance and migrations; without it
        the answer would be about an empty database."""
        return await self._call(
            "evaluateDataLoss", {**self._history(folder, migrations), "schema": _files(schema)}
        )

    async def create_migration(
        self,
        folder: MigrationFolder,
        migrations: Sequence[Migration],
        schema: Schema,
        *,
        draft: bool,
    ) -> str | None:
        """The script of the next migration, or None where there is no change (and it is no
        draft). Needs `dev_diagnostic` before, as `evaluate_data_loss` does."""
        found = await self._call(
            "createMigration",
            {
                **self._history(folder, migrations),
                "schema": _files(schema),
                "migrationName": "",
                "draft": draft,
            },
        )
        script: str | None = found["migrationScript"]
        return script

    async def diff(
        self, source: dict[str, Any], target: dict[str, Any], *, script: bool
    ) -> tuple[bool, str]:
        """Whether the two differ (DiffTarget: see `diff_schema`, ...), and what to show of it."""
        found = await self._call(
            "diff", {"from": source, "to": target, "script": script, "exitCode": True}
        )
        return found["exitCode"] == 2, found["stdout"] or ""

    async def introspect(self, schema: Schema, *, force: bool, base: Path) -> dict[str, Any]:
        """`{"schema": {"files": [{"path", "content"}]}, "warnings", "views"}`"""
        return await self._call(
            "introspect",
            {
                "schema": _files(schema),
                "baseDirectoryPath": str(base),
                "force": force,
                "compositeTypeDepth": -1,
                "namespaces": None,
            },
        )

    async def reset(self) -> None:
        await self._call("reset", {"filter": self._filters})

    def _history(self, folder: MigrationFolder, migrations: Sequence[Migration]) -> dict[str, Any]:
        return {"migrationsList": migration_list(folder, migrations)}

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = to_python(
            await self._run(
                f"schemaengine_{method}", self._pointer, {**parameters, "filters": self._filters}
            )
        )
        return found

    async def _run(self, export: str, *arguments: Any) -> Any:
        try:
            self._is_at_work = True
            promise = self._instance.call(export, *arguments)
            assert isinstance(promise, Promise)
            result = await self._instance.settle(promise)
            self._is_at_work = False
            return result
        except ThrownError as thrown:
            self._is_at_work = False
            raise self._error(to_python(thrown.value)) from None
        except WasmPanicError as panic:
            raise EngineError(None, f"Prisma's schema engine panicked: {panic}") from panic

    def _error(self, value: Any) -> Exception:
        if not isinstance(value, dict):
            return EngineError(None, str(value))
        message = _SPAN_TRACE.sub("", str(value.get("message")))
        # An exception of ours, on its way through Rust.
        number = _EXTERNAL_ERROR.search(message)
        original = self._binding.exception(int(number[1])) if number else None
        if original is not None:
            return original
        return self._engine_error(value.get("code"), message, value.get("meta"))

    def _engine_error(self, code: str | None, message: str, meta: Any) -> EngineError:
        if code == "P3006" and self._binding.script_error is not None:
            # It says which migration; our connection knows which statement.
            failed = self._binding.script_error
            message = f"{message.rstrip()}\n{where(failed, 'its migration.sql')}"
        return EngineError(code, message, meta if isinstance(meta, dict) else None)


def diff_empty() -> dict[str, Any]:
    return {"tag": "empty"}


def diff_schema(schema: Schema) -> dict[str, Any]:
    return {"tag": "schemaDatamodel", **_files(schema)}


def diff_main(provider: Provider) -> dict[str, Any]:
    """The engine's own database; of the schema it reads the provider only."""
    schema = [("schema.prisma", f'datasource db {{\n  provider = "{provider}"\n}}\n')]
    return {"tag": "schemaDatasource", "configDir": "", **_files(schema)}


def diff_shadow(provider: Provider) -> dict[str, Any]:
    """What the shadow database holds as it is opened."""
    return {
        "tag": "migrations",
        "baseDir": "",
        "lockfile": {"path": LOCK_FILE, "content": f'provider = "{provider}"\n'},
        "shadowDbInitScript": "",
        "migrationDirectories": [],
    }


def diff_migrations(folder: MigrationFolder, migrations: Sequence[Migration]) -> dict[str, Any]:
    return {"tag": "migrations", **migration_list(folder, migrations)}


def migration_list(folder: MigrationFolder, migrations: Sequence[Migration]) -> dict[str, Any]:
    return {
        "baseDir": str(folder.path),
        "lockfile": {"path": LOCK_FILE, "content": folder.lock_text()},
        "shadowDbInitScript": "",
        "migrationDirectories": [
            {
                "path": migration.name,
                "migrationFile": {
                    "path": SCRIPT,
                    "content": (
                        {"tag": "error", "value": migration.problem}
                        if migration.script is None
                        else {"tag": "ok", "value": migration.script}
                    ),
                },
            }
            for migration in migrations
        ],
    }


def _files(schema: Schema) -> dict[str, Any]:
    return {"files": [{"path": path, "content": text} for path, text in schema]}
