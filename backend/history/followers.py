"""Who follows the change log: how far each has come, one process at a time, beside the requests.

A follower works in portions. Whatever it does and the position that it remembers are written by one
transaction, or its work may be done twice without harm: a process may die at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend.core.database import Database
from backend.engine import Provider
from backend.history import change_log
from backend.history.change_log import START, Position, bound
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

logger = logging.getLogger(__name__)

_HELD_SECONDS = 60
"""On SQLite, where a process that dies does not let go. A portion takes less than a second."""
_TIMEOUT = timedelta(seconds=_HELD_SECONDS)
_REST = 3
"""A follower with much to do rests for so many times as long as it has worked: the requests come
first."""

_MOST_LOOKED_AT = 1_000

Portion = Callable[[], Awaitable[int | None]]
"""Does a bounded part of the work: how many rows; 0: nothing is left; None: another process is at
it."""


@asynccontextmanager
async def turn(client: Prisma, provider: Provider, name: str) -> AsyncIterator[Prisma | None]:
    """The client to work with, as long as no other process has its turn; None: one has.

    On PostgreSQL it is a transaction's, which holds an advisory lock. On SQLite, where a
    transaction would keep all writers waiting, the turn is a lease in the table `change_follower`.
    """
    if provider == "postgresql":
        async with client.tx(timeout=_TIMEOUT) as transaction:
            row: Any = await transaction.query_first(
                "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS is_free",
                f"memory_mirror.{name}",
            )
            yield transaction if row["is_free"] else None
        return
    holder = secrets.token_hex(8)
    now = "CAST(strftime('%s', 'now') AS INTEGER)"
    free = await client.execute_raw(
        "INSERT INTO change_follower (name, holder, held_until)"
        f" VALUES (?, ?, {now} + {_HELD_SECONDS}) ON CONFLICT (name) DO UPDATE SET"
        " holder = excluded.holder, held_until = excluded.held_until"
        f" WHERE change_follower.held_until IS NULL OR change_follower.held_until < {now}",
        name,
        holder,
    )
    try:
        yield client if free else None
    finally:
        if free:
            await client.execute_raw(
                "UPDATE change_follower SET holder = NULL, held_until = NULL"
                " WHERE name = ? AND holder = ?",
                name,
                holder,
            )


async def position(client: Prisma, provider: Provider, name: str) -> Position:
    """The last row that this follower is done with; START: none."""
    query = Conditions(provider)
    xid = "xid" if provider == "sqlite" else "xid::text"
    row: Any = await client.query_first(
        f"SELECT {xid} AS at_xid, number FROM change_follower WHERE name = {query.bind(name)}",
        *query.args,
    )
    return START if row is None else Position(int(row["at_xid"]), int(row["number"]))


def remember(provider: Provider, name: str, reached: Position) -> tuple[str, list[Any]]:
    """The statement, and its arguments, that remembers how far the follower has come."""
    query = Conditions(provider)
    return (
        f"INSERT INTO change_follower (name, xid, number) VALUES ({query.bind(name)},"
        f" {bound(query, reached)}) ON CONFLICT (name) DO UPDATE SET xid = excluded.xid,"
        " number = excluded.number",
        query.args,
    )


async def remember_position(
    client: Prisma, provider: Provider, name: str, reached: Position
) -> None:
    sql, args = remember(provider, name, reached)
    await client.execute_raw(sql, *args)


async def whose_changes(
    client: Prisma, provider: Provider, name: str
) -> tuple[list[str], Position | None]:
    """Whose changes are the next for this follower, some of them; and the last row of those. Of
    rows below the oldest running transaction alone: none can come in between later."""
    since = (await position(client, provider, name)).next
    rows = await change_log.rows(
        client,
        change_log.settled(provider),
        columns=("c.owner",),
        since=since,
        limit=_MOST_LOOKED_AT,
        oldest_first=True,
    )
    owners = list(dict.fromkeys(row["owner"] for row in rows))
    return owners, rows[-1]["position"] if rows else None


NO_RESTS: Mapping[Portion, float] = {}


class Followers:
    """They work one after the other every `seconds`, while the service runs; 0: never. `rests`:
    where one rests less than others, how many times as long as it has worked."""

    def __init__(
        self,
        database: Database,
        portions: Sequence[Portion],
        *,
        seconds: float,
        rests: Mapping[Portion, float] = NO_RESTS,
    ) -> None:
        database.before_disconnect(self.stop)
        self.portions = portions
        self._rests = rests
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._seconds:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """May be called more than once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            for portion in self.portions:
                try:
                    await _work_off(portion, self._rests.get(portion, _REST))
                except Exception as error:  # noqa: BLE001 - whatever it is, the next time may do
                    logger.warning("The change log was not followed: %s", error)


async def _work_off(portion: Portion, rest: float) -> None:
    done: int | None = 1
    while done:
        started = monotonic()
        done = await portion()
        await asyncio.sleep(rest * (monotonic() - started))
