"""Triggers on SQLite tables that a migration rebuilds.

SQLite cannot alter most of a table, so Prisma makes a new one, copies the rows and drops the old
one, and its triggers with it. The schema engine knows no triggers; so a migration that it writes
is followed by the triggers that it would drop, as the migrations before have made them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .databases.sqlite import SqliteDatabase
from .folder import Migration
from .statements import split

_RENAMES = re.compile(r'ALTER TABLE "new_((?:[^"]|"")+)" RENAME TO "\1"$')


async def with_triggers(script: str, migrations: Sequence[Migration]) -> str:
    """`script`, with the triggers of the tables that it rebuilds made anew at its end."""
    rebuilt = _rebuilt_tables(script)
    if not rebuilt:
        return script
    database = SqliteDatabase(None)
    await database.connect()
    try:
        for migration in migrations:
            await database.run_script(migration.text())
        found = await database.query(
            "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
        )
    finally:
        await database.close()
    lost = [sql for table, sql in found.records if table in rebuilt]
    if not lost:
        return script
    return (
        script
        + "\n-- RecreateTriggers (SQLite dropped them with the tables redefined above)\n".join(
            f"{sql};\n" for sql in lost
        )
    )


def _rebuilt_tables(script: str) -> set[str]:
    matches = (_RENAMES.match(statement.text) for statement in split(script, "sqlite"))
    return {match[1].replace('""', '"') for match in matches if match}
