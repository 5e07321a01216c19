"""The counters of several processes, in Redis, as the package limits keeps a fixed window there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from limits.aio.storage import RedisStorage
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .window import Limit, StoreDown, Window

LONGEST_SECONDS = 1.0
"""That a request waits for Redis."""
PAUSE_SECONDS = 1.0
"""That Redis is left alone when it has not answered. Then one request asks, before all do."""
MOST_CONNECTIONS = 8

R = TypeVar("R")


class RedisStore:
    """The connections that all limits share. They are made when they are first needed."""

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=LONGEST_SECONDS,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis has closed meanwhile
        )
        self.storage = RedisStorage(
            url,
            implementation="redispy",
            key_prefix="memory-mirror",
            connection_pool=self._pool,  # type: ignore[arg-type]  # its types know no pool
        )
        self._is_down = False
        self._ask_again_at = 0.0

    async def ask(self, question: Callable[[], Awaitable[R]]) -> R:
        """Raises StoreDown."""
        if self._is_down:
            if time.monotonic() < self._ask_again_at:
                raise StoreDown("it did not answer a moment ago")
            self._ask_again_at = time.monotonic() + LONGEST_SECONDS
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                answer = await question()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._is_down = True
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS
            raise StoreDown(str(error) or type(error).__name__) from error
        self._is_down = False
        return answer

    async def close(self) -> None:
        await self._pool.disconnect()


class RedisCounters:
    """Of one limit."""

    def __init__(self, limit: Limit, store: RedisStore) -> None:
        self._limit = limit
        self._store = store

    async def hit(self, caller: str) -> Window:
        async def count() -> Window:
            used = await storage.incr(key, self._limit.seconds)
            # Only of a window that has just begun the end is known without a second question.
            left = self._limit.seconds if used == 1 else await self._seconds_left(key)
            return Window(self._limit, used, left)

        storage, key = self._store.storage, self._key(caller)
        return await self._store.ask(count)

    async def look(self, caller: str) -> Window:
        async def look() -> Window:
            used = await storage.get(key)
            return Window(self._limit, used, await self._seconds_left(key) if used else 0)

        storage, key = self._store.storage, self._key(caller)
        return await self._store.ask(look)

    async def _seconds_left(self, key: str) -> float:
        ends: float = await self._store.storage.get_expiry(key)
        return max(ends - time.time(), 0)

    def _key(self, caller: str) -> str:
        """A limit that is set anew counts anew."""
        return f"{self._limit.name}/{self._limit.amount}/{self._limit.seconds}/{caller}"
