"""Steps that a cancellation must not cut in two: what was committed has to be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` until it ends, also when cancelled: the cancellation then comes at the next
    await."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise
        await asyncio.wait([task])
        cancel_later()
        return task.result()


def cancel_later() -> None:
    """Take back the cancellation that was caught, to have it at the next await."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
    task.cancel()
