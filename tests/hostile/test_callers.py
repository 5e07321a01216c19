"""A million addresses: what counting the requests of each costs."""

from __future__ import annotations

import asyncio

import pytest

from backend.limits.memory import MOST_CALLERS, MemoryCounters
from backend.limits.window import Limit
from tests.hostile.watch import watched

pytestmark = pytest.mark.anyio

MOST_BYTES = 25 * 2**20
"""Of one limit."""


@pytest.mark.parametrize("seconds", [86_400, 1], ids=["within a window", "as windows end"])
async def test_a_million_addresses_take_a_fixed_amount_of_memory(seconds: int) -> None:
    now = 0.0
    counters = MemoryCounters(Limit("read", 10, seconds), clock=lambda: now)
    async with watched() as cost:
        for number in range(1_000_000):
            now = number / 100_000
            window = await counters.hit(f"2001:db8:{number >> 8:x}:{number & 255:x}::/64")
            assert window.used == 1
            if number % 1000 == 0:
                await asyncio.sleep(0)
    assert len(counters._windows) <= MOST_CALLERS
    assert cost.memory < MOST_BYTES, f"{cost.memory / 2**20:.0f} MiB"
