"""What a request costs those that wait beside it: how long it holds the event loop, and memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

MOST_HELD = 0.4
"""Seconds of CPU between two turns of the event loop. The aim is 0.1; slow machines take longer."""
MOST_MEMORY = 200 * 1024 * 1024
"""Bytes added at the peak."""


@dataclass
class Cost:
    held: float = 0.0
    """The longest, in seconds of the loop's own CPU time: others' load does not count."""
    memory: int = 0


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[Cost]:
    """Fails if what is done inside holds the loop too long, or takes too much memory."""
    cost = Cost()

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            cost.held = max(cost.held, time.thread_time() - before)

    gc.collect()
    gc.freeze()  # collecting what the other tests left would count as a hold
    _forget_the_peak()
    before = _status("VmRSS")
    task = asyncio.create_task(watch())
    try:
        yield cost
        await asyncio.sleep(0.005)
    finally:
        task.cancel()
        gc.unfreeze()
    cost.memory = _status("VmHWM") - before
    assert cost.held <= MOST_HELD, f"The event loop was held for {cost.held:.2f} s"
    assert cost.memory <= MOST_MEMORY, f"{cost.memory / 2**20:.0f} MiB were added"


def _forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
