"""Whose rows the database is asked for: the one place that says so, for the client's calls and for
SQL alike.

A call of the client gets the owner among its conditions and values. SQL names it as `OWNER`, or by
owned(). On PostgreSQL the database holds to it besides, by row-level security: see the migration
`owners`, and role.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from backend.core.caller import ALL_OWNERS, owner
from backend.engine import Scope

SETTING = "memory_mirror.owner"
OWNER = f"current_setting('{SETTING}')"
"""In SQL: for whom it is run."""

ROLE = "memory_mirror_service"
"""PostgreSQL's role that owns nothing, which the service takes where it may."""


def owned(table: str) -> str:
    """The condition that rows of this table, or of what it is called, are the owner's."""
    return f"{table}.owner = {OWNER}"


def found_owned(table: str) -> str:
    """The same of rows that are found by something else: no index of the owner is looked into."""
    return f"({owned(table)}) IS TRUE"


_KEY = "owner_videoId"
_NONE: Mapping[str, Any] = {}


def key_of(video_id: str) -> dict[str, Any]:
    """The unique key of the owner's record, as the client takes it."""
    return {_KEY: {"owner": owner.get(), "videoId": video_id}}


class OwnedRows(Scope):
    """Confines a client to the rows of caller.owner."""

    def __init__(self) -> None:
        self.role: str | None = None

    def settings(self) -> Mapping[str, str]:
        return _settings(owner.get(), self.role)

    def confined(self, model: str, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        name = owner.get()
        if name == ALL_OWNERS:
            return arguments
        if method == "create":
            return {**arguments, "data": {**arguments["data"], "owner": name}}
        if method == "create_many":
            rows: Sequence[Mapping[str, Any]] = arguments["data"]
            return {**arguments, "data": [{**row, "owner": name} for row in rows]}
        where: Mapping[str, Any] = arguments.get("where") or {}
        if method == "find_unique" and where.get(_KEY, _NONE).get("owner") == name:
            return arguments
        return {**arguments, "where": {**where, "owner": name}}


@lru_cache(maxsize=1024)
def _settings(name: str, role: str | None) -> Mapping[str, str]:
    return {SETTING: name} if role is None else {SETTING: name, "role": role}
