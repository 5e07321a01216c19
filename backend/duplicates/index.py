"""The index of an owner: which texts there are, which records have each, and which are similar.

It follows the change log. A portion of it is read without a lock, prepared here, and stored by one
transaction that does nothing where another has changed the index meanwhile; what is stored tells
how far it has come. So a process may die at any moment, several may be at it, and what is done
twice does no harm. It begins with the records that there are, in the order of their video_id.

What is followed is which video has changed: its record is read as it is now. A row of the log is
done with when the index has the record's version, so that rows of running transactions, which the
position may not pass yet, are looked at once as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from prisma.errors import DataError

from backend.core.caller import owner
from backend.core.database import is_outdated
from backend.core.growth import analyze_grown_tables
from backend.core.owners import OWNER, owned
from backend.duplicates import sql
from backend.duplicates.change import Change, TooMuch
from backend.duplicates.fingerprints import ALGORITHM
from backend.engine import Provider, fetch
from backend.history import SETTLED
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

_MOST_RECORDS = 500
"""Of a portion. On SQLite writers wait while it is stored, some 50 ms."""
_FEWER_RECORDS = 5
"""Where so many would take apart too many texts at once."""
_WORTH_ANALYZING = 100
"""Records of a portion after which its tables may have grown much."""
_MOST_CHARACTERS = 2_000_000
"""Of the texts of a portion: some 200 ms of work in a thread."""
_MOST_COUNTED = 10_000
_MOST_SECONDS = 1.0
"""That a request works to bring the index up to date, before it tells what is missing."""
_WAIT_SECONDS = 0.02
"""For another process that is at it."""

Place = tuple[int, int]
"""(xid, number) of a row of the change log; xid is 0 on SQLite."""


class State(NamedTuple):
    algorithm: int
    version: int
    last_text: int
    scanned: str | None
    xid: str
    number: int


@dataclass(frozen=True, slots=True)
class Portion:
    """Which videos are looked at, and how far the index has come then."""

    video_ids: list[str]
    reached: dict[str, Any]
    """Columns of duplicate_index."""


class Indexes:
    """Those of all owners; each is kept up by one task of this process at a time."""

    def __init__(self, client: Prisma, provider: Provider) -> None:
        self._client = client
        self._provider: Provider = provider
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def catch_up(self) -> int:
        """How many records at least the index of the owner, who is acted for, has not as they are
        after that; 0: it has all that was committed before this was called."""
        until = monotonic() + _MOST_SECONDS
        while (rest := until - monotonic()) > 0:
            done = await self.advance(rest)
            if done == 0:
                return 0
            if done is None:
                await asyncio.sleep(_WAIT_SECONDS)
        return await Index(self._client, self._provider).pending()

    async def advance(self, wait: float | None = None) -> int | None:
        """A portion of it: how many records were looked at; 0: it is up to date; None: another
        process is at it, or another task of this one for longer than `wait` seconds."""
        name = owner.get()
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = asyncio.Lock()
        try:
            await asyncio.wait_for(turn.acquire(), wait)
        except TimeoutError:
            return None
        try:
            return await Index(self._client, self._provider).advance()
        finally:
            turn.release()


class Index:
    def __init__(self, client: Prisma, provider: Provider) -> None:
        self._client = client
        self._provider: Provider = provider

    async def advance(self) -> int | None:
        state = await self._state()
        for limit in (_MOST_RECORDS, _FEWER_RECORDS):
            portion = await self._next(state, limit)
            if not portion.video_ids and not portion.reached:
                return 0
            change = Change(self._client, self._provider, state.last_text)
            try:
                await change.prepare(portion.video_ids, forgets=state.algorithm != ALGORITHM)
                break
            except TooMuch:
                if limit == _FEWER_RECORDS:
                    raise
        if not await self._store(state, portion, change):
            return None
        if len(portion.video_ids) >= _WORTH_ANALYZING:
            await analyze_grown_tables(self._client, self._provider)
        # Where it has only been told that all records are read, the log is still to be followed.
        return len(portion.video_ids) or int(state.scanned is not None)

    async def _store(self, state: State, portion: Portion, change: Change) -> bool:
        """Whether the index was still as it was read."""
        columns = {"last_text": change.last_text, **portion.reached}
        store = sql.Store(self._provider, state.version, columns)
        change.add_to(store)
        batch: Any = self._client.batch_()
        for statement, args in store.statements:
            batch.execute_raw(statement, *args)
        try:
            await batch.commit()
        except DataError as error:
            if not is_outdated(error):
                raise
            return False
        return True

    async def pending(self) -> int:
        """How many records it has not as they are, up to some thousands."""
        state = await self._state()
        if state.algorithm != ALGORITHM:
            query = Conditions(self._provider)
            return await self._count(query, f"SELECT 1 FROM video_analysis AS v WHERE {owned('v')}")
        found = 0
        if state.scanned is not None:
            query = Conditions(self._provider)
            waiting = sql.records_to_scan(query, state.scanned)
            found = await self._count(query, f"SELECT 1 {waiting}")
        query = Conditions(self._provider)
        waiting = sql.changes_to_follow(query, int(state.xid), state.number)
        return found + await self._count(query, f"SELECT DISTINCT c.name {waiting}")

    async def _count(self, query: Conditions, found: str) -> int:
        counted = f"SELECT count(*) FROM ({found} LIMIT {_MOST_COUNTED}) AS found"
        [(number,)] = await fetch(self._client, counted, *query.args)
        return int(number)

    async def _state(self) -> State:
        """Of an index that is begun if there is none."""
        query = Conditions(self._provider)
        columns = f"algorithm, version, last_text, scanned, {sql.xid_of(self._provider, 'i')}"
        select = f"SELECT {columns}, number FROM duplicate_index AS i WHERE {owned('i')}"
        while True:
            rows = await fetch(self._client, select, *query.args)
            if rows:
                return State(*rows[0])
            await self._client.execute_raw(
                "INSERT INTO duplicate_index (owner, algorithm, xid, number)"
                f" SELECT {OWNER}, {ALGORITHM}, {sql.END_OF_LOG[self._provider]} WHERE true"
                " ON CONFLICT DO NOTHING"
            )

    async def _next(self, state: State, limit: int) -> Portion:
        if state.algorithm != ALGORITHM:
            return await self._next_to_forget(limit)
        if state.scanned is not None:
            return await self._next_to_scan(state.scanned, limit)
        return await self._next_to_follow((int(state.xid), state.number), limit)

    async def _next_to_forget(self, limit: int) -> Portion:
        """Of an index that another release has made in another way."""
        rows = await fetch(
            self._client,
            f"SELECT r.video_id FROM duplicate_record AS r WHERE {owned('r')}"
            f" ORDER BY r.video_id LIMIT {limit}",
        )
        if rows:
            return Portion([row[0] for row in rows], {})
        return Portion([], {"algorithm": ALGORITHM, "scanned": ""})

    async def _next_to_scan(self, after: str, limit: int) -> Portion:
        query = Conditions(self._provider)
        waiting = sql.records_to_scan(query, after)
        rows = await fetch(
            self._client,
            f"SELECT v.video_id, length(v.description) {waiting} ORDER BY v.video_id LIMIT {limit}",
            *query.args,
        )
        taken = _how_many([row[1] for row in rows])
        is_last = taken == len(rows) < limit
        return Portion(
            [row[0] for row in rows[:taken]],
            {"scanned": None if is_last else rows[taken - 1][0]},
        )

    async def _next_to_follow(self, after: Place, limit: int) -> Portion:
        # First: what comes after this row may be committed before the others are read.
        settled = await self._last_settled(after)
        query = Conditions(self._provider)
        waiting = sql.changes_to_follow(query, *after)
        order = ", ".join(sql.log_order(self._provider))
        rows = await fetch(
            self._client,
            f"SELECT c.name, {sql.xid_of(self._provider, 'c')}, c.number,"
            f" coalesce(length(v.description), 0) {waiting}"
            f" ORDER BY {order} LIMIT {limit}",
            *query.args,
        )
        taken = _how_many([row[3] for row in rows])
        reached = settled
        if taken < len(rows) or taken == limit:
            reached = min(settled, (int(rows[taken - 1][1]), rows[taken - 1][2]))
        return Portion(
            list(dict.fromkeys(row[0] for row in rows[:taken])),
            {"xid": reached[0], "number": reached[1]} if reached > after else {},
        )

    async def _last_settled(self, after: Place) -> Place:
        query = Conditions(self._provider)
        following = sql.after_row(query, *after)
        order = ", ".join(f"{column} DESC" for column in sql.log_order(self._provider))
        rows = await fetch(
            self._client,
            f"SELECT {sql.xid_of(self._provider, 'c')}, c.number FROM change_log AS c"
            f" WHERE {owned('c')} AND {following} AND {SETTLED[self._provider] or 'true'}"
            f" ORDER BY {order} LIMIT 1",
            *query.args,
        )
        return (int(rows[0][0]), rows[0][1]) if rows else after


def _how_many(lengths: Sequence[int]) -> int:
    """Of texts of these lengths, how many one portion takes, from the first on."""
    total = 0
    for number, length in enumerate(lengths):
        total += length
        if total > _MOST_CHARACTERS and number:
            return number
    return len(lengths)
