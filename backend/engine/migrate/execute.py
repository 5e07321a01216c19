"""`db execute`: run a SQL script."""

from __future__ import annotations

from backend.engine.errors import EngineError
from backend.engine.migrate.databases.database import ScriptError
from backend.engine.migrate.failure import where
from backend.engine.migrate.project import Project


async def execute(project: Project, script: str) -> None:
    """Raises EngineError with the statement and the line that failed."""
    async with project.database(create=False) as database:
        try:
            await database.run_script(script)
        except ScriptError as error:
            raise EngineError(
                None,
                f"{error.message}\n{where(error, 'the script')}",
                {"code": error.code, "line": error.line, "statement": error.statement},
            ) from error
