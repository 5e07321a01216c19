"""`make bench`: prepare, fill, check, measure, report."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from bench import bulk, machine, records, report
from bench.answers import WrongAnswerError
from bench.contestants import CONTESTANTS, HERE, Contestant
from bench.databases import POSTGRES_SETTINGS, PostgresDatabases, SQLiteDatabases
from bench.operations import OPERATIONS, LoadFailedError, LoadGenerator, Operation
from bench.prepare import PrepareError, prepare
from bench.rounds import LOAD_CORE, Bench
from bench.server import ServerFailedError
from tests.postgres import temporary_server

SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    words = shlex.join(sys.argv[1:] if argv is None else argv)
    # As by Ctrl-C: what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        prepare(log=_say)
        results = _measure(options)
    except (
        PrepareError,
        WrongAnswerError,
        LoadFailedError,
        ServerFailedError,
        bulk.WrongCountError,
    ) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    results["command"] = f"make bench ARGS={shlex.quote(words)}" if words else "make bench"
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(report.write(results, output))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("BENCH_DATA"),
        help="descriptions: JSON lines with video_id and description (BENCH_DATA; text is "
        "generated without it)",
    )
    parser.add_argument("--rows", type=int, default=100_000, help="records in the table (100000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (3)")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (5)")
    parser.add_argument("--connections", type=int, default=16, help="that ask at once (16)")
    parser.add_argument("--only", help="contestants whose names hold one of these words, a,b,c")
    parser.add_argument("--operations", help="of these alone, a,b,c")
    parser.add_argument(
        "--sizes",
        default=",".join(map(str, SIZES)),
        help="numbers of rows for the cost by size; empty: do not measure it",
    )
    parser.add_argument(
        "--imported", type=int, default=100_000, help="records that are imported (100000)"
    )
    parser.add_argument("--port", type=int, default=8991)
    parser.add_argument(
        "--output", type=Path, default=HERE / "report", help="folder (bench/report)"
    )
    return parser


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    contestants = [c for c in CONTESTANTS if _is_chosen(c, options.only)]
    operations = _chosen_operations(options.operations)
    sizes = [int(size) for size in options.sizes.split(",") if size]
    sources = records.read_sources(options.data) if options.data else records.generate_sources()
    # The servers have the other core.
    os.sched_setaffinity(0, {LOAD_CORE})
    started = time.monotonic()
    with _bench(options, sources, contestants) as bench:
        measured = bench.compare(
            contestants,
            operations,
            size=options.rows,
            rounds=options.rounds,
            seconds=options.seconds,
        )
        by_size = [
            c
            for c in contestants
            if c.is_limit or (c.is_ours and not (c.logs_requests or c.needs_key))
        ]
        cost = bench.cost_by_size(by_size, sizes, seconds=min(options.seconds, 3))
        many = _bulk(options, bench, contestants, sources)
    return {
        "date": date.today().isoformat(),
        "minutes": round((time.monotonic() - started) / 60),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "data": options.data.name if options.data else "generated",
        "rows": options.rows,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "connections": options.connections,
        "contestants": {name: each.as_json() for name, each in measured.items()},
        "cost": cost,
        "imported": options.imported,
        "bulk": many,
    }


def _bulk(
    options: argparse.Namespace,
    bench: Bench,
    contestants: list[Contestant],
    sources: list[records.Source],
) -> dict[str, bulk.Rates]:
    chosen = options.operations and options.operations.split(",")
    if chosen and not set(chosen) & set(bulk.OPERATIONS):
        return {}
    lines = bulk.lines_of(options.data, sources, options.imported)
    return bulk.compare(bench, contestants, lines, rounds=options.rounds)


@contextmanager
def _bench(
    options: argparse.Namespace, sources: list[records.Source], contestants: list[Contestant]
) -> Iterator[Bench]:
    # Not in memory: writes that are flushed must meet a disk.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=HERE) as name:
        folder = Path(name)
        load = LoadGenerator(folder, sources, core=LOAD_CORE, connections=options.connections)
        bench = Bench(
            {"sqlite": SQLiteDatabases(folder)}, sources, load, folder, options.port, _say
        )
        if any(contestant.provider == "postgresql" for contestant in contestants):
            with contextmanager(temporary_server)(settings=POSTGRES_SETTINGS) as server:
                bench.databases["postgresql"] = PostgresDatabases(server)
                yield bench
        else:
            yield bench


def _is_chosen(contestant: Contestant, words: str | None) -> bool:
    return words is None or any(word in contestant.name for word in words.split(","))


def _chosen_operations(names: str | None) -> list[Operation]:
    return [o for o in OPERATIONS if names is None or o.name in names.split(",")]


def _say(line: str) -> None:
    print(f"bench: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
