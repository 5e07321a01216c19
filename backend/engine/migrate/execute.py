"""`db execute`: run a SQL script."""

from __future__ import annotations

from ..errors import EngineError
from .databases.database import ScriptError
from .failure import where
from .project import Project


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
