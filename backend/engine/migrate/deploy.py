"""`migrate deploy`: apply what the migrations folder has and the database has not.

No WebAssembly here, and no schema engine: files are read, SQL is run, rows are written, in the
order of Prisma's `apply_migrations.rs`. A deployment needs nothing but this and the folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import DriverError, EngineError
from .cancellation import to_the_end
from .config import MigrateConfig, load_config
from .databases.database import Database, Log, ScriptError, explained
from .failure import failed_migration
from .folder import Migration, locate
from .history import AppliedMigration, Comparison, History, compare
from .target import open_database, parse_target

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another deploy. Prisma gives up after 10, which fails the second of two
replicas that start together as soon as a migration takes longer."""


PENDING = "Waiting for another migration of this database to finish"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy found and did."""

    found: int
    """Migrations in the folder."""
    applied: tuple[str, ...]
    edited: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


async def deploy(
    schema_path: Path, url: str, *, log: Log, lock_timeout: float = LOCK_TIMEOUT
) -> Deployed:
    """Bring the database at `url` up to date with the migrations beside `schema_path`, making the
    database where there is none. Safe to call from several processes at once.

    Raises EngineError: P1000 to P1011 when the database cannot be reached, P3005 when it holds
    tables that no migration made, P3009 when an earlier migration failed, P3018 when one fails
    now, P3015 and P3019 when the folder is wrong."""
    config = load_config(schema_path)
    target = parse_target(url, base=schema_path.parent)
    migrations = locate(config, target.provider).migrations()
    database = await open_database(target, create=True, log=log)
    try:
        return await apply(database, migrations, config, log=log, lock_timeout=lock_timeout)
    except DriverError as error:
        raise explained(error) from error
    finally:
        await database.close()


async def apply(
    database: Database,
    migrations: Sequence[Migration],
    config: MigrateConfig,
    *,
    log: Log,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Deployed:
    """Apply the pending ones of `migrations` over an open connection, which keeps the lock."""
    history = History(database)
    found = compare(migrations, await history.read())
    if not found.up_to_date:
        await database.lock(lock_timeout, lambda: log(PENDING))
        rows = await history.read()  # what the other one did while we waited
        found = compare(migrations, rows)
        refuse_failed(found.failed)
        if not rows:
            await _begin_history(database, history, config)
    for migration in found.pending:
        log(f"Applying migration `{migration.name}`")
        await _apply_one(database, history, migration)
    return _deployed(migrations, found)


def _deployed(migrations: Sequence[Migration], found: Comparison) -> Deployed:
    return Deployed(
        len(migrations), tuple(item.name for item in found.pending), found.edited, found.missing
    )


def refuse_failed(failed: Sequence[AppliedMigration]) -> None:
    if not failed:
        return
    details = "".join(
        f"The `{row.migration_name}` migration started at {_when(row)} failed\n" for row in failed
    )
    name = failed[0].migration_name
    raise EngineError(
        "P3009",
        "migrate found failed migrations in the target database, new migrations will not be "
        "applied. Read more about how to resolve migration issues in a production database: "
        f"https://pris.ly/d/migrate-resolve\n{details}\n"
        "When the database is as it was before that migration:\n"
        f'  memory-mirror migrate resolve --rolled-back "{name}"\n'
        "When you have made all its changes by hand:\n"
        f'  memory-mirror migrate resolve --applied "{name}"',
        {"details": details, "migrations": [row.migration_name for row in failed]},
    )


def _when(row: AppliedMigration) -> str:
    if row.started_at is None:
        return "an unknown time"
    fraction = f"{row.started_at:%f}"
    if fraction.endswith("000"):
        fraction = fraction[:3]
    return f"{row.started_at:%Y-%m-%d %H:%M:%S}.{fraction} UTC"


async def _begin_history(database: Database, history: History, config: MigrateConfig) -> None:
    if await history.exists():
        return
    strangers = [name for name in await database.foreign_objects() if not config.is_external(name)]
    if strangers:
        listed = ", ".join(strangers[:10]) + (", ..." if len(strangers) > 10 else "")
        raise EngineError(
            "P3005",
            "The database schema is not empty. Read more about how to baseline an existing "
            "production database: https://pris.ly/d/migrate-baseline\n"
            f"It holds: {listed}\n\n"
            "If these are the tables that the first migrations make, record those migrations as "
            "applied, in order:\n"
            "  memory-mirror migrate resolve --applied NAME\n"
            "If they are somebody else's, choose another database, or another schema of this one "
            "(?schema=NAME in a PostgreSQL URL), or name them under [tables] external in "
            "prisma.toml.",
            {"tables": strangers},
        )
    await history.create_if_missing()


async def _apply_one(database: Database, history: History, migration: Migration) -> None:
    script, row_id = migration.text(), history.new_id()
    try:
        await history.record_started(row_id, migration)
        await database.run_script(script)
    except ScriptError as failure:
        error = failed_migration(migration.name, failure)
        with suppress(DriverError):  # a lost connection is told by `error`
            await history.record_failed(row_id, error.message)
        raise error from failure
    except asyncio.CancelledError:
        await to_the_end(_record_interrupted(database, history, row_id, script))
        raise
    await to_the_end(history.record_finished(row_id))


async def _record_interrupted(
    database: Database, history: History, row_id: str, script: str
) -> None:
    with suppress(DriverError):
        await history.record_failed(row_id, "Interrupted while it was being applied.")
        if database.undoes(script):  # then the next deploy may simply try again
            await history.record_rolled_back(row_id)
