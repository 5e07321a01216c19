"""What is measured, and the load that measures it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.records import Source, rows

SCRIPTS = Path(__file__).parent / "wrk"
LISTED = 100
MOST_IDS = 50_000
DESCRIPTIONS = 1_000


class LoadFailedError(Exception):
    """Some answers were no success, or no answers."""


@dataclass(frozen=True)
class Operation:
    name: str
    title: str
    script: str
    writes: bool = False
    ours_alone: bool = False
    flush: bool = False
    """A write is answered when the disk has it. Without: when the operating system has it, so a
    crash of the process loses nothing, and one of the machine at most the last moments."""


GET = Operation("get", "get one", "get.lua")
UNCHANGED = Operation("unchanged", "get one that is known: 304", "unchanged.lua", ours_alone=True)
LIST = Operation("list", "list 100", "list.lua")
SEARCH = Operation("search", "search", "search.lua", ours_alone=True)
CREATE = Operation("create", "create", "create.lua", writes=True)
UPDATE = Operation("update", "update", "update.lua", writes=True)
CREATE_FLUSHED = Operation(
    "create-flushed", "create, flushed", "create.lua", writes=True, flush=True
)

OPERATIONS = (GET, UNCHANGED, LIST, SEARCH, UPDATE, CREATE, CREATE_FLUSHED)


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    max_us: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class LoadGenerator:
    """Runs wrk on its core, with files of what to ask for in `folder`."""

    def __init__(self, folder: Path, sources: list[Source], *, core: int, connections: int) -> None:
        self._folder = folder
        self._sources = sources
        self._core = str(core)
        self._connections = connections
        self._runs = 0
        self._descriptions = folder / "descriptions"
        some = sources[:DESCRIPTIONS]
        self._descriptions.write_text("".join(f"{json.dumps(s.description)}\n" for s in some))

    def run(
        self,
        operation: Operation,
        port: int,
        seconds: float,
        *,
        size: int,
        connections: int | None = None,
        key: str | None = None,
    ) -> Load:
        """On a table of `size` rows. Raises LoadFailedError."""
        connections = connections or self._connections
        command = [
            "taskset", "-c", self._core,
            "wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s",
            "-s", operation.script, f"http://127.0.0.1:{port}",
            "--", *map(str, self._arguments(operation, size)),
        ]  # fmt: skip
        environment = os.environ if key is None else {**os.environ, "BENCH_KEY": key}
        done = subprocess.run(
            command,
            cwd=SCRIPTS,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=False,
        )
        if done.returncode:
            raise LoadFailedError(f"wrk failed: {done.stderr or done.stdout}")
        summary = json.loads(done.stdout.splitlines()[-1])
        refused, broken = summary.pop("refused"), summary.pop("broken")
        if refused or broken or not summary["requests"]:
            raise LoadFailedError(
                f"of {summary['requests']} requests {refused} were refused, {broken} broke"
            )
        return Load(**summary)

    def _arguments(self, operation: Operation, size: int) -> Sequence[object]:
        self._runs += 1
        if operation.script == "list.lua":
            return (LISTED,)
        if operation.script == "search.lua":
            return (self._descriptions,)
        if operation.script == "create.lua":
            return (f"load-{self._runs}-", self._descriptions)
        if operation.script == "update.lua":
            return (self._ids(size), self._descriptions)
        return (self._ids(size),)

    def _ids(self, size: int) -> Path:
        """Of records all over the table."""
        path = self._folder / f"ids-{size}"
        if not path.exists():
            every = max(1, size // MOST_IDS)
            wanted = islice(rows(self._sources, size), 0, None, every)
            path.write_text("".join(f"{row.video_id}\n" for row in wanted))
        return path
