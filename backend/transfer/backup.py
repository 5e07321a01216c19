"""A backup of all that is stored, of all owners, as it is at one moment, while the service runs.

As a portable file (archive.py), from which either database can be restored; or, of SQLite, as a
copy of its file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from prisma.errors import PrismaError

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.database import Database
from backend.engine import now
from backend.transfer.archive import ArchiveReader, ArchiveWriter, Manifest
from backend.transfer.errors import BackupError
from backend.transfer.files import whole_file
from backend.transfer.tables import RowReader, last_migration, portable_tables

BackupFormat = Literal["mmz", "sqlite"]
SUFFIXES: dict[BackupFormat, str] = {"mmz": ".mmz", "sqlite": ".db"}

LONGEST = timedelta(hours=24)
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


async def back_up(url: str, path: Path, *, verify: bool) -> Manifest:
    """`verify`: read it again before it gets its name. Raises BackupError."""
    with whole_file(path, is_private=True) as part:
        async with whole_database(url) as database:
            manifest = await _write(database, part)
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


@asynccontextmanager
async def whole_database(url: str) -> AsyncIterator[Database]:
    """For all owners, and as the user that the URL names, not the service's role, which does not
    see the migrations. Its errors are BackupError."""
    database = Database(url)
    try:
        with acting_for(ALL_OWNERS):
            await database.client.connect()
            try:
                yield database
            finally:
                await database.disconnect()
    except PrismaError as error:
        raise BackupError(f"The database refused: {error}") from error


async def _write(database: Database, path: Path) -> Manifest:
    client: Any = database.client
    with ArchiveWriter(path) as archive:
        async with client.tx(isolation_level="SNAPSHOT", timeout=LONGEST) as snapshot:
            made_at = now().isoformat(timespec="milliseconds")
            migration = await last_migration(snapshot)
            if migration is None:
                raise BackupError(
                    "The database has no migrations. Run: memory-mirror migrate deploy"
                )
            for table in await portable_tables(snapshot, database.provider):
                reader = RowReader(snapshot, database.provider, table)
                with archive.table(table.name) as writer:
                    async for rows in reader.portions():
                        reader.was_written(len(rows), writer.write(rows))
        manifest = Manifest(made_at, database.provider, migration, archive.tables)
        archive.finish(manifest)
    return manifest


def said_of(manifest: Manifest) -> Iterable[str]:
    """A line for each table that has rows."""
    for name, each in manifest.tables.items():
        if each.rows:
            yield f"{each.rows:10}  {name}"
