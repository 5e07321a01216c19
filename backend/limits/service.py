"""Whether a caller is within the limit of a class."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Literal, Protocol

from backend.core.errors import RateLimitsUnavailable
from backend.core.logs import RareWarning
from backend.core.rates import Rate

from .memory import MemoryCounters
from .window import Limit, StoreDown, Window

logger = logging.getLogger(__name__)

RateClass = Literal["read", "write", "search", "bulk"]
"""Requests that are counted together."""
FAILURES = "failures"


class Counters(Protocol):
    """Of one limit. Raises StoreDown."""

    async def hit(self, caller: str) -> Window: ...

    async def look(self, caller: str) -> Window: ...


class Store(Protocol):
    async def close(self) -> None: ...


class Limits:
    """`counters` by the limit's name. `refuses_without_store`: what cannot be counted is
    refused."""

    def __init__(
        self,
        counters: Mapping[str, Counters],
        store: Store | None = None,
        *,
        refuses_without_store: bool = False,
    ) -> None:
        self._counters = counters
        self._store = store
        self._refuses = refuses_without_store
        self._store_is_down = RareWarning(
            logger, "The store of the rate limits cannot be used: %s. Requests are %s"
        )

    @property
    def of_classes(self) -> bool:
        """Whether there is a limit of any class."""
        return any(name != FAILURES for name in self._counters)

    async def hit(self, rate_class: RateClass, caller: str) -> Window | None:
        """Counts one request. None: there is no limit. Raises RateLimitsUnavailable."""
        counters = self._counters.get(rate_class)
        return None if counters is None else await self._answer(counters.hit(caller))

    async def failed(self, address: str) -> None:
        """A key that came from this address was none."""
        counters = self._counters.get(FAILURES)
        if counters is not None:
            await self._answer(counters.hit(address))

    async def refuse_if_blocked(self, address: str) -> None:
        """Raises RateLimited where as many keys as may have failed, RateLimitsUnavailable."""
        counters = self._counters.get(FAILURES)
        window = None if counters is None else await self._answer(counters.look(address))
        if window is not None and window.used >= window.limit.amount:
            raise window.refusal()

    async def close(self) -> None:
        """May be called more than once."""
        if self._store is not None:
            await self._store.close()

    async def _answer(self, window: Awaitable[Window]) -> Window | None:
        try:
            return await window
        except StoreDown as error:
            done = "refused" if self._refuses else "not limited"
            self._store_is_down.log(time.monotonic(), error, done)
            if self._refuses:
                raise RateLimitsUnavailable() from error
            return None


def make_limits(
    rates: Mapping[str, Rate | None], *, store_url: str = "", refuses_without_store: bool = False
) -> Limits:
    """`rates` by the limit's name. Without `store_url` this process counts."""
    limits = [Limit(name, *rate) for name, rate in rates.items() if rate is not None]
    if not store_url:
        return Limits({limit.name: MemoryCounters(limit) for limit in limits})
    from .redis import RedisCounters, RedisStore  # not above: takes 0.3 s, and few need it

    store = RedisStore(store_url)
    counters = {limit.name: RedisCounters(limit, store) for limit in limits}
    return Limits(counters, store, refuses_without_store=refuses_without_store)
