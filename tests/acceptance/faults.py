"""The service under load while it is killed and while its database fails: `make test-faults`.

Whatever happens, no acknowledged write is lost, none is stored by halves, search finds what is
there, nothing is answered with 500, and the service is back soon after. Not part of `make test`,
as it takes minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.writers import Figures, Writer
from tests.fixtures import Database, PostgreSQL, SQLite, on_postgresql, on_sqlite
from tests.postgres import free_port
from tests.proxy import Proxy
from tests.service.server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1800)]

WRITERS = 16
KILLS = int(os.environ.get("KILLS", "40"))
STOPS = int(os.environ.get("STOPS", "12"))
FULL_DISKS = 3
SILENCES = int(os.environ.get("SILENCES", "3"))
LOCKED_SECONDS = float(os.environ.get("LOCKED_SECONDS", "30"))
BACK_SECONDS = 2.0
"""The longest until every writer is answered, after the fault has ended."""
WELL_SECONDS = 10.0
"""The same, after connections fell silent: finding that out is part of it."""


@pytest.fixture
def anyio_backend() -> str:
    """Without asyncio's debug mode, which slows the writers down."""
    return "asyncio"


class Table:
    """Of what was seen, printed at the end."""

    COLUMNS = ("acknowledged", "503", "507", "no answer", "500", "lost", "torn", "half renamed",
               "not found", "not logged", "back in s")  # fmt: skip

    def __init__(self) -> None:
        self._rows: list[tuple[str, list[str]]] = []

    def add(self, name: str, figures: Figures, longest: float) -> None:
        statuses = figures.statuses
        numbers = (
            figures.acknowledged, statuses[503], statuses[507], statuses[0], statuses[500],
            len(figures.lost), len(figures.torn), len(figures.half_renamed),
            len(figures.not_found), len(figures.not_logged),
        )  # fmt: skip
        self._rows.append((name, [*map(str, numbers), f"{longest:.2f}"]))

    def __str__(self) -> str:
        widths = [len(column) + 2 for column in self.COLUMNS]
        lines = [("", self.COLUMNS), *self._rows]
        return "\n".join(
            f"{name:<44}"
            + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            for name, cells in lines
        )


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    table = Table()
    yield table
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        print(f"\n\n{table}")


class Trial:
    """A service with its writers at work, and the figures of both."""

    def __init__(self, server: Server, writers: list[Writer]) -> None:
        self.server = server
        self._writers = writers
        self.longest = 0.0
        """Seconds until all were back."""

    async def back(self, since: float | None = None) -> None:
        """Wait until every writer has had an answer since then, or since now."""
        since = time.monotonic() if since is None else since
        async with asyncio.timeout(60):
            while min(writer.last_success for writer in self._writers) <= since:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        self.longest = max(self.longest, time.monotonic() - since)


@contextlib.asynccontextmanager
async def trial(
    name: str,
    database: Database,
    folder: Path,
    table: Table,
    *,
    url: str | None = None,
    bound: float = BACK_SECONDS,
) -> AsyncIterator[Trial]:
    """Afterwards all that was acknowledged is there. `url`: another way to the database."""
    port = free_port()
    server = Server(
        url or database.url, folder, arguments=("--port", str(port)), LOG_LEVEL="warning"
    )
    figures = Figures()
    stop = asyncio.Event()
    limits = httpx.Limits(max_connections=WRITERS)
    with contextlib.ExitStack() as stack:
        stack.push(server)
        await asyncio.to_thread(server.start)
        base_url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base_url, timeout=60, limits=limits) as http:
            writers = [Writer(number, http, figures) for number in range(WRITERS)]
            async with asyncio.TaskGroup() as working:
                for writer in writers:
                    working.create_task(writer.work(stop))
                running = Trial(server, writers)
                await running.back()
                running.longest = 0.0
                yield running
                stop.set()
            await asyncio.gather(*(writer.check() for writer in writers))
        await asyncio.to_thread(server.stop)
    note_what_is_not_logged(figures, database)
    figures.wrong += audit(database, folder)
    table.add(name, figures, running.longest)
    database.indexed()
    for seen in figures.faults():
        assert not seen, "\n".join(seen[:10])
    assert "Traceback" not in server.log()
    assert running.longest < bound


