"""`migrate status`: how a database stands to its migrations folder."""

from __future__ import annotations

from dataclasses import dataclass

from .history import Comparison, History, compare
from .project import Project


@dataclass(frozen=True, slots=True)
class Status:
    found: tuple[str, ...]
    """The migrations in the folder."""
    has_history: bool
    """Whether the database has a table `_prisma_migrations`."""
    comparison: Comparison


async def status(project: Project) -> Status:
    """Reads only, and does not wait for a migration that is being applied."""
    migrations = project.folder.migrations()
    async with project.database(create=False) as database:
        history = History(database)
        return Status(
            tuple(migration.name for migration in migrations),
            await history.exists(),
            compare(migrations, await history.read()),
        )
