"""The report's pictures, from its results.json. Run by bench/.venv, which has matplotlib:

bench/.venv/bin/python bench/chart.py bench/report/results.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

OPERATIONS = {
    "get": "get one",
    "list": "list 100",
    "create": "create",
    "update": "update",
    "create-flushed": "create, flushed",
}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
KINDS = {  # by the start of the name, of which the first counts
    "bare-constant": ("bare ASGI, constant", "#d0d0d0"),
    "fastapi-constant": ("FastAPI, constant", "#b0b0b0"),
    "bare-sqlite": ("bare ASGI + driver", "#909090"),
    "bare-asyncpg": ("bare ASGI + driver", "#909090"),
    "ours-key": ("Memory Mirror, with a key", "#f4b393"),
    "ours-logging": ("Memory Mirror, logging", "#ea8a5c"),
    "ours": ("Memory Mirror", "#c2410c"),
    "fastapi-asyncpg": ("FastAPI + asyncpg", "#60a5fa"),
    "fastify-prisma": ("Fastify + Prisma 7", "#15803d"),
    "fastapi-sqlalchemy": ("FastAPI + SQLAlchemy", "#7c3aed"),
}
LINES = {"get": "o", "list": "s", "create": "^"}

# Text as text, and the same bytes for the same results.
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.size": 9})


def throughput(results: dict[str, Any], path: Path) -> None:
    operations = [
        name
        for name in OPERATIONS
        if any(name in each["samples"] for each in results["contestants"].values())
    ]
    figure, axes = plt.subplots(
        2, len(operations), figsize=(2.7 * len(operations), 5), squeeze=False, layout="constrained"
    )
    for row, provider in zip(axes, DATABASES, strict=True):
        for axis, operation in zip(row, operations, strict=True):
            bars = _bars(results, provider, operation)
            for place, (title, color, rate) in enumerate(reversed(bars)):
                axis.barh(place, rate, color=color)
                axis.text(0, place, f" {title}: {rate:,.0f}", va="center", fontsize=7)
            axis.set_yticks([])
            axis.margins(x=0.25)
            axis.set_title(f"{OPERATIONS[operation]}, {DATABASES[provider]}", fontsize=9)
            axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("requests per second, one worker on one core", fontsize=9)
    figure.savefig(path, metadata={"Date": None})


def _bars(results: dict[str, Any], provider: str, operation: str) -> list[tuple[str, str, float]]:
    bars = []
    for name, each in results["contestants"].items():
        if operation not in each["samples"] or name == "bare-asyncpg-pool":
            continue
        kind = next(kind for kind in KINDS if name.startswith(kind))
        if "constant" not in name and not _is_on(name, provider):
            continue
        rate = median(sample["rate"] for sample in each["samples"][operation])
        bars.append((*KINDS[kind], rate))
    return bars


def _is_on(name: str, provider: str) -> bool:
    return name.endswith(("sqlite",) if provider == "sqlite" else ("postgresql", "asyncpg"))


def cost(results: dict[str, Any], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axis, provider in zip(axes, DATABASES, strict=True):
        for name, operations in results["cost"].items():
            if not _is_on(name, provider):
                continue
            is_ours = name.startswith("ours")
            for operation, by_size in operations.items():
                sizes = sorted(by_size, key=int)
                axis.plot(
                    [int(size) for size in sizes],
                    [by_size[size] for size in sizes],
                    marker=LINES[operation],
                    color="#c2410c" if is_ours else "#909090",
                    label=f"{'Memory Mirror' if is_ours else 'bare ASGI'}, {OPERATIONS[operation]}",
                )
        axis.set(xscale="log", yscale="log", xlabel="rows in the table", title=DATABASES[provider])
        axis.grid(visible=True, which="both", alpha=0.2)
        axis.legend(fontsize=7)
    axes[0].set_ylabel("microseconds per answer, one client")
    axes[0].set_ylim(bottom=50)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    source = Path(sys.argv[1])
    read = json.loads(source.read_text())
    throughput(read, source.with_name("throughput.svg"))
    if read["cost"]:
        cost(read, source.with_name("cost.svg"))
