"""`migrate reset`: drop everything in the database, then apply all migrations."""

from __future__ import annotations

from .databases.database import Database
from .databases.sqlite import SqliteDatabase
from .deploy import LOCK_TIMEOUT, PENDING, Deployed, apply
from .project import Project


async def reset(project: Project) -> Deployed:
    """All data is lost. The caller has asked."""
    migrations = project.folder.migrations()
    async with project.database(create=True) as database:
        await database.lock(LOCK_TIMEOUT, lambda: project.log(PENDING))
        await empty(project, database)
        return await apply(database, migrations, project.config, log=project.log)


async def empty(project: Project, database: Database) -> None:
    """Drop all that the database holds."""
    if isinstance(database, SqliteDatabase):
        # This build of the engine only deletes rows there (it was made for Cloudflare D1).
        await database.drop_everything()
    else:
        async with project.engine(database, schema=project.schema()) as engine:
            await engine.reset()
