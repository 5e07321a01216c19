"""Random texts of every shape in every field and parameter: `make test-hostile` (SECONDS, SEED).

Not part of `make test`: it goes on for as long as it is told to."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.hostile.test_texts import DESCRIPTIONS, IDEOGRAPHS, MARKS
from tests.hostile.watch import watched
from tests.service.test_bad_input import COLLECTION

pytestmark = pytest.mark.anyio

SECONDS = float(os.environ.get("SECONDS", "60"))
SEED = int(os.environ.get("SEED", "0")) or random.randrange(1, 10**9)

ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "ab ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
    IDEOGRAPHS,
    "कखगघङचछजझञ\u093e\u093f\u0940\u094d",
    MARKS + "ae",
    ".!?…\"'” ",
    " \t\n\u00a0\u3000",
    "0123456789-_'",
    "\ufdfa\ufdfb\u0390\u01f0",
    "\U0001f600\U0001f468\u200d\ufe0f",
)


def random_text(choice: random.Random, longest: int) -> str:
    length = int(longest ** choice.random()) or 1
    if choice.random() < 0.1:
        return choice.choice(list(DESCRIPTIONS.values()))[:length]
    alphabets = choice.sample(ALPHABETS, choice.randint(1, 3))
    return "".join(
        "".join(choice.choices(choice.choice(alphabets), k=min(length, 1000)))
        for _ in range(0, length, 1000)
    )[:length]


def random_record(choice: random.Random, number: int) -> dict[str, Any]:
    def names() -> list[str]:
        return [random_text(choice, 200) for _ in range(choice.randint(0, 20))]

    segments = [
        {"start": at, "end": at + 1, "text": random_text(choice, 400)}
        for at in range(int(400 ** choice.random()))
    ]
    return {
        "video_id": f"v{number % 50}",
        "description": random_text(choice, 65_000),
        "title": random_text(choice, 500),
        "location": random_text(choice, 200),
        "people": names(),
        "tags": names(),
        "extra": {random_text(choice, 100): random_text(choice, 10_000) for _ in range(5)},
        "segments": segments,
    }


async def test_random_texts_hold_nobody_up(client: httpx.AsyncClient) -> None:
    choice = random.Random(SEED)
    print(f"SEED={SEED}")
    ends = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < ends:
        number += 1
        record = random_record(choice, number)
        text = random_text(choice, 1000)
        patch = {key: record[key] for key in ("description", "tags", "extra", "segments")}
        context = {"hits": [{"video_id": f"v{at}"} for at in range(20)], "max_tokens": 32_000}
        calls: list[Callable[[], Any]] = [
            lambda body=record: client.post(COLLECTION, json=body),
            lambda body=patch, at=number % 50: client.patch(f"{COLLECTION}v{at}", json=body),
            lambda q=text: client.get("/api/search", params={"q": q, "limit": 100}),
            lambda q=text: client.post("/api/recall", json={"query": q, "limit": 50}),
            lambda body=context: client.post("/api/context", json=body),
            lambda q=text: client.post("/api/context", json={"query": q, "format": "json"}),
            lambda q=text: client.get(COLLECTION, params={"tag": q}),
            lambda: client.get(COLLECTION, params={"limit": 50}),
            lambda q=text: client.get("/api/tags", params={"cursor": q}),
            lambda: client.get("/api/stats"),
            lambda at=number % 50: client.delete(f"{COLLECTION}v{at}"),
        ]
        for at, call in enumerate(calls[:-1] if number % 7 else calls):
            try:
                async with watched():
                    response = await call()
            except AssertionError as error:
                raise AssertionError(f"SEED={SEED}, round {number}, call {at}: {error}") from error
            assert response.status_code < 500, (SEED, number, at, response.text)
