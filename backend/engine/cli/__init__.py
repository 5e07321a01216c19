"""Prisma's command line over any schema: generate, validate, format, db, migrate.

One module for each command, with `configure(parser)` and `run(arguments) -> exit code`, imported
only when it is called. What a user can cause and cure is raised as `CommandError`.
"""

from __future__ import annotations
