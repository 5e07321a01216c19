"""Who sent a key or a token a moment ago: a request with it costs no look into the database, and
many that come with it at once cost one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

from backend.core.caller import Caller

T = TypeVar("T")

MOST = 4_096
"""So many are kept: some 4 MB, and 25 MB where each has as many long owners as it can."""


class Found(NamedTuple):
    """`caller` None: the credential opens nothing. `until`: of the clock that the cache has."""

    caller: Caller | None
    until: float


class Recent:
    """By the hash of what was sent, so that no secret stays in memory, and none is compared."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: dict[bytes, Found] = {}

    def get(self, credential: bytes) -> Found | None:
        found = self._found.get(sha256(credential).digest())
        return found if found is not None and self._clock() < found.until else None

    def put(self, credential: bytes, found: Found) -> None:
        name = sha256(credential).digest()
        self._found.pop(name, None)
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]  # the one put first
        self._found[name] = found


class AtOnce(Generic[T]):
    """Whoever asks for the same at the same time waits for the one who asked first."""

    def __init__(self) -> None:
        self._running: dict[bytes, asyncio.Task[T]] = {}

    def ask(self, name: bytes, work: Callable[[], Coroutine[Any, Any, T]]) -> Awaitable[T]:
        """What `work` returns, or raises. Who is cancelled leaves; the work goes on."""
        task = self._running.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(work())
            self._running[name] = task

            def end(task: asyncio.Task[T]) -> None:
                del self._running[name]
                if not task.cancelled():
                    task.exception()  # all who waited may have left

            task.add_done_callback(end)
        return asyncio.shield(task)
