"""Versions of long texts, and very many of them: what it costs to read and compare them."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from tests.fixtures import Database
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

V = COLLECTION + "v"
LONGEST = 65_000


def _words(letters: str, seed: int) -> str:
    return " ".join(random.Random(seed).choices(letters, k=LONGEST // 2))


PAIRS = {
    "other words": (_words("abcdefghij", 1), _words("abcdefghij", 2)),
    "two words": (_words("ab", 1), _words("ab", 2)),
    "signs": ("." * LONGEST, "," * LONGEST),
    "one word fewer": ("a " * (LONGEST // 2), "a " * (LONGEST // 2 - 1)),
    "one long word": ("x" * LONGEST, "y" * LONGEST),
    "every tenth word": (
        " ".join(f"w{n}" for n in range(9_000)),
        " ".join(f"w{n}" if n % 10 else f"x{n}" for n in range(9_000)),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
async def test_a_diff_of_long_texts(client: httpx.AsyncClient, pair: str) -> None:
    before, after = PAIRS[pair]
    await client.post(COLLECTION, json={"video_id": "v", "description": before})
    await client.put(V, json={"description": after})
    async with watched():
        answer = await client.get(f"{V}/versions/1/diff", params={"to": 2})
    words = answer.json()["fields"]["description"]["words"]
    for side, other in (("delete", before), ("insert", after)):
        assert "".join(part["text"] for part in words if part["op"] in ("equal", side)) == other


async def test_very_many_versions(client: httpx.AsyncClient, database: Database) -> None:
    await client.post(COLLECTION, json={"video_id": "v", "description": "a"})
    database.execute("; ".join(["UPDATE video_analysis SET title = 'b'"] * 1_500))
    async with watched():
        page = await client.get(f"{V}/versions", params={"limit": 1000})
    assert page.json()["count"] == 1000
    assert page.json()["versions"][0]["version"] == 1_501


async def test_large_records_changed_often(client: httpx.AsyncClient) -> None:
    segments = [{"start": n, "end": n, "text": "zebra " * 60} for n in range(2_000)]
    body: dict[str, Any] = {"video_id": "v", "description": "a", "segments": segments}
    assert (await client.post(COLLECTION, json=body)).status_code == 201
    async with watched():
        for number in range(4):
            answer = await client.patch(V, json={"title": f"{number}"})
            assert answer.status_code == 200
        for number in range(1, 5):
            answer = await client.get(f"{V}/versions/{number}")
            assert len(answer.json()["segments"]) == 2_000
    assert (await client.post(f"{V}/versions/1/restore")).status_code == 200


async def test_very_many_deletions(client: httpx.AsyncClient, database: Database) -> None:
    """Most of which are of videos that are there again."""
    await client.post(COLLECTION, json={"video_id": "first", "description": "a"})
    await client.delete(COLLECTION + "first")
    insert = (
        "INSERT INTO video_analysis (id, video_id, description, updated_at)"
        " VALUES ('x', 'again', 'a', '2026-03-01T09:30:00.125+00:00')"
    )
    for _ in range(4):  # of a length that a command may have
        database.execute("; ".join([insert, "DELETE FROM video_analysis"] * 400))
    database.execute(insert)
    seen: list[str] = []
    path = "/api/deleted?limit=10"
    while path:
        async with watched():
            answer = await client.get(path)
        seen += [each["video_id"] for each in answer.json()["deleted"]]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == ["first"]


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match", "Idempotency-Key"])
async def test_headers_as_long_as_may_be(client: httpx.AsyncClient, header: str) -> None:
    await client.post(COLLECTION, json={"video_id": "v", "description": "a"})
    for text in ('"1", ' * 12_000, '"' + "x" * 60_000 + '"', " " * 60_000 + "x", "W/" * 30_000):
        async with watched():
            answer = await client.put(V, json={"description": "b"}, headers={header: text})
        assert answer.status_code in (200, 404, 412, 422)
