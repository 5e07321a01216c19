"""A database that refuses writes, whoever makes them, and goes on to be read.

It does so itself, by triggers, so it holds for every process from one moment on, and no write asks
whether it may. The search index, which reads keep up, and the leases of processes are left out. The
table `change_move` is there as long as a move is under way from or into the database, or as it is
closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backend.core.database import WRITES_REFUSED
from backend.engine import Provider
from backend.transfer.tables import Table
from backend.transfer.targets import Target

MOVE_TABLE = f"""
    CREATE TABLE IF NOT EXISTS "change_move" (
        "role" TEXT NOT NULL PRIMARY KEY,
        "holder" TEXT,
        "xid" BIGINT NOT NULL DEFAULT 0,
        "number" BIGINT NOT NULL DEFAULT 0,

        CONSTRAINT "{WRITES_REFUSED}" CHECK ("role" IN ('source', 'target'))
    )
"""

_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION "change_move_refuse"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{WRITES_REFUSED}' USING ERRCODE = 'read_only_sql_transaction';
    END $$
"""

# The constraint has a code of its own; but OR IGNORE passes it by.
_SQLITE_TRIGGER = f"""
    CREATE TRIGGER "{{name}}" BEFORE {{when}} ON "{{table}}"
    BEGIN
        INSERT INTO "change_move" ("role") VALUES ('refused');
        SELECT RAISE(ABORT, '{WRITES_REFUSED}');
    END
"""
_POSTGRESQL_TRIGGER = """
    CREATE TRIGGER "{name}" BEFORE {when} ON "{table}" {each}
    EXECUTE FUNCTION "change_move_refuse"()
"""


async def begin_refusing(target: Target, provider: Provider) -> None:
    await target.execute(MOVE_TABLE)
    if provider == "postgresql":
        await target.execute(_FUNCTION)


async def refuse_writes(target: Target, provider: Provider, table: Table) -> None:
    """After begin_refusing, of each table."""
    changed = ", ".join(f'"{column.name}"' for column in table.columns)
    whens = ["INSERT", "DELETE", f"UPDATE OF {changed}"]
    if provider == "postgresql":
        whens = [" OR ".join(whens), "TRUNCATE"]
    for name, when in zip(_names(provider, table), whens, strict=True):
        if provider == "sqlite":
            await target.execute(f'DROP TRIGGER IF EXISTS "{name}"')
            await target.execute(_SQLITE_TRIGGER.format(name=name, when=when, table=table.name))
        else:
            each = "" if when == "TRUNCATE" else "FOR EACH ROW"
            await target.execute(f'DROP TRIGGER IF EXISTS "{name}" ON "{table.name}"')
            await target.execute(
                _POSTGRESQL_TRIGGER.format(name=name, when=when, table=table.name, each=each)
            )


async def take_writes(target: Target, provider: Provider, tables: Iterable[Table]) -> None:
    """Again, and nothing is left of a move."""
    for table in tables:
        for name in _names(provider, table):
            on = "" if provider == "sqlite" else f' ON "{table.name}"'
            await target.execute(f'DROP TRIGGER IF EXISTS "{name}"{on}')
    await target.execute('DROP TABLE IF EXISTS "change_move"')
    if provider == "postgresql":
        await target.execute('DROP FUNCTION IF EXISTS "change_move_refuse"()')


def _names(provider: Provider, table: Table) -> Iterator[str]:
    """Of its triggers. On SQLite a name is of the whole database."""
    kinds = ("insert", "delete", "update") if provider == "sqlite" else ("rows", "truncate")
    for kind in kinds:
        yield f"change_move_{kind}_{table.name}"
