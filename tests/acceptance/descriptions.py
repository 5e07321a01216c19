"""Real descriptions through the whole service, killed on the way:

    python -m tests.acceptance.descriptions FILE.ndjson [--provider postgresql]

Each line of FILE is a JSON object with `video_id` and `description`. All are posted over HTTP and
read back, some are updated and deleted, and in a second round the server is killed with -9 while
it stores them: what it answered with 201 must be there, nothing else may be there in part.
Ends with an AssertionError at the first thing that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from backend.engine.migrate import deploy
from tests.postgres import temporary_server
from tests.service.server import Server

SCHEMA = Path(__file__).parents[2] / "prisma" / "schema.prisma"
COLLECTION = "/api/video-analysis/"
CLIENTS = 16

Descriptions = Mapping[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--provider", choices=["sqlite", "postgresql"], default="sqlite")
    arguments = parser.parse_args()
    with arguments.file.open() as lines:
        records = [json.loads(line) for line in lines]
    descriptions = {record["video_id"]: record["description"] for record in records}
    print(f"{len(descriptions)} descriptions on {arguments.provider}")
    with tempfile.TemporaryDirectory() as name, databases(arguments.provider, Path(name)) as urls:
        asyncio.run(store_and_read(next(urls), Path(name), descriptions))
        asyncio.run(kill_while_storing(next(urls), Path(name), descriptions))


@contextmanager
def databases(provider: str, folder: Path) -> Iterator[Iterator[str]]:
    """URLs of migrated, empty databases."""
    if provider == "sqlite":
        yield (migrated(f"file:{folder}/{n}.db") for n in itertools.count())
        return
    # As a server in production would: with fsync.
    for server in temporary_server(settings={"fsync": "on"}):
        yield (migrated(server.url(server.create_database())) for _ in itertools.count())


def migrated(url: str) -> str:
    asyncio.run(deploy(SCHEMA, url, log=lambda _: None))
    return url


async def store_and_read(url: str, folder: Path, descriptions: Descriptions) -> None:
    with Server(url, folder) as server:
        client = clients(server)
        created = await each(
            "created",
            descriptions.items(),
            lambda pair: call(
                client, "POST", COLLECTION, 201, {"video_id": pair[0], "description": pair[1]}
            ),
        )
        stored = {record["video_id"]: record for record in created}
        assert {key: record["description"] for key, record in stored.items()} == descriptions

        read = await each("read", descriptions, lambda key: call(client, "GET", item(key), 200))
        for record in read:
            assert record == stored[record["video_id"]]
            assert record["description"].encode() == descriptions[record["video_id"]].encode()

        newest = sorted(created, key=lambda r: (r["created_at"], r["id"]), reverse=True)[:1000]
        lists = await each(
            "listed 1000", range(20), lambda _: call(client, "GET", f"{COLLECTION}?limit=1000", 200)
        )
        for listed in lists:
            assert listed["analyses"] == newest
            assert listed["count"] == 1000

        updated, deleted = list(descriptions)[::20], list(descriptions)[10::20]
        await each(
            "updated",
            updated,
            lambda key: call(client, "PUT", item(key), 200, {"description": f"Anew: {key}"}),
        )
        await each("deleted", deleted, lambda key: call(client, "DELETE", item(key), 204))
        for key in updated:
            record = await call(client, "GET", item(key), 200)
            before = stored[key]
            assert record["description"] == f"Anew: {key}"
            assert record["updated_at"] > before["updated_at"]
            assert (record["id"], record["created_at"]) == (before["id"], before["created_at"])
        for key in deleted:
            await call(client, "GET", item(key), 404)

        await client.aclose()


async def kill_while_storing(url: str, folder: Path, descriptions: Descriptions) -> None:
    kills = 5
    answered: set[str] = set()
    waiting = iter(descriptions.items())
    server = Server(url, folder)

    async def write(client: httpx.AsyncClient, enough: int) -> None:
        for video_id, description in waiting:
            body = {"video_id": video_id, "description": description}
            try:
                answer = await client.post(COLLECTION, json=body)
            except httpx.TransportError:
                return
            assert answer.status_code == 201, answer.text
            answered.add(video_id)
            if len(answered) == enough:
                server.kill()

    try:
        for life in range(kills):
            server.start()
            async with clients(server) as client:
                enough = len(answered) + len(descriptions) // (kills + 1)
                await asyncio.gather(*(write(client, enough) for _ in range(CLIENTS)))
            server.start()
            async with clients(server) as client:
                lost, torn, unanswered = 0, 0, 0
                for video_id, description in descriptions.items():
                    answer = await client.get(item(video_id))
                    if answer.status_code == 200:
                        torn += answer.json()["description"] != description
                        unanswered += video_id not in answered
                    else:
                        lost += video_id in answered
            server.kill()
            print(
                f"kill {life + 1}: {len(answered)} answered with 201, {lost} of them lost, "
                f"{unanswered} stored unanswered, {torn} torn"
            )
            assert (lost, torn) == (0, 0)
    finally:
        server.__exit__(None, None, None)


def item(video_id: str) -> str:
    return COLLECTION + video_id


def clients(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=CLIENTS)
    )


async def call(
    client: httpx.AsyncClient, method: str, path: str, status: int, body: object = None
) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, (method, path, answer.text)
    return answer.json() if answer.content else None


async def each(what: str, items: Iterable[Any], do: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    """Do it for all, CLIENTS at a time, and print what it took."""
    waiting, results, times = iter(items), [], []

    async def work() -> None:
        for each_item in waiting:
            started = time.perf_counter()
            results.append(await do(each_item))
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    seconds = time.perf_counter() - started
    times.sort()
    print(
        f"{what}: {len(times)} in {seconds:.1f} s, {len(times) / seconds:.0f}/s, "
        f"p50 {times[len(times) // 2] * 1000:.1f} ms, p99 {times[-len(times) // 100] * 1000:.1f} ms"
    )
    return results


if __name__ == "__main__":
    main()
