"""What runs beside the requests, or by itself as `memory-mirror worker`: runs, descriptions, what
is written back. Several processes may have a worker; they share the jobs, and one run at a time is
under way among them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from backend.core.caller import actor, owner
from backend.core.errors import ServiceError
from backend.twelvelabs.write_back import ACTOR

logger = logging.getLogger(__name__)

Step = Callable[[], Awaitable[bool]]
"""One piece of work; false: there is none now."""

_IDLE_SECONDS = 1.0
_AFTER_FAILURE_SECONDS = 5.0
_STOP_SECONDS = 5.0
"""For work that is under way when the worker is stopped; then it is given up, and done anew."""


class Worker:
    """For one owner. `steps`: each is done again and again by a task of its own, so that a step
    which is there several times is done by several at once."""

    def __init__(self, of: str, steps: Sequence[Step]) -> None:
        self._owner = of
        self._steps = steps
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._is_stopping = False

    @property
    def is_running(self) -> bool:
        return bool(self._tasks)

    def start(self) -> None:
        if self._tasks:
            return
        self._is_stopping = False
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._repeat(step)) for step in self._steps]

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def stop(self) -> None:
        """May be called more than once."""
        self._is_stopping = True
        self._wake.set()
        tasks, self._tasks = self._tasks, []
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _repeat(self, step: Step) -> None:
        owner.set(self._owner)  # of this task alone
        actor.set(ACTOR)
        said: str | None = None
        while not self._is_stopping:
            try:
                is_idle = not await step()
                seconds, said = _IDLE_SECONDS if is_idle else 0.0, None
            except Exception as error:
                if str(error) != said:
                    said = str(error)
                    is_known = isinstance(error, ServiceError)
                    logger.warning("Twelve Labs: %s", error, exc_info=not is_known)
                seconds = _AFTER_FAILURE_SECONDS
            await self._rest(seconds)

    async def _rest(self, seconds: float) -> None:
        if self._is_stopping:
            return
        if not seconds:
            await asyncio.sleep(0)
            return
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
