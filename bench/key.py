"""The key that the contestants show that need one: in the template of our databases."""

from __future__ import annotations

from backend.access import AccessRules, AccessService
from backend.commands.keys import OPERATOR
from backend.core.database import Database

OWNER = "default"


async def make_key(database: Database) -> str:
    access = AccessService(database, AccessRules("required"))
    _, text = await access.create(
        OPERATOR, name="bench", owners=(OWNER,), scopes=("admin",), expires_at=None
    )
    return text
