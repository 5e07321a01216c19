"""What SQLite tables lose when a migration rebuilds them.

SQLite cannot alter most of a table, so Prisma makes a new one, copies the rows and drops the old
one, and all that belongs to it. The schema engine makes the indexes that it knows anew, but it
knows no triggers and no indexes of some rows; so a migration that it writes is followed by those
that it would drop, as the migrations before have made them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .databases.sqlite import SqliteDatabase
from .folder import Migration
from .statements import split

_HEADING = "-- MakeAnew (SQLite dropped this with the tables redefined above)"
_UNKNOWN = """
SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger' OR type = 'index' AND EXISTS (
    SELECT 1 FROM pragma_index_list(tbl_name) AS i WHERE i.name = sqlite_master.name AND i.partial
) ORDER BY rowid
"""
_RENAMES = re.compile(r'ALTER TABLE "new_((?:[^"]|"")+)" RENAME TO "\1"$')


async def with_what_is_lost(script: str, migrations: Sequence[Migration]) -> str:
    """`script`, with what the tables that it rebuilds would lose made anew at its end."""
    rebuilt = _rebuilt_tables(script)
    if not rebuilt:
        return script
    database = SqliteDatabase(None)
    await database.connect()
    try:
        for migration in migrations:
            await database.run_script(migration.text())
        found = await database.query(_UNKNOWN)
    finally:
        await database.close()
    lost = [sql for table, sql in found.records if table in rebuilt]
    return "\n".join([script, _HEADING, *(f"{sql};" for sql in lost), ""]) if lost else script


def _rebuilt_tables(script: str) -> set[str]:
    matches = (_RENAMES.match(statement.text) for statement in split(script, "sqlite"))
    return {match[1].replace('""', '"') for match in matches if match}
