"""`current_setting(name)` in SQL, as PostgreSQL has it: of the call that a connection works for."""

from __future__ import annotations

import sqlite3

from ..driver import NO_SETTINGS, SessionSettings

FUNCTION = "current_setting"


class CurrentSettings:
    """Of one connection."""

    __slots__ = ("values",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.values: SessionSettings = NO_SETTINGS
        # Deterministic: asked once by each statement, and good for looking into an index.
        connection.create_function(FUNCTION, 1, self._value, deterministic=True)
        connection.create_function(FUNCTION, 2, self._value_or_null, deterministic=True)

    def _value(self, name: str) -> str:
        return self.values[name]  # without one the statement fails, as on PostgreSQL

    def _value_or_null(self, name: str, missing_ok: int) -> str | None:
        return self.values.get(name) if missing_ok else self.values[name]
