"""Small writes beside the requests, which none of them waits for: many at a time, soon after the
first was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Later:
    """`work` does all that waits, also what comes while it runs."""

    def __init__(self, work: Callable[[], Awaitable[None]], *, seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Something waits."""
        if self._timer is None and self._task is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._begin)

    async def stop(self) -> None:
        """Do what waits. May be called more than once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._work()

    def _begin(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._work()
        finally:
            self._task = None
