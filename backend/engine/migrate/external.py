"""Which tables and enums the schema engine must leave alone, as its SchemaFilter wants them:
by exact name, with the schema before it on PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from backend.engine.drivers.driver import Provider
from backend.engine.migrate.config import VIRTUAL_TABLE_PARTS, MigrateConfig
from backend.engine.migrate.folder import Migration
from backend.engine.migrate.statements import split

_CREATES_TABLE = re.compile(
    r"CREATE\s+(?:(?:VIRTUAL|UNLOGGED|FOREIGN)\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r'(?:"?\w+"?\s*\.\s*)?(?:"((?:[^"]|"")+)"|(\w+))',
    re.IGNORECASE,
)


def schema_filter(
    config: MigrateConfig,
    provider: Provider,
    schema: str,
    *,
    in_database: Iterable[str],
    migrations: Sequence[Migration],
) -> dict[str, list[str]]:
    """`{"externalTables": [...], "externalEnums": [...]}`. Patterns are matched against what the
    database holds and what the migrations create: the shadow database will hold that too."""
    if not config.external_tables and not config.external_enums:
        return {"externalTables": [], "externalEnums": []}
    known = {*in_database, *_created_tables(migrations, provider)}
    tables = {name for name in known if config.is_external(name)}
    tables.update(name for name in config.external_tables if "*" not in name)
    enums = {name for name in known if any(fnmatchcase(name, e) for e in config.external_enums)}
    enums.update(name for name in config.external_enums if "*" not in name)
    return {
        "externalTables": sorted(_qualified(name, provider, schema) for name in tables),
        "externalEnums": sorted(_qualified(name, provider, schema) for name in enums),
    }


def _created_tables(migrations: Sequence[Migration], provider: Provider) -> set[str]:
    names = set()
    for migration in migrations:
        for statement in split(migration.script or "", provider):
            found = _CREATES_TABLE.match(statement.text)
            if found:
                name = (found[1] or found[2]).replace('""', '"')
                names.add(name)
                if provider == "sqlite" and "VIRTUAL" in statement.words[:2]:
                    names.update(f"{name}_{part}" for part in VIRTUAL_TABLE_PARTS)
    return names


def _qualified(name: str, provider: Provider, schema: str) -> str:
    if provider == "sqlite":
        return name.rpartition(".")[2]
    return name if "." in name else f"{schema}.{name}"
