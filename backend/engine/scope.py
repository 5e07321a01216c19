"""What a client's calls are confined to beside what they say, such as the rows of one tenant.

    class OneTenant(Scope):
        def settings(self):
            return {"app.tenant": tenant.get()}

        def confined(self, model, method, arguments):
            return {**arguments, "where": {**(arguments["where"] or {}), "tenant": tenant.get()}}

    db = in_process(Prisma, scope=OneTenant())()

Both are asked when a call is made, in its task, so they may read context variables. A transaction
keeps the settings that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .drivers.driver import NO_SETTINGS, SessionSettings


class Scope:
    """Confines nothing."""

    def settings(self) -> SessionSettings:
        """What `current_setting` answers in the call's SQL, raw SQL included: PostgreSQL's own,
        which its row-level security may ask too, and on SQLite a function of that name. The same
        mapping for the same settings is compared fastest."""
        return NO_SETTINGS

    def confined(self, model: str, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments of a call of the client, with what confines it. `model` by its name in
        schema.prisma."""
        return arguments
