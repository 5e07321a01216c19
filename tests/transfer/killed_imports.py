"""Imports that are killed as by kill -9, and what must hold whenever that happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from backend.records import ALL
from backend.services import make_services
from tests.commands import ROOT
from tests.fixtures import Database
from tests.service.server import Server
from tests.transfer.test_round_trip import said

WRONG_EVERY = 97
_LONGEST_LINE = 10_000
NDJSON = {"Content-Type": "application/x-ndjson"}


class ImportFile:
    """`lines` of it; of a file that is imported as a whole none is wrong."""

    def __init__(self, folder: Path, lines: int, *, has_wrong: bool) -> None:
        self.records: list[dict[str, Any]] = []
        """Those that are right, in their order."""
        self.path = folder / "records.ndjson"
        self.lines = lines
        with self.path.open("w") as file:
            for n in range(lines):
                record = {"video_id": f"v{n}", "description": f"Day {n} at the sea."}
                if has_wrong and n % WRONG_EVERY == 0:
                    del record["description"]
                else:
                    more: dict[str, Any] = {"tags": ["sea", f"t{n % 50}"], "people": ["Rosa"]}
                    more |= {"segments": [{"start": 0.0, "end": 1.5, "text": f"Wave {n}."}]}
                    record |= more if n % 7 == 0 else {}
                    self.records.append(record)
                file.write(json.dumps(record) + "\n")

    @property
    def failed(self) -> int:
        return self.lines - len(self.records)


def check_nothing_half(database: Database, file: ImportFile, on_error: str) -> int:
    """How many records are stored: the first of the file, each whole and logged once; search has
    the same."""
    stored = asyncio.run(_stored(database))
    number = len(stored)
    assert number in (range(len(file.records) + 1) if on_error == "continue" else
                      (0, len(file.records)))  # fmt: skip
    given = {each["video_id"]: each for each in file.records[:number]}
    assert stored.keys() == given.keys()
    for id_, record in stored.items():
        assert {name: record[name] for name in given[id_]} == given[id_]
    assert database.count("change_log") == number
    assert database.indexed() == given.keys()
    return number


async def _stored(database: Database) -> dict[str, dict[str, Any]]:
    services = make_services(database.url)
    await services.database.connect()
    try:
        async with services.exports.export(ALL, "ndjson") as parts:
            exported = b"".join([part async for part in parts])
    finally:
        await services.database.disconnect()
    return {each["video_id"]: each for each in said(exported.decode())}


class Command:
    """`memory-mirror import`, killed and called again."""

    seconds = 0.0
    """That the last run took."""

    def __init__(self, database: Database, file: ImportFile, on_error: str) -> None:
        words = ["import", str(file.path), "--on-error", on_error, "--json"]
        words += ["--resume"] if on_error == "continue" else ["--mode", "upsert"]
        self.words = [sys.executable, "-m", "backend.cli", *words]
        self.environment = os.environ | {"DATABASE_URL": database.url}

    def run(self, kill_after: float | None = None) -> dict[str, Any] | None:
        """The summary; None: it was killed before."""
        started = time.monotonic()
        with subprocess.Popen(
            self.words, cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as running:  # fmt: skip
            try:
                out, _ = running.communicate(timeout=kill_after or 300)
            except subprocess.TimeoutExpired:
                running.kill()
                out, _ = running.communicate()
        self.seconds = time.monotonic() - started
        summary: dict[str, Any] | None = json.loads(out) if out else None
        return summary


class Request:
    """`POST /api/import` under one key, sent again to a service that is killed and started."""

    seconds = 0.0

    def __init__(self, database: Database, file: ImportFile, on_error: str, folder: Path) -> None:
        self._server = Server(database.url, folder, AUDIT_SEAL_SECONDS="0")
        self._params = {"on_error": on_error}
        self._content = file.path.read_bytes()

    def run(self, kill_after: float | None = None) -> dict[str, Any] | None:
        with self._server:
            started = time.monotonic()
            kill = threading.Timer(kill_after or 300, os.kill, (self._server.pid, 9))
            kill.start()
            tail = b""
            try:
                with (
                    contextlib.suppress(httpx.TransportError),
                    httpx.stream(
                        "POST", f"{self._server.url}/api/import", params=self._params,
                        headers=NDJSON | {"Idempotency-Key": "k"}, content=self._content,
                        timeout=300,
                    ) as answer,
                ):  # fmt: skip
                    assert answer.status_code == 200
                    for part in answer.iter_bytes():
                        tail = (tail + part)[-_LONGEST_LINE:]
            finally:
                kill.cancel()
                kill.join()
                self.seconds = time.monotonic() - started
        summary: dict[str, Any] | None = None
        with contextlib.suppress(ValueError):
            summary = json.loads(tail.rstrip(b"\n").rpartition(b"\n")[2]).get("summary")
        return summary


def killed_until_done(
    importing: Command | Request,
    database: Database,
    file: ImportFile,
    on_error: str,
    *,
    kills: int,
    longest: float,
) -> list[int]:
    """Killed so often, after up to `longest` seconds, and then left alone. How many records were
    stored after each kill."""
    after = []
    for _ in range(kills):
        summary = importing.run(kill_after=random.uniform(0, longest))
        after.append(check_nothing_half(database, file, on_error))
        if summary is not None:
            assert after[-1] == len(file.records)
    assert after == sorted(after)
    summary = importing.run()
    assert summary is not None
    assert summary["complete"]
    assert summary["lines"] == file.lines
    assert summary["failed"] == file.failed
    assert check_nothing_half(database, file, on_error) == len(file.records)
    return after


def seconds_of(importing: Command | Request) -> float:
    assert importing.run() is not None
    return importing.seconds
