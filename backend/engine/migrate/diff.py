"""`migrate diff`: what leads from one schema to another, each given as a schema file, a
migrations folder, a database, or nothing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..datasource import provider_of
from ..drivers.driver import Provider
from ..errors import DriverError, EngineError
from ..wasm.packages import locate as locate_packages
from ..wasm.schema import provider_in
from .adapters.binding import Open
from .config import MigrateConfig
from .databases.database import Database, Log, explained
from .databases.nothing import NoDatabase
from .engine import SchemaEngine, diff_empty, diff_main, diff_migrations, diff_schema, diff_shadow
from .external import find_external
from .folder import MigrationFolder, locked_provider
from .project import read_schema
from .scratch import scratch_postgresql
from .target import open_database, open_shadow, parse_target


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two; `path` of a schema or a migrations folder, `url` of a database."""

    kind: Literal["empty", "schema", "migrations", "database"]
    path: Path = Path()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    is_empty: bool
    text: str
    """A summary, or a SQL script."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two sides share. `base` is the folder of schema.prisma."""

    provider: Provider
    config: MigrateConfig
    base: Path
    shadow_url: str | None
    log: Log


async def diff(
    source: Side,
    target: Side,
    *,
    script: bool,
    config: MigrateConfig,
    base: Path,
    shadow_url: str | None = None,
    log: Log,
) -> Difference:
    """Reads only. Raises EngineError."""
    provider = _common_provider((source, target))
    comparison = Comparison(provider, config, base, shadow_url, log)
    async with contextlib.AsyncExitStack() as stack:
        main, shadow, databases = await _databases(comparison, (source, target), stack)
        folders = [_folder(side, comparison) for side in (source, target) if _is_history(side)]
        migrations = [item for folder in folders for item in folder.migrations()]
        external = await find_external(config, databases, migrations)
        engine = SchemaEngine(
            locate_packages(base / "schema.prisma"),
            provider=provider,
            main=main,
            shadow=shadow,
            lock=_no_lock,
            filters=external.schema_filter(
                provider, databases[0].schema if databases else "public"
            ),
            log=log,
        )
        stack.push_async_callback(engine.close)
        try:
            await engine.open(None)
            differs, text = await engine.diff(
                _described(source, comparison, is_first=True),
                _described(target, comparison, is_first=source.kind != "database"),
                script=script,
            )
        except DriverError as error:
            raise explained(error) from error
    return Difference(not differs, text)


async def _databases(
    comparison: Comparison, sides: tuple[Side, Side], stack: contextlib.AsyncExitStack
) -> tuple[Open, Open, list[Database]]:
    """How the engine gets its main database and its shadow, and those of the comparison."""
    databases: list[Database] = []
    targets = []
    for side in sides:
        if side.kind == "database":
            target = parse_target(side.url, base=comparison.base)
            database = await open_database(target, create=False, log=comparison.log)
            stack.push_async_callback(database.close)
            targets.append(target)
            databases.append(database)
    if len(databases) == 2:
        return _answer(databases[0]), _answer(databases[1]), databases
    main = databases[0] if databases else NoDatabase(comparison.provider)
    if targets:
        own = targets[0]
    elif comparison.provider == "sqlite":
        own = parse_target("file::memory:", base=comparison.base)
    elif any(_is_history(side) for side in sides):
        url = await stack.enter_async_context(
            scratch_postgresql(comparison.shadow_url, folder=comparison.base, log=comparison.log)
        )
        own = parse_target(url, base=comparison.base)
    else:
        return _answer(main), _answer(main), databases
    shadow_url = comparison.shadow_url if targets else None
    return _answer(main), lambda: open_shadow(own, shadow_url), databases


def _answer(database: Database) -> Open:
    async def answer() -> Database:
        return database

    return answer


async def _no_lock(database: Database) -> None:
    """Nothing is changed."""


def _described(side: Side, comparison: Comparison, *, is_first: bool) -> dict[str, Any]:
    """The engine's DiffTarget. Of two databases it knows one; the second one it takes for a
    shadow database, to which a history without migrations has been applied."""
    if side.kind == "empty":
        return diff_empty()
    if side.kind == "schema":
        return diff_schema(read_schema(side.path, comparison.provider))
    if side.kind == "migrations":
        folder = _folder(side, comparison)
        return diff_migrations(folder, folder.migrations())
    if is_first:
        return diff_main(comparison.provider)
    return diff_shadow(comparison.provider)


def _is_history(side: Side) -> bool:
    return side.kind == "migrations"


def _folder(side: Side, comparison: Comparison) -> MigrationFolder:
    if (side.path / comparison.provider).is_dir() and locked_provider(side.path) is None:
        return MigrationFolder(side.path / comparison.provider, comparison.provider)
    return MigrationFolder(side.path, comparison.provider)


def _common_provider(sides: tuple[Side, Side]) -> Provider:
    """A database and a history have one provider; a schema takes on that of the other side."""
    firm = {_firm_provider(side) for side in sides} - {None}
    if len(firm) > 1:
        raise EngineError(None, "The two sides must have the same provider.")
    for found in firm or {_schema_provider(side) for side in sides} - {None}:
        if found == "sqlite":
            return "sqlite"
        if found in ("postgresql", "postgres"):
            return "postgresql"
        raise EngineError(None, f"The provider {found} is not supported.")
    raise EngineError(None, "Neither side names a provider.")


def _firm_provider(side: Side) -> str | None:
    if side.kind == "database":
        return provider_of(side.url)
    return locked_provider(side.path) if side.kind == "migrations" else None


def _schema_provider(side: Side) -> str | None:
    if side.kind != "schema":
        return None
    return provider_in(side.path.read_text(encoding="utf-8"))
