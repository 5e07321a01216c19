"""What a query costs through the generated client in a loop, without HTTP, on SQLite.

    .venv/bin/python -m bench.in_process [--rows 10000] [--runs 5000]

Prints the median of each operation, beside the bare driver's for the same work.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from prisma import Prisma

from backend.engine import in_process

MIGRATIONS = Path(__file__).parents[1] / "prisma/migrations/sqlite"
DESCRIPTION = "A man and a woman carry a canoe to the lake and paddle out at sunset. " * 4
INSERT = (
    "INSERT INTO video_analysis (id, video_id, description, created_at, updated_at) "
    "VALUES (?, ?, ?, '2026-01-01T00:00:00.000+00:00', '2026-01-01T00:00:00.000+00:00')"
)
ONE = (
    "SELECT id, video_id, description, created_at, updated_at FROM video_analysis "
    "WHERE video_id = ?"
)
LIST = (
    "SELECT id, video_id, description, created_at, updated_at FROM video_analysis "
    "ORDER BY created_at DESC, id DESC LIMIT 100"
)


async def median(work: Callable[[int], Awaitable[Any]], runs: int) -> float:
    """Microseconds."""
    times = []
    for i in range(runs):
        started = perf_counter()
        await work(i)
        times.append(perf_counter() - started)
    return statistics.median(times) * 1e6


def bare_median(work: Callable[[int], Any], runs: int) -> float:
    times = []
    for i in range(runs):
        started = perf_counter()
        work(i)
        times.append(perf_counter() - started)
    return statistics.median(times) * 1e6


def make_database(path: Path, rows: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for script in sorted(MIGRATIONS.glob("*/migration.sql")):
            connection.executescript(script.read_text())
        connection.executemany(INSERT, ((f"i{i}", f"v{i}", DESCRIPTION) for i in range(rows)))


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5_000)
    options = parser.parse_args()
    rows, runs = options.rows, options.runs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        make_database(path, rows)
        print(f"{'median, microseconds':24}{'client':>10}{'sqlite3':>10}{'ratio':>8}")
        async with in_process(Prisma)(datasource={"url": f"file:{path}"}) as db:
            videos: Any = db.videoanalysis
            newest = [{"createdAt": "desc"}, {"id": "desc"}]

            def get(i: int) -> Awaitable[Any]:
                return videos.find_unique(where={"videoId": f"v{i * 7919 % rows}"})

            def page(i: int) -> Awaitable[Any]:
                return videos.find_many(take=100, order=newest)

            def create(i: int) -> Awaitable[Any]:
                return videos.create({"videoId": f"new{i}", "description": DESCRIPTION})

            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as bare:
                bare.execute("PRAGMA synchronous = FULL")
                for name, ours, theirs, count in (
                    (
                        "find_unique",
                        get,
                        lambda i: bare.execute(ONE, [f"v{i * 7919 % rows}"]).fetchall(),
                        runs,
                    ),
                    (
                        "find_many, 100 rows",
                        page,
                        lambda i: bare.execute(LIST).fetchall(),
                        runs // 10,
                    ),
                    (
                        "create",
                        create,
                        lambda i: bare.execute(INSERT, [f"b{i}", f"b{i}", DESCRIPTION]),
                        runs // 10,
                    ),
                ):
                    await ours(-1)  # compiles the shape
                    measured, reference = await median(ours, count), bare_median(theirs, count)
                    print(f"{name:24}{measured:10.1f}{reference:10.1f}{measured / reference:8.1f}")
            plans = db._engine.plans  # type: ignore[attr-defined]
            print(f"{plans.made} plans made, {plans.compiled} of them compiled now")


if __name__ == "__main__":
    asyncio.run(main())
