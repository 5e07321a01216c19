"""Texts and groups of every shape: what it costs to find and list duplicates."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx
import pytest

from backend.duplicates.listing import MOST_SHOWN
from tests.fixtures import Database
from tests.hostile.test_texts import DESCRIPTIONS, LONGEST
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

PATH = "/api/duplicates"
LETTERS = " ".join(random.Random(3).choices("abcdefghijklmnopqrstuvwxyz", k=LONGEST // 2))
SHAPES = {**DESCRIPTIONS, "words of one letter": LETTERS, "one word often": "a " * (LONGEST // 2)}


async def stored(client: httpx.AsyncClient, descriptions: list[str]) -> None:
    for start in range(0, len(descriptions), 1_000):
        items = [
            {"video_id": f"v{start + n:05}", "description": description}
            for n, description in enumerate(descriptions[start : start + 1_000])
        ]
        portions = [items[at : at + 12] for at in range(0, len(items), 12)]
        if sum(map(len, descriptions)) < 1_000 * len(items):
            portions = [items]
        for portion in portions:
            answer = await client.post("/api/bulk", json={"items": portion})
            assert answer.json()["failed"] == 0


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    """The groups, when all is compared; each request is watched."""
    while True:
        async with watched():
            answer = await client.get(PATH, params={"limit": 1_000, **params})
        assert answer.status_code == 200
        page = answer.json()
        assert len(answer.content) < 4 * 2**20
        if not page["pending"] and page["next_cursor"] is None:
            groups: list[dict[str, Any]] = page["groups"]
            return groups
        if not page["pending"]:
            params["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_description_of_any_shape(client: httpx.AsyncClient, shape: str) -> None:
    text = SHAPES[shape]
    for video_id, description in (("a", text), ("b", text), ("c", text[: len(text) // 2] + "!")):
        body = {"video_id": video_id, "description": description}
        assert (await client.post(COLLECTION, json=body)).status_code == 201
    [group] = await listed(client, threshold=1)
    assert {"a", "b"} <= set(group["video_ids"])


async def test_the_longest_texts_of_very_many_words(client: httpx.AsyncClient) -> None:
    chance = random.Random(4)
    words = LETTERS.split()
    texts = []
    for _ in range(60):
        changed = list(words)
        for _ in range(300):
            changed[chance.randrange(len(words))] = chance.choice("abcdefghij")
        texts.append(" ".join(changed))
    await stored(client, texts)
    [group] = await listed(client)
    assert group["count"] == 60


async def test_one_text_five_thousand_times(client: httpx.AsyncClient) -> None:
    await stored(client, ["The same words again and again"] * 5_000)
    [group] = await listed(client)
    assert (group["count"], len(group["video_ids"]), group["similarity"]) == (5_000, MOST_SHOWN, 1)
    body = {"keep": "v00000", "video_ids": [f"v{n:05}" for n in range(1, 101)]}
    async with watched():
        merged = await client.post(f"{PATH}/merge", json=body)
    assert merged.status_code == 200
    [group] = await listed(client)
    assert group["count"] == 4_900


async def test_very_many_texts_that_are_alike(
    client: httpx.AsyncClient, database: Database
) -> None:
    words = " ".join(f"w{n}" for n in range(40))
    await stored(client, [f"{words} {n}" for n in range(1_500)])
    groups = await listed(client)
    assert sum(group["count"] for group in groups) > 1_450
    assert max(group["count"] for group in groups) <= 1_000
    database.execute("DELETE FROM video_analysis WHERE video_id < 'v00500'")
    left = await listed(client)
    assert sum(group["count"] for group in left) > 950


async def test_as_many_as_may_be_dismissed_by_many_at_once(client: httpx.AsyncClient) -> None:
    await stored(client, ["The same words again and again"] * 300)
    ids = [f"v{n:05}" for n in range(300)]

    async def dismiss(start: int) -> int:
        body = {"video_ids": ids[start : start + 100]}
        return (await client.post(f"{PATH}/dismiss", json=body)).status_code

    async with watched():
        statuses = await asyncio.gather(*(dismiss(start) for start in range(0, 201, 50)))
    assert set(statuses) == {200}
    [group] = await listed(client)
    assert group["count"] == 300
