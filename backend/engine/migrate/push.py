"""`db push`: make a database look like the schema, without a history."""

from __future__ import annotations

from dataclasses import dataclass

from .project import Project
from .reset import empty


@dataclass(frozen=True, slots=True)
class Pushed:
    steps: int
    """Changes made; 0 when the database was in sync, and when there are warnings not accepted."""
    warnings: tuple[str, ...]
    """What data the changes would lose."""
    unexecutable: tuple[str, ...]
    """What cannot be changed at all with the rows that are there."""


async def push(
    project: Project, *, accept_data_loss: bool = False, force_reset: bool = False
) -> Pushed:
    """Without `accept_data_loss` nothing is changed when data would be lost. `force_reset` drops
    everything first."""
    schema = project.schema()
    async with project.database(create=True) as database:
        if force_reset:
            await empty(project, database)
        async with (
            project.engine(database, schema=schema) as engine,
            database.all_or_nothing(),
        ):
            found = await engine.push(schema, force=accept_data_loss)
    return Pushed(found["executedSteps"], tuple(found["warnings"]), tuple(found["unexecutable"]))
