"""What the schema engine must leave alone: tables and enums that the project names as external, and
on SQLite every virtual table, such as a full-text index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..drivers.driver import Provider
from .config import MigrateConfig
from .databases.database import Database
from .folder import Migration
from .statements import split

_CREATES_TABLE = re.compile(
    r"CREATE\s+(?:(?:VIRTUAL|UNLOGGED|FOREIGN)\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r'(?:"?\w+"?\s*\.\s*)?(?:"((?:[^"]|"")+)"|(\w+))',
    re.IGNORECASE,
)

_VIRTUAL_TABLE_PARTS = (
    "data", "idx", "content", "docsize", "config", "segments", "segdir", "stat",  # fts5, fts4
    "node", "rowid", "parent",  # rtree
)  # fmt: skip
"""SQLite keeps a virtual table's data in tables of its name with one of these endings."""


@dataclass(frozen=True, slots=True)
class External:
    """Names without their schema."""

    tables: frozenset[str]
    enums: frozenset[str]

    def schema_filter(self, provider: Provider, schema: str) -> dict[str, list[str]]:
        """The engine's SchemaFilter, which wants the schema before a name on PostgreSQL."""
        prefix = f"{schema}." if provider == "postgresql" else ""
        return {
            "externalTables": sorted(prefix + name for name in self.tables),
            "externalEnums": sorted(prefix + name for name in self.enums),
        }


async def find_external(
    config: MigrateConfig, databases: Sequence[Database], migrations: Sequence[Migration]
) -> External:
    """Among what the databases hold and what the migrations create: a shadow database will hold
    that too."""
    known: set[str] = set()
    virtual: set[str] = set()
    for database in databases:
        known.update(await database.foreign_objects())
        virtual.update(await database.virtual_tables())
    for migration in migrations:
        created = _created_tables(migration)
        known.update(created)
        virtual.update(name for name, is_virtual in created.items() if is_virtual)
    parts = {f"{name}_{part}" for name in virtual for part in _VIRTUAL_TABLE_PARTS}
    return External(
        frozenset(virtual | parts | {name for name in known if config.is_external(name)}),
        frozenset(name for name in known if config.is_external_enum(name)),
    )


def _created_tables(migration: Migration) -> dict[str, bool]:
    """The tables that a migration creates, and whether each is a virtual one."""
    found = {}
    for statement in split(migration.script or "", "sqlite"):
        match = _CREATES_TABLE.match(statement.text)
        if match:
            name = (match[1] or match[2]).replace('""', '"')
            found[name] = statement.words[1:2] == ("VIRTUAL",)
    return found
