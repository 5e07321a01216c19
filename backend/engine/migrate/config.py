"""What a project says about its migrations: `prisma.toml` beside schema.prisma.

It holds, under the same names, what Prisma 7 reads from prisma.config.ts and what a schema
cannot say. The file may be absent; every part of it may be.

    [tables]
    external = ["notes_search", "audit_*"]   # left alone: never dropped, never reported as drift
    [enums]
    external = ["audit_kind"]
    [migrations]
    path = "migrations"                       # relative to this file
    providers = ["sqlite", "postgresql"]      # one history each, in a folder of that name
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from ..drivers.driver import Provider
from ..errors import EngineError

FILE = "prisma.toml"


@dataclass(frozen=True, slots=True)
class MigrateConfig:
    folder: Path
    """The migrations folder (with one folder per provider in it, or with the history itself)."""
    providers: tuple[Provider, ...] = ()
    """The providers that have a history each; empty: one history, of the schema's provider."""
    external_tables: tuple[str, ...] = ()
    """Names or patterns with `*`, as written; `schema.name` names a schema too."""
    external_enums: tuple[str, ...] = ()

    def is_external(self, table: str) -> bool:
        return any(_names(pattern, table) for pattern in self.external_tables)

    def is_external_enum(self, enum: str) -> bool:
        return any(_names(pattern, enum) for pattern in self.external_enums)


def _names(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern.rpartition(".")[2])


def load_config(schema_path: Path) -> MigrateConfig:
    """Raises EngineError when the file says something that it cannot say."""
    path = schema_path.parent / FILE
    if not path.is_file():
        return MigrateConfig(folder=schema_path.parent / "migrations")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, str(error)) from error
    _only(path, data, "", ("tables", "enums", "migrations"))
    migrations = data.get("migrations", {})
    _only(path, migrations, "migrations.", ("path", "providers"))
    location = migrations.get("path", "migrations")
    if not isinstance(location, str):
        raise _wrong(path, "migrations.path must be a string")
    return MigrateConfig(
        folder=schema_path.parent / location,
        providers=_providers(path, migrations.get("providers", [])),
        external_tables=_external(path, data, "tables"),
        external_enums=_external(path, data, "enums"),
    )


def _external(path: Path, data: Mapping[str, Any], section: str) -> tuple[str, ...]:
    table = data.get(section, {})
    _only(path, table, f"{section}.", ("external",))
    return _strings(path, f"{section}.external", table.get("external", []))


def _providers(path: Path, value: object) -> tuple[Provider, ...]:
    found: list[Provider] = []
    for name in _strings(path, "migrations.providers", value):
        if name not in get_args(Provider):
            raise _wrong(path, f"migrations.providers: unknown provider {name!r}")
        found.append("sqlite" if name == "sqlite" else "postgresql")
    return tuple(found)


def _strings(path: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise _wrong(path, f"{name} must be a list of strings")
    return tuple(value)


def _only(path: Path, table: object, prefix: str, known: Sequence[str]) -> None:
    if not isinstance(table, Mapping):
        raise _wrong(path, f"{prefix.rstrip('.')} must be a table")
    for key in table:
        if key not in known:
            raise _wrong(path, f"unknown setting {prefix}{key} (known: {', '.join(known)})")


def _wrong(path: Path, what: str) -> EngineError:
    return EngineError(None, f"{path}: {what}")
