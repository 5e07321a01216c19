"""A backup of all that is stored, of all owners, as it is at one moment, while the service runs.

As a portable file (archive.py), from which either database can be restored; or, of SQLite, as a
copy of its file.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from backend.core.caller import ALL_OWNERS, Caller
from backend.core.database import Database
from backend.transfer.archive import ArchiveReader, ArchiveWriter, Manifest, SentFile
from backend.transfer.errors import AllOwnersNeeded, BackupError, BackupRunning, NoBackup
from backend.transfer.files import whole_file
from backend.transfer.whole import LONGEST, snapshot_of, whole_database

BackupFormat = Literal["mmz", "sqlite"]
SUFFIXES: dict[BackupFormat, str] = {"mmz": ".mmz", "sqlite": ".db"}

_LONGEST_REQUEST = timedelta(hours=1)
_MADE_BY_US = re.compile(r"memory-mirror-\d{8}T\d{6}Z\.(mmz|db)")


def name_of_now(format_: BackupFormat) -> str:
    return f"memory-mirror-{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIXES[format_]}"


def rotate(folder: Path, keep: int) -> list[Path]:
    """Delete all backups in it but the newest, by their names; which were deleted."""
    made = sorted(each for each in folder.iterdir() if _MADE_BY_US.fullmatch(each.name))
    old = made[: max(0, len(made) - keep)]
    for each in old:
        each.unlink()
    return old


async def back_up(
    url: str, path: Path, *, verify: bool, note: Callable[[int], None] = lambda _: None
) -> Manifest:
    """`verify`: read it again before it gets its name. `note` is told of rows that were written.
    Raises BackupError."""
    with whole_file(path, is_private=True) as part:
        async with whole_database(url) as database:
            manifest = await _write(database, part, note)
        if verify:
            read_backup(part, verify=True)
    return manifest


def read_backup(path: Path, *, verify: bool) -> Manifest:
    """What a portable backup says of itself. `verify`: all of it is compared with that. Raises
    BackupError."""
    with closing(ArchiveReader(path)) as archive:
        if verify:
            archive.verify()
        return archive.manifest


def copy_sqlite(source: Path, path: Path, *, verify: bool) -> None:
    """Raises BackupError."""
    if not source.exists():
        raise BackupError(f"There is no database {source}")
    with whole_file(path, is_private=True) as part:
        try:
            copy_database(source, part)
            if verify:
                check_database(part)
        except sqlite3.Error as error:
            raise BackupError(f"{source} cannot be copied: {error}") from error


def copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


def check_database(path: Path) -> None:
    """Raises BackupError, sqlite3.Error."""
    with closing(sqlite3.connect(path)) as database:
        [(said,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
    if said != "ok":
        raise BackupError(f"The copy is damaged: {said}")


async def _write(database: Database, path: Path, note: Callable[[int], None]) -> Manifest:
    with ArchiveWriter(path) as archive:
        async for rows in _written(database, archive):
            note(rows)
    return archive.manifest


async def _written(
    database: Database, archive: ArchiveWriter, *, longest: timedelta = LONGEST
) -> AsyncGenerator[int]:
    """A portion at each step: how many rows."""
    async with snapshot_of(database, longest=longest) as snapshot:
        for table in snapshot.tables:
            reader = snapshot.reader(table)
            with archive.table(table) as writer:
                async for rows in reader.portions():
                    reader.was_written(len(rows), writer.write(rows))
                    yield len(rows)
    archive.finish(
        Manifest(snapshot.made_at, database.provider, snapshot.migration, archive.tables)
    )
    yield 0


class BackupService:
    """Backups of the database at `url`, one at a time in this process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_running = False

    @asynccontextmanager
    async def backup(self, caller: Caller) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a portable backup, which can be had as long as the context lasts. It is
        made while it is taken, a portion at a time. Raises AllOwnersNeeded, BackupRunning,
        NoBackup."""
        if not caller.holds(ALL_OWNERS):
            raise AllOwnersNeeded
        if self._is_running:
            raise BackupRunning
        self._is_running = True
        try:
            async with AsyncExitStack() as stack:
                output = SentFile()
                archive = ArchiveWriter(output)
                try:
                    database = await stack.enter_async_context(whole_database(self._url))
                    steps = _written(database, archive, longest=_LONGEST_REQUEST)
                    await stack.enter_async_context(aclosing(steps))
                    await anext(steps)  # whatever stops a backup stops it here
                except BackupError as error:
                    raise NoBackup(str(error)) from error
                yield _sent(output, steps)
        finally:
            self._is_running = False


async def _sent(output: SentFile, steps: AsyncIterator[int]) -> AsyncIterator[bytes]:
    yield output.take()
    async for _ in steps:
        yield output.take()
        await asyncio.sleep(0)


def said_of(manifest: Manifest) -> Iterable[str]:
    """A line for each table that has rows."""
    for name, each in manifest.tables.items():
        if each.rows:
            yield f"{each.rows:10}  {name}"
