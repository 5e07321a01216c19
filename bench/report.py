"""The report: tables in Markdown, pictures by chart.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import bulk
from bench.contestants import CONTESTANTS, HERE, PEERS_PYTHON, Contestant
from bench.operations import OPERATIONS, Operation

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}

CHART = "\n\n![Requests per second](throughput.svg)"

Results = dict[str, Any]


def write(results: Results, folder: Path) -> str:
    """Write README.md and the pictures beside results.json; the report's text."""
    if _has_samples(results):
        subprocess.run([PEERS_PYTHON, HERE / "chart.py", folder / "results.json"], check=True)
    text = render(results)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text


def render(results: Results) -> str:
    parts = [_head(results)]
    for operation in OPERATIONS:
        if any(operation.name in c["samples"] for c in results["contestants"].values()):
            parts.append(_operation(results, operation))
    if results["bulk"]:
        parts.append(_bulk(results))
    parts.append(_processes(results))
    if results["cost"]:
        parts.append(_cost(results))
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    versions = "\n".join(f"- {name}: {number}" for name, number in results["versions"].items())
    return f"""# Measured beside its peers

`{results["command"]}` on {results["date"]}, {results["minutes"]} minutes, on {results["machine"]}.

{results["connections"]} connections, {results["rows"]:,} rows ({results["data"]}), \
{results["rounds"]} rounds of {results["seconds"]:g} s in turn, the median of each. One worker \
process on one core; wrk and PostgreSQL, on a Unix socket, on the other. Each contestant's answers \
were checked before. *CPU* is the server's own time per request; *core* the share of its core that \
it used, and where that is well below 100 %, the disk or the database held it up. *Of the limit* \
compares requests/s with the bare ASGI program on the same database's driver (no framework, no \
validation). None writes a log line per request but the rows that say so: ours does unless \
`LOG_LEVEL` is `warning`. Ours also keeps its search index beside its writes, with the same cores, \
which no peer does.

{versions}{CHART if _has_samples(results) else ""}"""


def _has_samples(results: Results) -> bool:
    return any(each["samples"] for each in results["contestants"].values())


def _operation(results: Results, operation: Operation) -> str:
    lines = [f"## {operation.title[0].upper()}{operation.title[1:]}", "", _note(operation), ""]
    lines += _table(
        ("", "requests/s", "CPU", "core", "p50", "p99", "p99/p50", "of the limit", "ours is"),
        _operation_rows(results, operation),
    )
    return "\n".join(lines)


def _note(operation: Operation) -> str:
    if not operation.writes:
        return f"`{operation.script}`"
    return (
        "Answered when the disk has it: SQLite `synchronous=FULL` (our default), PostgreSQL "
        "`synchronous_commit=on`."
        if operation.flush
        else "Not flushed for each write: SQLite in WAL mode with `synchronous=NORMAL`, "
        "PostgreSQL with `synchronous_commit=off`, for all alike."
    )


def _operation_rows(results: Results, operation: Operation) -> Iterable[Sequence[str]]:
    measured = {
        name: _medians(each["samples"][operation.name])
        for name, each in results["contestants"].items()
        if operation.name in each["samples"]
    }
    for provider in (None, *DATABASES):
        here = {name: m for name, m in measured.items() if BY_NAME[name].provider == provider}
        limit = next((m for name, m in here.items() if BY_NAME[name].is_limit), None)
        ours = next((name for name in here if BY_NAME[name].is_ours), None)
        for name, seen in here.items():
            contestant = BY_NAME[name]
            yield (
                _title(contestant),
                f"{seen['rate']:,.0f}",
                f"{seen['cpu_us']:,.0f} µs",
                f"{seen['busy']:.0%}",
                _milliseconds(seen["p50_us"]),
                _milliseconds(seen["p99_us"]),
                f"{seen['p99_us'] / seen['p50_us']:.1f}",
                f"{seen['rate'] / limit['rate']:.2f}" if limit else "",
                f"{here[ours]['rate'] / seen['rate']:.2f}x" if ours and name != ours else "",
            )


def _bulk(results: Results) -> str:
    rates = {
        name: {operation: median(each) for operation, each in of.items()}
        for name, of in results["bulk"].items()
    }
    rows = []
    for provider in DATABASES:
        here = {name: each for name, each in rates.items() if BY_NAME[name].provider == provider}
        limit = next((each for name, each in here.items() if BY_NAME[name].is_limit), None)
        ours = next((name for name in here if BY_NAME[name].is_ours), None)
        for name, seen in here.items():
            row = [_title(BY_NAME[name])]
            for operation in bulk.OPERATIONS:
                row += [
                    f"{seen[operation]:,.0f}",
                    f"{seen[operation] / limit[operation]:.2f}" if limit else "",
                    f"{here[ours][operation] / seen[operation]:.2f}x"
                    if ours and name != ours
                    else "",
                ]
            rows.append(row)
    head = ("", "import, records/s", "of the limit", "ours is")
    return "\n".join(
        [
            "## Import and export",
            "",
            f"{results['imported']:,} records, as NDJSON, by one request each: of all fields and "
            "segments, with the change log and the queue of the search index; Fastify has ids and "
            "descriptions alone, in batches of 500 by `createMany`. Both tell what became of each. "
            "The limit: the rows that our import wrote, into the same tables with their triggers, "
            "by `executemany` or `COPY` in one transaction; a cursor on records and one on their "
            "segments, written by orjson.",
            "",
            *_table((*head, "export, records/s", *head[2:]), rows),
        ]
    )


def _processes(results: Results) -> str:
    rows = [
        (_title(BY_NAME[name]), f"{median(each['starts']):.2f} s", _mebibytes(each["resident"]))
        for name, each in results["contestants"].items()
    ]
    return "\n".join(
        [
            "## The process",
            "",
            "From the start of the process to its first answer, and its memory after the load.",
            "",
            *_table(("", "first answer", "resident"), rows),
        ]
    )


def _cost(results: Results) -> str:
    lines = [
        "## Cost over rows",
        "",
        "Median time of an answer to a single client that waits for each.",
        "",
    ]
    sizes = sorted({int(s) for c in results["cost"].values() for o in c.values() for s in o})
    rows = [
        (
            f"{_title(BY_NAME[name])}, {_title_of_operation(operation)}",
            *(f"{by_size.get(str(size), by_size.get(size)):,.0f} µs" for size in sizes),
        )
        for name, operations in results["cost"].items()
        for operation, by_size in operations.items()
    ]
    lines += _table(("", *(f"{size:,} rows" for size in sizes)), rows)
    lines += ["", "![Cost over rows](cost.svg)"]
    return "\n".join(lines)


def _medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(sample[name] for sample in samples) for name in samples[0]}


def _title(contestant: Contestant) -> str:
    database = DATABASES.get(contestant.provider or "")
    return f"{contestant.title}, {database}" if database else contestant.title


def _title_of_operation(name: str) -> str:
    return next(operation.title for operation in OPERATIONS if operation.name == name)


def _milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"


def _mebibytes(values: Sequence[int]) -> str:
    return f"{median(values) / 2**20:.0f} MiB"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]
