"""Many records as large as may be: no response holds more of them than the service can bear."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from backend.records.reader import MOST_BYTES
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

SHAPES: dict[str, tuple[int, dict[str, Any]]] = {
    "long segments": (
        25,
        {
            "description": "A zebra.",
            "segments": [{"start": n, "end": n, "text": "zebra " * 1_600} for n in range(100)],
        },
    ),
    "very many segments": (
        50,
        {
            "description": "A zebra.",
            "segments": [{"start": n, "end": n, "text": "z"} for n in range(2_000)],
        },
    ),
    "emoji": (80, {"description": "\U0001f993" * 65_000 + " zebra"}),
    "extra": (
        25,
        {"description": "A zebra.", "extra": {f"n{n}": "zebra " * 1_600 for n in range(99)}},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_pages_of_large_records(client: httpx.AsyncClient, shape: str) -> None:
    number, body = SHAPES[shape]
    ids = [f"v{n}" for n in range(number)]
    for start in range(0, number, 10):
        stored = await asyncio.gather(
            *(
                client.post(COLLECTION, json={**body, "video_id": id_})
                for id_ in ids[start : start + 10]
            )
        )
        assert {response.status_code for response in stored} == {201}, stored[0].text[:300]
    for path, field in (
        (f"{COLLECTION}?limit=1000", "analyses"),
        (f"{COLLECTION}?limit=100", "analyses"),
        ("/api/search?q=zebra&limit=100", "results"),
    ):
        assert await walked(client, path, field) == sorted(ids), path
    async with watched():
        all_of_them = await client.post("/api/lookup", json={"video_ids": ids})
    assert all_of_them.status_code == 422
    assert "the first" in all_of_them.json()["detail"]
    async with watched():
        recalled = await client.post("/api/recall", json={"query": "zebra", "limit": 50})
    assert recalled.json()["count"] > 1
    some = await client.post("/api/lookup", json={"video_ids": ids[:10]})
    assert len(some.json()["analyses"]) == 10


async def walked(client: httpx.AsyncClient, path: str, field: str) -> list[str]:
    seen, pages, next_ = [], 0, path
    while next_:
        async with watched():
            answer = await client.get(next_)
        assert answer.status_code == 200
        assert len(answer.content) < 2 * MOST_BYTES
        seen += [record["video_id"] for record in answer.json()[field]]
        next_ = answer.links.get("next", {}).get("url", "")
        pages += 1
    assert pages > 1
    return sorted(seen)
