"""The counters of one process.

The storage that the package limits has for this takes 11 microseconds for a request, walks all that
it keeps each 10 milliseconds, and has no bound; this one takes one, and has.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from .window import Limit, Window

MOST_CALLERS = 50_000
"""Of each limit. Of more, those whose windows began first are forgotten: who has more addresses
than that is not held by limits of one."""


class MemoryCounters:
    """Of one limit. Its windows all last as long, so they end in the order in which they began."""

    def __init__(
        self, limit: Limit, *, most: int = MOST_CALLERS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limit = limit
        self._most = most
        self._clock = clock
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """By caller: how many, and when the window ends."""

    async def hit(self, caller: str) -> Window:
        now = self._clock()
        used, ends = self._windows.get(caller, (0, now))
        if ends <= now:
            used, ends = 0, now + self._limit.seconds
            self._begin(caller, now)
        self._windows[caller] = (used + 1, ends)
        return Window(self._limit, used + 1, ends - now)

    async def look(self, caller: str) -> Window:
        """What `hit` has counted."""
        now = self._clock()
        used, ends = self._windows.get(caller, (0, now))
        return Window(self._limit, used, ends - now) if ends > now else Window(self._limit, 0, 0)

    def _begin(self, caller: str, now: float) -> None:
        """Two at most are let go for each that begins: nobody waits while all are."""
        self._windows.pop(caller, None)  # so that it is added at the end
        for _ in range(2):
            if not self._windows:
                return
            _, ends = self._windows[next(iter(self._windows))]
            if ends > now and len(self._windows) < self._most:
                return
            self._windows.popitem(last=False)
