"""Latency of search, list and statistics on many videos, at concurrency 4.

    python bench/search_latency.py DATA.ndjson [--url URL] [--videos 100000] [--requests 400]

Stores `--videos` descriptions, the real ones and recombinations of their sentences, with segments
and metadata, in an empty database (or uses what is there), serves them with one worker, and
asks over HTTP. Printed: median, p95 and the longest, in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from backend.engine.migrate import deploy
from backend.records import DatabaseService
from bench.known_item import SCHEMA, garbled, read, store

CONCURRENCY = 4
PLACES = ["Lisbon", "Porto", "Rio", "Oslo", "Kyoto", "Lima", "Cairo", "Turin"]
COUNTRIES = ["Portugal", "Portugal", "Brazil", "Norway", "Japan", "Peru", "Egypt", "Italy"]
MOODS = ["calm", "happy", "wild", "sad"]
EVENTS = ["birthday", "vacation", "sports", "everyday"]


def scaled(videos: list[Any], number: int) -> Iterator[Any]:
    choose = random.Random(1)
    sentences = [part["text"] for video in videos for part in video["segments"]]
    for at in range(number):
        if at < len(videos):
            text, segments = videos[at]["description"], videos[at]["segments"]
        else:
            texts = choose.choices(sentences, k=choose.randint(2, 5))
            text = " ".join(texts)
            segments = [
                {"start": 10.0 * n, "end": 10.0 * n + 9, "text": part}
                for n, part in enumerate(texts)
            ]
        place = choose.randrange(len(PLACES))
        day = date(2000, 1, 1) + timedelta(days=choose.randrange(9000))
        yield {
            "video_id": f"b{at:07}",
            "description": text,
            "segments": segments,
            "tags": list(dict.fromkeys(f"tag{int(choose.expovariate(0.1))}" for _ in range(2))),
            "people": [f"person{int(choose.expovariate(0.02))}"],
            "location": PLACES[place],
            "country": COUNTRIES[place],
            "mood": choose.choice(MOODS),
            "event_type": choose.choice(EVENTS),
            "duration": round(choose.uniform(5, 200), 2),
            **({"recorded_date": day.isoformat()} if choose.random() < 0.9 else {}),
        }


async def fill(url: str, videos: list[Any], number: int) -> None:
    await deploy(SCHEMA, url, log=print)
    database = DatabaseService(url)
    await database.connect()
    try:
        if (await database.stats()).total == 0:
            started = perf_counter()
            await store(database, list(scaled(videos, number)))
            print(f"stored {number} in {perf_counter() - started:.0f} s", flush=True)
    finally:
        await database.disconnect()


async def whole_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status and body. httpx would take a good part of the time that the server has."""
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        status, _, headers = head.partition(b" ")[2].partition(b" ")
        [length] = [
            line.partition(b":")[2]
            for line in headers.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        return status, await reader.readexactly(int(length))


async def measure(
    name: str,
    address: str,
    requests: int,
    path: Callable[[random.Random], str],
    concurrency: int = CONCURRENCY,
) -> None:
    choose = random.Random(name)
    paths = iter([path(choose) for _ in range(requests)])
    took: list[float] = []

    async def ask() -> None:
        url = httpx.URL(address)
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1 << 20)
        for each in paths:
            started = perf_counter()
            writer.write(f"GET {each} HTTP/1.1\r\nHost: {url.netloc.decode()}\r\n\r\n".encode())
            status, body = await whole_answer(reader)
            took.append((perf_counter() - started) * 1000)
            assert status == b"200", body
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(ask() for _ in range(concurrency)))
    took.sort()
    print(
        f"{name:28} median {took[len(took) // 2]:7.1f}  p95 {took[int(len(took) * 0.95)]:7.1f}"
        f"  longest {took[-1]:7.1f} ms",
        flush=True,
    )


async def deep_cursor(address: str, params: dict[str, Any]) -> str:
    """A place some thirty thousand records down."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        cursor = None
        for _ in range(30):
            given = {**params, "limit": 1000, **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/api/video-analysis/", params=given)).json()
            if page["next_cursor"] is None:
                break
            cursor = page["next_cursor"]
    assert cursor is not None
    return cursor


async def run(address: str, videos: list[Any], requests: int) -> None:
    sentences = [part["text"] for video in videos for part in video["segments"]]

    def path(**params: Any) -> str:
        return str(httpx.URL("/", params=params)).removeprefix("/")

    def known(choose: random.Random) -> str:
        return "/api/search" + path(q=garbled(choose.choice(sentences), choose) or "man")

    def common(choose: random.Random) -> str:
        words = ["man", "woman", "people", "dog", "playing", "beach", "camera", "two", "snow"]
        return "/api/search" + path(q=" ".join(choose.sample(words, choose.randint(1, 2))))

    await asyncio.sleep(5)  # after its start the service tidies the index
    await measure("search (warming up)", address, 40, known)
    await measure("search, garbled sentences", address, requests, known)
    await measure("search, common words", address, requests, common)
    await measure(
        "search, with a filter",
        address,
        requests,
        lambda c: known(c) + "&" + path(tag=f"tag{c.randrange(20)}")[1:],
    )
    for name, filters in (("list", {}), ("list of a tag", {"tag": "tag1"})):
        params = {**filters, "limit": 10}
        deep = {**params, "cursor": await deep_cursor(address, filters)}
        for depth, given in (("first page", params), ("deep", deep)):
            await measure(
                f"{name}, {depth}", address, requests,
                lambda c, given=given: "/api/video-analysis/" + path(**given),  # type: ignore[misc]
            )  # fmt: skip
    await measure("statistics", address, 20, lambda c: "/api/stats", 1)
    await measure("statistics, filtered", address, 20, lambda c: "/api/stats?tag=tag1", 1)
    await measure("tags", address, 20, lambda c: "/api/tags")


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1, help="of the server")
    options = parser.parse_args()
    videos = read(options.data)
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"file:{folder}/bench.db"
        asyncio.run(fill(url, videos, options.videos))
        command = [sys.executable, "-m", "backend.cli", "serve", "--port", "0"]
        server = subprocess.Popen(
            [*command, "--workers", str(options.workers)],
            env=os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "warning"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().removeprefix("Serving on ").strip()
            asyncio.run(run(address, videos, options.requests))
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()
