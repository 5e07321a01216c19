"""How many statements an engine has run."""

from __future__ import annotations

from typing import Any


async def statements(db: Any) -> int:
    """`db` is a connected client."""
    [count] = [
        each.value.count
        for each in (await db.get_metrics()).histograms
        if each.key == "prisma_datasource_queries_duration_histogram_ms"
    ]
    return int(count)
