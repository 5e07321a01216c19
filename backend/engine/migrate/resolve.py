"""`migrate resolve`: say what became of a migration that failed, or that was applied by hand."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EngineError
from .deploy import LOCK_TIMEOUT, PENDING
from .folder import Migration
from .history import AppliedMigration, History
from .project import Project


async def mark_applied(project: Project, name: str) -> None:
    """Record a migration as applied without applying it. Raises EngineError: P3017 when there is
    no such migration, P3008 when it is recorded already."""
    migration = _find(project.folder.migrations(), name)
    async with project.database(create=False) as database:
        history = History(database)
        await database.lock(LOCK_TIMEOUT, lambda: project.log(PENDING))
        await history.create_if_missing()
        rows = _of(await history.read(), name)
        if any(row.finished_at and not row.rolled_back_at for row in rows):
            raise EngineError(
                "P3008",
                f"The migration `{name}` is already recorded as applied in the database.",
                {"migration_name": name},
            )
        for row in rows:
            if row.failed:
                await history.record_rolled_back(row.id)
        await history.record_applied(migration)


async def mark_rolled_back(project: Project, name: str) -> None:
    """Record a failed migration as undone. Raises EngineError: P3011 when it was never applied,
    P3012 when it did not fail."""
    async with project.database(create=False) as database:
        history = History(database)
        await database.lock(LOCK_TIMEOUT, lambda: project.log(PENDING))
        rows = _of(await history.read(), name)
        if not rows:
            raise EngineError(
                "P3011",
                f"Migration `{name}` cannot be rolled back because it was never applied to the "
                "database. Hint: did you pass in the whole migration name? "
                '(example: "20201207184859_initial_migration")',
                {"migration_name": name},
            )
        failed = [row for row in rows if row.failed]
        if not failed:
            raise EngineError(
                "P3012",
                f"Migration `{name}` cannot be rolled back because it is not in a failed state.",
                {"migration_name": name},
            )
        for row in failed:
            await history.record_rolled_back(row.id)


def _find(migrations: Sequence[Migration], name: str) -> Migration:
    for migration in migrations:
        if migration.name == name:
            return migration
    raise EngineError(
        "P3017",
        f"The migration {name} could not be found. Please make sure that the migration exists, and "
        "that you included the whole name of the directory. "
        '(example: "20201207184859_initial_migration")',
        {"migration_name": name},
    )


def _of(rows: Sequence[AppliedMigration], name: str) -> list[AppliedMigration]:
    return [row for row in rows if row.migration_name == name]
