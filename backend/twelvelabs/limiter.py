"""No more requests than Twelve Labs has said that it takes.

It counts requests of each kind apart, and every answer tells how many remain until when. Before the
first answer of a kind one request is sent at a time. What is not known here is what other programs
with the same account ask for: a 429 says it, and is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Literal

from backend.twelvelabs.errors import RateLimited

Bucket = Literal["reads", "search", "analyze", "assets", "indexing"]
"""What Twelve Labs counts apart."""

LONGEST_BLOCK = 24 * 3600.0
"""Whatever a header says: no limit is of more than a day."""


class Limiter:
    def __init__(self) -> None:
        self._windows: dict[Bucket, Window] = {}

    @asynccontextmanager
    async def turn(self, bucket: Bucket, patience: float) -> AsyncIterator[Window]:
        """Waits for at most `patience` seconds. Raises RateLimited where it would be longer."""
        window = self._windows.setdefault(bucket, Window())
        await window.take(monotonic() + patience)
        try:
            yield window
        finally:
            window.give_back()


class Window:
    """Of one kind of requests. Times are those of `monotonic`."""

    def __init__(self) -> None:
        self._limit = 1
        self._remaining = 1
        self._reset: int | None = None
        """As the answers name the window's end, in seconds since 1970; None: unknown."""
        self._ends = 0.0
        self._blocked_until = 0.0
        self._is_limited = True
        """False: the answers name no limit."""
        self._in_flight = 0
        self._changed = asyncio.Event()

    async def take(self, deadline: float) -> None:
        while (wait := self._wait(monotonic())) != 0.0:
            left = deadline - monotonic()
            if left <= 0 or (wait is not None and wait > left):
                raise RateLimited(1 if wait is None else wait)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left if wait is None else wait):
                    await self._changed.wait()
        self._in_flight += 1
        self._remaining -= 1

    def give_back(self) -> None:
        self._in_flight -= 1
        if self._remaining <= 0 and self._reset is None and not self._in_flight:
            self._remaining = 1  # no answer has told more: try the next
        self._tell()

    def block(self, seconds: float) -> None:
        """Nothing is sent for so long."""
        self._blocked_until = max(self._blocked_until, monotonic() + min(seconds, LONGEST_BLOCK))
        self._tell()

    def note(self, headers: Mapping[str, str]) -> None:
        """What an answer tells of the limit."""
        limit, remaining, reset = (
            _number(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining", "reset")
        )
        if limit is None or remaining is None or reset is None:
            if self._reset is None:
                self._is_limited = False
        elif self._reset is None or reset >= self._reset:
            self._is_limited = True
            self._limit = max(1, limit)
            if reset == self._reset:
                self._remaining = min(self._remaining, remaining)
            else:  # those under way, but for this one, may not be counted yet
                self._remaining = remaining - (self._in_flight - 1)
            self._reset = reset
            self._ends = monotonic() + min(max(0.0, reset - _servers_time(headers)), LONGEST_BLOCK)
        self._tell()

    def _wait(self, now: float) -> float | None:
        """Seconds; None: until something changes."""
        if now < self._blocked_until:
            return self._blocked_until - now
        if not self._is_limited:
            return 0.0
        if self._reset is not None and now >= self._ends:
            self._reset = None
            self._remaining = self._limit - self._in_flight
        if self._remaining > 0:
            return 0.0
        return None if self._reset is None else self._ends - now

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a 429 tells to wait; None: it does not say."""
    told = headers.get("retry-after", "").strip()
    seconds = _number(told)
    if seconds is not None:
        return float(seconds)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(told).timestamp() - _servers_time(headers))
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is not None and _number(headers.get("x-ratelimit-remaining")) in (0, None):
        return max(0.0, reset - _servers_time(headers))
    return None


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _servers_time(headers: Mapping[str, str]) -> float:
    """Its clock may differ from ours. To the second: what is waited is never too short."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return time.time()
