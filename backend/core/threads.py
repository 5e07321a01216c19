"""Work on long texts beside the event loop, which meanwhile answers others."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

GoOn = Callable[[], bool]

WORTH_A_THREAD = 20_000
"""Characters of text that are read on the event loop at once: at the slowest, some 40 ms. A thread
costs 0.1 ms, so it is for more."""


_TURN = 0.0005
"""Seconds that a thread computes before another has its turn. Python's own 5 ms would be added to
each answer, and to each statement of SQLite, that comes while a thread computes."""


def take_short_turns() -> None:
    """In the whole process."""
    sys.setswitchinterval(_TURN)


async def apart_if_long(length: int, work: Callable[[], T]) -> T:
    """`work` on so many characters of text: here, or in a thread."""
    return work() if length <= WORTH_A_THREAD else await asyncio.to_thread(work)


class Stopped(Exception):
    """Nobody waits for the result any more."""


async def in_thread(work: Callable[[GoOn], T]) -> T:
    """`work` asks now and then whether to go on, and raises Stopped if not: a thread cannot be
    cancelled when its caller leaves."""
    left = threading.Event()
    try:
        return await asyncio.to_thread(work, lambda: not left.is_set())
    finally:
        left.set()
