"""Rows of the change log that no trigger writes: of names, keys and reads, and of who has taken a
past over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from backend.core.caller import actor, owner
from backend.core.logs import request_id
from backend.engine import Provider, now
from backend.records.filter_sql import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

_WRITTEN_AT_ONCE = 100


class LogRow(NamedTuple):
    """By the names of its columns."""

    owner: str
    at: datetime
    actor: str | None
    action: str
    request_id: str | None
    kind: str
    name: str
    image: str | None = None


def log_row(
    kind: str, name: str, action: str, *, of: str | None = None, image: str | None = None
) -> LogRow:
    """Of what is done now, by who is acting now. `of`: whose log; by default of whom is acted
    for."""
    return LogRow(
        of or owner.get(), now(), actor.get(), action, request_id.get(), kind, name, image
    )


async def log(client: Prisma, provider: Provider, rows: Sequence[LogRow]) -> None:
    """In this order."""
    for start in range(0, len(rows), _WRITTEN_AT_ONCE):
        query = Conditions(provider)
        values = ", ".join(
            f"({', '.join(map(query.bind, row))})" for row in rows[start : start + _WRITTEN_AT_ONCE]
        )
        await client.execute_raw(
            f"INSERT INTO change_log ({', '.join(LogRow._fields)}) VALUES {values}", *query.args
        )
