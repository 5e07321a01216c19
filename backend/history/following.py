"""Following the change log for what is done elsewhere, with which no transaction is shared: its
work may be done twice, and is never left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.database import Database, translated_errors
from backend.history import change_log, followers
from backend.history.change_log import START, VIDEO
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

_LOOKED_AT = 1_000
_COLUMNS = ("c.owner", "c.kind", "c.name", "c.version", "c.action", "c.actor")


@dataclass(frozen=True, slots=True)
class Change:
    """Of a video: what was done by whom, and the version that it made; None: it was deleted."""

    video_id: str
    version: int | None
    action: str
    actor: str | None


Take = Callable[[Sequence[Change]], Awaitable[None]]


class Following:
    """Of the videos of `owner`, from the moment on at which `name` is first followed."""

    def __init__(self, database: Database, name: str, owner: str) -> None:
        self._client = database.client
        self._provider = database.provider
        self._name = name
        self._owner = owner
        self._has_begun = False

    @translated_errors
    async def follow(self, take: Take) -> int | None:
        """The next rows of the log: how many; 0: there is nothing new; None: another process is at
        it. `take` is called for the owner, with those of his videos."""
        with acting_for(ALL_OWNERS):
            if not self._has_begun:
                await self._begin()
            if not await self._next(self._client, limit=1):
                return 0
            async with followers.turn(self._client, self._provider, self._name) as own:
                if own is None:
                    return None
                rows = await self._next(own, limit=_LOOKED_AT)
                found = [
                    Change(row["name"], row["version"], row["action"], row["actor"])
                    for row in rows
                    if row["owner"] == self._owner and row["kind"] == VIDEO
                ]
                if found:
                    with acting_for(self._owner):
                        await take(found)
                if rows:
                    reached = rows[-1]["position"]
                    await followers.remember_position(own, self._provider, self._name, reached)
                return len(rows)

    async def _next(self, client: Prisma, *, limit: int) -> list[change_log.Row]:
        since = await followers.position(client, self._provider, self._name)
        return await change_log.rows(
            client,
            change_log.settled(self._provider),
            columns=_COLUMNS,
            since=since.next,
            limit=limit,
            oldest_first=True,
        )

    async def _begin(self) -> None:
        """Where it was never followed."""
        rows = await change_log.rows(
            self._client, change_log.settled(self._provider), columns=(), limit=1
        )
        query = Conditions(self._provider)
        await self._client.execute_raw(
            f"INSERT INTO change_follower (name, xid, number) VALUES ({query.bind(self._name)},"
            f" {change_log.bound(query, rows[0]['position'] if rows else START)})"
            " ON CONFLICT (name) DO NOTHING",
            *query.args,
        )
        self._has_begun = True
