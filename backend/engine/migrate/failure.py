"""What to say of a script that failed: where, and what of it stays."""

from __future__ import annotations

from ..errors import EngineError
from .databases.database import ScriptError


def failed_migration(name: str, error: ScriptError) -> EngineError:
    """P3018, with Prisma's text and then what it does not say."""
    return EngineError(
        "P3018",
        "A migration failed to apply. New migrations cannot be applied before the error is "
        "recovered from. Read more about how to resolve migration issues in a production "
        "database: https://pris.ly/d/migrate-resolve\n\n"
        f"Migration name: {name}\n\n"
        f"Database error code: {error.code}\n\n"
        f"Database error:\n{error.message}\n{where(error, f'{name}/migration.sql')}\n"
        f"{_what_stays(error)}",
        {
            "migration_name": name,
            "database_error_code": error.code,
            "database_error": error.message,
            "line": error.line,
            "statement": error.statement,
            "undone": error.undone,
        },
    )


def where(error: ScriptError, script: str) -> str:
    """The line of the script and the statement, as far as they are known."""
    if error.line is None and error.statement is None:
        return ""
    heading = "Statement" if error.line is None else f"Line {error.line} of {script}"
    if error.statement is None:
        return f"\n{heading}\n"
    lines = error.statement.splitlines()
    shown = lines if len(lines) <= 12 else [*lines[:12], f"... {len(lines) - 12} more lines"]
    return f"\n{heading}:\n" + "".join(f"  {line}\n" for line in shown)


def _what_stays(error: ScriptError) -> str:
    if error.undone:
        return "Nothing of this migration is left in the database."
    if error.applied:
        return f"The {error.applied} statements before it took effect and stay."
    return "Some of its statements may have taken effect."
