"""PostgreSQL's role for the service, which owns nothing and is no superuser, so that row-level
security holds for it: made by `memory-mirror setup`, taken by the service when it connects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prisma.errors import PrismaError

from backend.core.database import Database
from backend.core.owners import ROLE

_SITUATION = f"""
    SELECT session_user AS "user", current_schema() AS "schema",
        EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') AS "is_there",
        (SELECT string_agg(quote_ident(relname), ', ' ORDER BY relname) FROM pg_class
            WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace) AS "tables"
"""
_PASSES = "SELECT rolsuper OR rolbypassrls AS passes FROM pg_roles WHERE rolname = current_user"


async def make_role(database: Database) -> str | None:
    """What there is not yet of it. None: it is there; or the SQL that an administrator has to run.
    `database` is connected."""
    if database.provider == "sqlite" or database.has_role:
        return None
    statements = list(_statements(await database.client.query_first(_SITUATION)))
    try:
        async with database.client.tx() as transaction:
            for statement in statements:
                await transaction.execute_raw(statement)
    except PrismaError:
        return "".join(f"{statement};\n" for statement in statements)
    await database.take_role()
    return None


def _statements(found: Any) -> Iterable[str]:
    if not found["is_there"]:
        yield f"CREATE ROLE {ROLE} NOLOGIN"
    yield f"GRANT {ROLE} TO {_quoted(found['user'])}"
    yield f"GRANT USAGE ON SCHEMA {_quoted(found['schema'])} TO {ROLE}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {found['tables']} TO {ROLE}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def is_held_to_owners(database: Database) -> bool:
    """Whether the database itself keeps the service to the rows of whom it acts for."""
    if database.provider == "sqlite":
        return False
    found: Any = await database.client.query_first(_PASSES)
    return not found["passes"]
