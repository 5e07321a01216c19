"""Extensions of PostgreSQL (the preview feature postgresqlExtensions) in new migrations.

This build of the schema engine does not see which extensions the history has made, and writes
`CREATE EXTENSION` into every migration anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .folder import Migration
from .statements import split

_MADE = re.compile(r'CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([\w-]+)"?', re.IGNORECASE)
_DROPPED = re.compile(r'DROP\s+EXTENSION\s+(?:IF\s+EXISTS\s+)?"?([\w-]+)"?', re.IGNORECASE)
_STEP = re.compile(
    r'^-- CreateExtension\nCREATE EXTENSION [^\n]*?"([^"\n]+)"[^\n]*;\n*', re.MULTILINE
)


def without_known_extensions(script: str, migrations: Sequence[Migration]) -> str | None:
    """`script` without the steps that repeat the history; None where nothing else is in it."""
    known: set[str] = set()
    for migration in migrations:
        for statement in split(migration.script or "", "postgresql"):
            if made := _MADE.match(statement.text):
                known.add(made[1])
            elif dropped := _DROPPED.match(statement.text):
                known.discard(dropped[1])
    left = _STEP.sub(lambda step: "" if step[1] in known else step[0], script)
    return left if left == script or split(left, "postgresql") else None