def audit(database: Database, folder: Path) -> list[str]:
    """What the audit's own check finds wrong in the log."""
    for command in ("seal", "verify"):
        done = subprocess.run(
            [sys.executable, "-m", "backend.cli", "audit", command],
            env=os.environ | {"DATABASE_URL": database.url},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return [done.stdout + done.stderr]
    return []


def note_what_is_not_logged(figures: Figures, database: Database) -> None:
    for start in range(0, len(figures.changes), 1_000):
        ids = figures.changes[start : start + 1_000]
        named = ", ".join(f"'{id_}'" for id_ in ids)
        found = database.count(f"change_log WHERE request_id IN ({named})")
        if found != len(ids):
            figures.not_logged.append(f"{len(ids)} writes have {found} rows")


async def test_the_service_is_killed(own_database: Database, tmp_path: Path, table: Table) -> None:
    name = f"{KILLS} kills of the service, {own_database.provider}"
    async with trial(name, own_database, tmp_path, table) as running:
        for number in range(KILLS):
            await asyncio.sleep(0.3 + 0.1 * (number % 7))
            await asyncio.to_thread(running.server.kill)
            killed = time.monotonic()
            await asyncio.to_thread(running.server.start)
            await running.back(killed)


@on_postgresql
async def test_postgresql_is_stopped(
    own_database: PostgreSQL, tmp_path: Path, table: Table
) -> None:
    server = own_database.server
    name = f"{STOPS} stops of PostgreSQL"
    async with trial(name, own_database, tmp_path, table) as running:
        for number in range(STOPS):
            await asyncio.sleep(0.5 + 0.2 * (number % 4))
            await asyncio.to_thread(server.stop, immediately=True)
            await asyncio.sleep(0.2 + 0.2 * (number % 5))
            await asyncio.to_thread(server.start)
            await running.back()


@on_postgresql
@pytest.mark.parametrize("seconds", [0, 3], ids=["new ones work", "new ones work after 3 s"])
async def test_connections_fall_silent(
    own_database: PostgreSQL, tmp_path: Path, table: Table, seconds: int
) -> None:
    port = own_database.server.port
    async with Proxy(port) as proxy:
        url = own_database.server.url(own_database.name, tcp=True)
        url = url.replace(f":{port}/", f":{proxy.port}/")
        name = f"{SILENCES} silences of {seconds} s for new connections"
        async with trial(
            name, own_database, tmp_path, table, url=url, bound=WELL_SECONDS
        ) as running:
            for _ in range(SILENCES):
                await asyncio.sleep(1)
                silent = time.monotonic()
                proxy.fall_silent(new_ones_too=seconds > 0)
                await asyncio.sleep(seconds)
                proxy.recover()
                await running.back(silent)


@on_sqlite
async def test_the_disk_is_full(own_database: SQLite, tmp_path: Path, table: Table) -> None:
    with small_disk(tmp_path / "disk") as disk:
        database = SQLite(shutil.copy(own_database.path, disk.folder / "test.db"))
        name = f"{FULL_DISKS} times a full disk, sqlite"
        async with trial(name, database, tmp_path, table) as running:
            for _ in range(FULL_DISKS):
                await asyncio.sleep(1)
                disk.fill(running.server)
                await asyncio.sleep(3)
                disk.free(running.server)
                await running.back()


class Disk:
    """What the service can write to is full, by a limit of the size of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, server: Server) -> None:
        largest = max(file.stat().st_size for file in self.folder.iterdir())
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free(self, server: Server) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)


class MountedDisk(Disk):
    """A file system of its own, with a file that takes all the room."""

    def fill(self, server: Server) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def free(self, server: Server) -> None:
        (self.folder / "filler").unlink()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if sys.platform == "linux" and subprocess.run(mount, check=False).returncode == 0:
        try:
            yield MountedDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    elif hasattr(resource, "prlimit"):
        yield Disk(folder)
    else:
        pytest.skip("needs the right to mount, or prlimit")


@on_sqlite
async def test_the_file_is_locked(own_database: SQLite, tmp_path: Path, table: Table) -> None:
    lock = (
        "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA busy_timeout = 10000'); db.execute('BEGIN IMMEDIATE');"
        "time.sleep(float(sys.argv[2]))"
    )
    name = f"the file is locked for {LOCKED_SECONDS:.0f} s, sqlite"
    async with trial(name, own_database, tmp_path, table) as running:
        await asyncio.sleep(1)
        command = [sys.executable, "-c", lock, str(own_database.path), str(LOCKED_SECONDS)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        await running.back()


@on_sqlite
async def test_the_file_is_replaced(own_database: SQLite, tmp_path: Path, table: Table) -> None:
    path = own_database.path
    async with trial("the file is replaced, sqlite", own_database, tmp_path, table) as running:
        await asyncio.sleep(1)
        copy = path.with_name("copy.db")
        with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as old:
            old.execute("BEGIN IMMEDIATE")  # what is acknowledged is in the copy
            with (
                contextlib.closing(sqlite3.connect(path)) as source,
                contextlib.closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            copy.replace(path)
        await asyncio.sleep(2)
        await asyncio.to_thread(running.server.stop)
        stopped = time.monotonic()
        await asyncio.to_thread(running.server.start)
        await running.back(stopped)
