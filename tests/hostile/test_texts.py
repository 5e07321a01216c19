"""Texts of every shape, stored, searched and packed: none holds up the others."""

from __future__ import annotations

import asyncio
import random
from itertools import chain
from typing import Any

import httpx
import pytest

from backend.core import cursors
from backend.records import ALL
from backend.search.searcher import MOST_ALTERNATIVES
from tests.fixtures import Database
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

LONGEST = 65_000


def _random(letters: str, length: int) -> str:
    return "".join(random.Random(7).choices(letters, k=length))


IDEOGRAPHS = "".join(map(chr, range(0x4E00, 0x9000)))
MARKS = "\u0301\u0316"

DESCRIPTIONS = {
    "dots": "." * LONGEST,
    "dots and quotes": '."' * (LONGEST // 2),
    "one ideographic word": _random(IDEOGRAPHS, LONGEST),
    "one letter": "x" * LONGEST,
    "one word": _random("abcdefghij", LONGEST),
    "one Cyrillic word": _random("абвгдежзик", LONGEST),
    "marks": "a" + MARKS * (LONGEST // 2),
    "many marks on each letter": ("ж" + MARKS * 15) * (LONGEST // 31),
    "ligatures of many letters": "\ufdfa" * LONGEST,
    "spaces": "a" + " " * (LONGEST - 2) + "b",
    "apostrophes": "a'" * (LONGEST // 2),
    "short sentences": "a. " * (LONGEST // 3),
    "ideographic full stops": "\u3002" * LONGEST,
    "digits": "7" * LONGEST,
    "emoji": "\U0001f600" * LONGEST,
}

QUERIES = {
    "ligatures of many letters": "\ufdfa" * 1000,
    "one unknown word": _random("abcdefghij", 1000),
    "one unknown Cyrillic word": _random("абвгдежзик", 1000),
    "many unknown words": " ".join(_random("abcdefghij", 40)[at:] for at in range(36)),
    "many short unknown words": " ".join(_random("qxzjk", 400)[at : at + 4] for at in range(200)),
    "many Cyrillic words": " ".join(_random("щъыьэ", 400)[at : at + 5] for at in range(160)),
    "marks": "a" + MARKS * 499,
    "ideographs": _random(IDEOGRAPHS, 1000),
    "apostrophes": "a'" * 500,
}


@pytest.mark.parametrize("shape", DESCRIPTIONS)
async def test_a_description_of_any_shape(client: httpx.AsyncClient, shape: str) -> None:
    body = {"video_id": "v", "description": DESCRIPTIONS[shape]}
    async with watched():
        stored = await client.post(COLLECTION, json=body)
        assert stored.status_code == 201
        for form in ("text", "json"):
            request = {"hits": [{"video_id": "v"}], "max_tokens": 32_000, "format": form}
            packed = await client.post("/api/context", json=request)
            assert packed.status_code == 200
            assert packed.json()["tokens"] <= 32_000
        found = await client.get("/api/search", params={"q": DESCRIPTIONS[shape][:1000]})
        assert found.status_code == 200


@pytest.mark.parametrize("shape", QUERIES)
async def test_a_query_of_any_shape(client: httpx.AsyncClient, shape: str) -> None:
    text = "Grandmother reads under a tree while two children build a sandcastle. Щука плавает."
    await client.post(COLLECTION, json={"video_id": "v", "description": text})
    async with watched():
        found = await client.get("/api/search", params={"q": QUERIES[shape]})
        assert found.status_code == 200


async def test_records_with_very_many_segments_that_match(client: httpx.AsyncClient) -> None:
    segments = [{"start": at, "end": at + 1, "text": f"zebra {at}"} for at in range(2_000)]
    body = {"description": "A zebra.", "segments": segments}
    stored = await asyncio.gather(
        *(client.post(COLLECTION, json={**body, "video_id": f"v{at}"}) for at in range(100))
    )
    assert {response.status_code for response in stored} == {201}
    results, path = [], "/api/search?q=zebra&limit=100"
    while path:
        async with watched():
            found = await client.get(path)
        assert found.json()["results"]
        results += found.json()["results"]
        path = found.links.get("next", {}).get("url")
    assert len({result["video_id"] for result in results}) == len(results) == 100


@pytest.mark.parametrize("number", [10_000, 50_000])
async def test_a_body_of_very_many_unknown_fields(client: httpx.AsyncClient, number: int) -> None:
    body: dict[str, Any] = {f"field{at}": at for at in range(number)}
    async with watched():
        response = await client.post(COLLECTION, json=body)
    assert response.status_code == 422
    assert len(response.content) < 20_000


async def test_very_many_long_words_take_no_memory_for_good(client: httpx.AsyncClient) -> None:
    await client.post(COLLECTION, json={"video_id": "v", "description": "A zebra."})
    async with watched() as cost:
        for number in range(300):
            word = f"{number:03}" + "x" * (LONGEST - 3)
            body = {"description": word}
            assert (await client.put(f"{COLLECTION}v", json=body)).status_code == 200
            assert (await client.get("/api/search", params={"q": word[:1000]})).status_code == 200
    assert cost.memory < 50 * 1024 * 1024


async def test_callers_that_left_leave_no_work_behind(client: httpx.AsyncClient) -> None:
    body = {"video_id": "v", "description": DESCRIPTIONS["one ideographic word"]}
    await client.post(COLLECTION, json=body)
    request = {"hits": [{"video_id": "v"}], "max_tokens": 32_000}
    calls = [asyncio.create_task(client.post("/api/context", json=request)) for _ in range(6)]
    await asyncio.sleep(0.05)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    async with watched(), asyncio.timeout(5):
        assert (await client.get(f"{COLLECTION}v")).status_code == 200


async def test_the_longest_query_of_words_that_all_documents_have(
    client: httpx.AsyncClient, database: Database
) -> None:
    """As a forged cursor may ask it: each slot has as many words as any, all documents are alike,
    and none is better than another."""
    each = [[f"word{slot}x{other}" for other in range(MOST_ALTERNATIVES)] for slot in range(32)]
    terms = " ".join(chain.from_iterable(each))
    number = 20_000
    database.execute(
        f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {number})"
        " INSERT INTO video_analysis (id, video_id, description, search_terms, updated_at)"
        f" SELECT 'id' || n, 'v' || n, 'A dog.', '288 {terms}', '2026-01-01' FROM n"
    )
    async with asyncio.timeout(120):
        while database.count("search_queue"):
            await client.get("/api/search", params={"q": "dog"})
    slots = [[number, 1, [[term, 0.5] for term in alternatives]] for alternatives in each]
    query = f"search dog {ALL.digest()}"
    cursor = cursors.encode(query, [1e6, "v", number, 288 * number, slots])
    async with watched():
        found = await client.get("/api/search", params={"q": "dog", "cursor": cursor})
    assert found.status_code == 200
    results = found.json()["results"]
    assert [each["video_id"] for each in results[:3]] == ["v1", "v10", "v100"]
    assert {each["score"] for each in results} == {results[0]["score"]}
