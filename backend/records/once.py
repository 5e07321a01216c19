"""Doing once what is asked for several times under one key.

A request's outcome is stored in the transaction of what it did, under its key: so nothing can
happen between the two, and whoever asks again, after a crash too, is told the stored outcome. Of
two that do it at the same time, one finds the key taken when it is about to commit, and is rolled
back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from backend.core.caller import ALL_OWNERS, acting_for, owner
from backend.core.owners import OWNER
from backend.engine import Provider, now
from backend.records.errors import KeyReused, StillRunning
from backend.records.filter_sql import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

WAIT_SECONDS = 2.0
"""For another request of the same key, before the caller is told that it still runs."""
_PRUNED_AT_ONCE = 1_000
_PRUNE_SECONDS = 60.0


class KeyTaken(Exception):
    """Another request with this key has been done meanwhile. What this one did is rolled back."""


@dataclass(slots=True)
class Once:
    """A request that is to be done once. `fingerprint` tells what it asks for."""

    caller: str
    key: str
    fingerprint: str
    is_stored: bool = False


@dataclass(slots=True)
class Progress:
    """Of a request that is done in several transactions: `outcome` is what the last has stored, or
    None before the first."""

    once: Once
    outcome: Any


@dataclass(slots=True)
class _Turns:
    """Those of this process that have the same key."""

    lock: asyncio.Lock
    number: int = 0


current: ContextVar[Once | None] = ContextVar("once", default=None)
"""The request that is done now: the writer stores its outcome with what it writes."""


class Outcomes:
    """Of requests with a key, for as long as `kept`."""

    def __init__(self, client: Prisma, provider: Provider, kept: timedelta) -> None:
        self._client = client
        self._provider: Provider = provider
        self._kept = kept
        self._running: dict[tuple[str, str, str], _Turns] = {}
        self._pruned = monotonic()

    async def run(self, once: Once, work: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """The outcome of `work`, or of the request with this key that was done before; and whether
        it was. What `work` writes is rolled back where another is done at the same time. Raises
        KeyReused, StillRunning, and what `work` raises."""
        await self._prune()
        async with self.alone(once):
            found = await self._stored(once)
            if found is not None:
                return found[0], True
            token = current.set(once)
            try:
                outcome = await work()
                if not once.is_stored:
                    await self.store(once, outcome)
            except KeyTaken:
                found = await self._stored(once)
                if found is None:
                    raise StillRunning from None
                return found[0], True
            finally:
                current.reset(token)
            return outcome, False

    @asynccontextmanager
    async def alone(self, once: Once) -> AsyncIterator[None]:
        """No other request of this process with this key runs meanwhile. Raises StillRunning."""
        name = (owner.get(), once.caller, once.key)
        turns = self._running.setdefault(name, _Turns(asyncio.Lock()))
        turns.number += 1
        try:
            try:
                await asyncio.wait_for(turns.lock.acquire(), WAIT_SECONDS)
            except TimeoutError:
                raise StillRunning from None
            try:
                yield
            finally:
                turns.lock.release()
        finally:
            turns.number -= 1
            if not turns.number:
                del self._running[name]

    async def _stored(self, once: Once) -> Any:
        """The outcome of the request with this key, as `[outcome]`; None: there was none. Raises
        KeyReused where it asked for something else."""
        query = Conditions(self._provider)
        _add_key(query, once)
        query.conditions.append(f"at > {query.bind(self._oldest())}")
        row: Any = await self._client.query_first(
            f"SELECT fingerprint, outcome FROM idempotency_key{query.where()}", *query.args
        )
        if row is None:
            return None
        if row["fingerprint"] != once.fingerprint:
            raise KeyReused
        return [json.loads(row["outcome"])]

    async def store(self, once: Once, outcome: Any, transaction: Prisma | None = None) -> None:
        """With the transaction, if one is given. Raises KeyTaken."""
        client = transaction or self._client
        query = Conditions(self._provider)
        values = [
            query.bind(value)
            for value in (
                once.caller,
                once.key,
                once.fingerprint,
                to_json(outcome).decode(),
                now(),
            )
        ]
        stored = await client.execute_raw(
            "INSERT INTO idempotency_key (owner, caller, key, fingerprint, outcome, at)"
            f" VALUES ({OWNER}, {', '.join(values)}) ON CONFLICT (owner, caller, key) DO UPDATE SET"
            " fingerprint = excluded.fingerprint, outcome = excluded.outcome, at = excluded.at"
            f" WHERE idempotency_key.at <= {query.bind(self._oldest())}",
            *query.args,
        )
        if not stored:
            raise KeyTaken
        once.is_stored = True

    async def store_current(self, transaction: Prisma, done: Any) -> None:
        """Of the request that is done now, if it has a key. Raises KeyTaken."""
        if (once := current.get()) is not None:
            await self.store(once, {"done": done}, transaction)

    async def progress(self, once: Once, *, anew: bool = False) -> Progress:
        """As far as the request with this key has come. `anew`: it is to begin again. Raises
        KeyReused."""
        await self._prune()
        if anew:
            query = Conditions(self._provider)
            _add_key(query, once)
            await self._client.execute_raw(
                f"DELETE FROM idempotency_key{query.where()}", *query.args
            )
            return Progress(once, None)
        found = await self._stored(once)
        return Progress(once, None if found is None else found[0])

    async def advance(self, progress: Progress, outcome: Any, transaction: Prisma) -> None:
        """Store what the transaction has done. Raises StillRunning where another has gone on
        meanwhile."""
        if progress.outcome is None:
            try:
                await self.store(progress.once, outcome, transaction)
            except KeyTaken:
                raise StillRunning from None
        else:
            query = Conditions(self._provider)
            stored, at = query.bind(to_json(outcome).decode()), query.bind(now())
            _add_key(query, progress.once)
            expected = query.bind(to_json(progress.outcome).decode())
            query.conditions.append(f"outcome = {expected}")
            if not await transaction.execute_raw(
                f"UPDATE idempotency_key SET outcome = {stored}, at = {at}{query.where()}",
                *query.args,
            ):
                raise StillRunning
        progress.outcome = outcome

    async def _prune(self) -> None:
        """Delete some of those that are too old, now and then."""
        if monotonic() - self._pruned < _PRUNE_SECONDS:
            return
        self._pruned = monotonic()
        query = Conditions(self._provider)
        with acting_for(ALL_OWNERS):
            await self._client.execute_raw(
                "DELETE FROM idempotency_key WHERE (owner, caller, key) IN"
                " (SELECT owner, caller, key"
                f" FROM idempotency_key WHERE at <= {query.bind(self._oldest())} ORDER BY at"
                f" LIMIT {_PRUNED_AT_ONCE})",
                *query.args,
            )

    def _oldest(self) -> datetime:
        return now() - self._kept


def _add_key(query: Conditions, once: Once) -> None:
    """The row of this request."""
    query.own("idempotency_key")
    query.conditions += [f"caller = {query.bind(once.caller)}", f"key = {query.bind(once.key)}"]
