"""As many exports at once as there may be, and a backup, of the largest records."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from backend.core.caller import ADMIN, ALL_OWNERS, Caller
from backend.records import ALL
from backend.transfer.export import AT_ONCE
from tests.fixtures import Database
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio


async def store_large_records(client: httpx.AsyncClient, number: int) -> int:
    """How many bytes they have."""
    segments = [{"start": n, "end": n, "text": '"zebra", ' * 30} for n in range(2_000)]
    size = 0
    for n in range(number):
        body = {"video_id": f"v{n}", "description": "x" * 65_000, "segments": segments}
        answer = await client.post(COLLECTION, json=body)
        assert answer.status_code == 201
        size += len(answer.content)
    return size


@pytest.mark.parametrize("format_", ["ndjson", "parquet"])  # CSV is written as NDJSON is
async def test_exports_of_large_records(
    app: Any, client: httpx.AsyncClient, database: Database, format_: Any
) -> None:
    size = await store_large_records(client, 40)

    async def export() -> int:
        total = 0
        async with app.state.exports.export(ALL, format_) as parts:
            async for part in parts:
                total += len(part)
        return total

    async with watched():
        totals = await asyncio.gather(*(export() for _ in range(AT_ONCE)))
    assert min(totals) >= (0.002 if format_ == "parquet" else 0.9) * size  # it compresses


async def test_a_backup_of_large_records(
    app: Any, client: httpx.AsyncClient, database: Database
) -> None:
    await store_large_records(client, 8)
    for n in range(0, 8, 2):  # the log then has the records of before
        changed = await client.put(f"{COLLECTION}v{n}", json={"description": "y" * 65_000})
        assert changed.status_code == 200
    caller = Caller("key", "k", "k", (ALL_OWNERS,), frozenset({ADMIN}))
    async with watched(), app.state.backups.backup(caller) as parts:
        assert sum([len(part) async for part in parts]) > 10_000
