"""A database that refuses writes, whoever makes them, and goes on to be read.

It does so itself, by triggers, so it holds for every process from one moment on, and no write asks
whether it may. The search index, which reads keep up, and the leases of processes are left out. The
table `change_move` is there as long as a move is under way from or into the database, or as it is
closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from prisma.errors import DataError

from backend.core.database import WRITES_REFUSED
from backend.engine import Provider
from backend.transfer.errors import BackupError
from backend.transfer.tables import Table, portable_tables
from backend.transfer.targets import Place, Target

LOCK_NOT_AVAILABLE = "55P03"
_LOCK_WAIT = "1s"
_LOCK_PAUSE_SECONDS = 0.5
_LOCK_ATTEMPTS = 40
"""A minute."""

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


async def move_into(client: Any, provider: Provider) -> dict[str, Any] | None:
    """How far a move into this database has come, and by whom; None: none is under way."""
    if await client.query_first(_IS_THERE[provider]) is None:
        return None
    found: dict[str, Any] | None = await client.query_first(
        "SELECT xid, number, holder FROM change_move WHERE role = 'target'"
    )
    return found


_IS_THERE: dict[Provider, str] = {
    "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE name = 'change_move'",
    "postgresql": "SELECT 1 AS found WHERE to_regclass('change_move') IS NOT NULL",
}


async def begin_refusing(target: Target, provider: Provider) -> None:
    await target.execute(MOVE_TABLE)
    if provider == "postgresql":
        await target.execute(_FUNCTION)


async def refuse_writes(target: Target, provider: Provider, table: Table) -> None:
    """After begin_refusing, of each table. May be called twice."""
    found = await target.query(_TRIGGERS[provider].format(table=table.name))
    there = {row["name"] for row in found}
    changed = ", ".join(f'"{column.name}"' for column in table.columns)
    whens = ["INSERT", "DELETE", f"UPDATE OF {changed}"]
    if provider == "postgresql":
        whens = [" OR ".join(whens), "TRUNCATE"]
    for name, when in zip(_names(provider, table), whens, strict=True):
        if name in there:
            continue
        if provider == "sqlite":
            await target.execute(_SQLITE_TRIGGER.format(name=name, when=when, table=table.name))
        else:
            each = "" if when == "TRUNCATE" else "FOR EACH ROW"
            await target.execute(
                _POSTGRESQL_TRIGGER.format(name=name, when=when, table=table.name, each=each)
            )


async def take_writes(target: Target, provider: Provider, tables: Iterable[Table]) -> None:
    """Again, and nothing is left of a move."""
    for table in tables:
        await _take_writes(target, provider, table)
    await target.execute('DROP TABLE IF EXISTS "change_move"')
    if provider == "postgresql":
        await target.execute('DROP FUNCTION IF EXISTS "change_move_refuse"()')


async def _take_writes(target: Target, provider: Provider, table: Table) -> None:
    for name in _names(provider, table):
        on = "" if provider == "sqlite" else f' ON "{table.name}"'
        await target.execute(f'DROP TRIGGER IF EXISTS "{name}"{on}')


_TRIGGERS: dict[Provider, str] = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'",
    "postgresql": "SELECT tgname AS name FROM pg_trigger WHERE tgrelid = '\"{table}\"'::regclass",
}


def _names(provider: Provider, table: Table) -> Iterator[str]:
    """Of its triggers. On SQLite a name is of the whole database."""
    kinds = ("insert", "delete", "update") if provider == "sqlite" else ("rows", "truncate")
    for kind in kinds:
        yield f"change_move_{kind}_{table.name}"


# The source of a move, which the service uses


async def close(place: Place, holder: str) -> None:
    """When it returns, nothing is written any more, and all that was is there. Raises
    BackupError: some table still is written to."""
    tables = await portable_tables(place.database.client, place.provider)
    async with place.transaction() as target:
        await begin_refusing(target, place.provider)
        await target.execute(
            f"INSERT INTO change_move (role, holder) VALUES ('source', '{holder}')"
            " ON CONFLICT (role) DO UPDATE SET holder = excluded.holder"
        )
        if place.provider == "sqlite":
            for table in tables:
                await refuse_writes(target, place.provider, table)
    if place.provider == "postgresql":
        # One at a time: whoever waited for one while he held another might wait for ever.
        for table in tables:
            await _when_free(place, table, refuse_writes)


async def open_again(place: Place, holder: str | None) -> None:
    """`holder`: unless another has closed it. Raises BackupError."""
    client: Any = place.database.client
    if await client.query_first(_IS_THERE[place.provider]) is None:
        return
    row = await client.query_first("SELECT holder FROM change_move WHERE role = 'source'")
    if row is None or holder not in (None, row["holder"]):
        return
    tables = await portable_tables(client, place.provider)
    if place.provider == "postgresql":
        for table in tables:
            await _when_free(place, table, _take_writes)
    async with place.transaction() as target:
        await take_writes(target, place.provider, tables)


async def _when_free(
    place: Place, table: Table, do: Callable[[Target, Provider, Table], Awaitable[None]]
) -> None:
    """On PostgreSQL, by a transaction that waits for others only for a moment: others would wait
    behind it."""
    for _ in range(_LOCK_ATTEMPTS):
        try:
            async with place.transaction() as target:
                await target.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
                await do(target, place.provider, table)
        except DataError as error:
            if error.meta.get("code") != LOCK_NOT_AVAILABLE:
                raise
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return
    raise BackupError(
        f"A long transaction holds {table.name}, such as an import: try again when it has ended"
    )
