"""A backup, brought into a database: as a whole, or not at all (replacing.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backend.engine.datasource import provider_of
from backend.transfer.archive import ArchiveReader, Row
from backend.transfer.backup import copy_database
from backend.transfer.errors import BackupError
from backend.transfer.files import whole_file
from backend.transfer.log_order import LogOrder
from backend.transfer.replacing import (
    Replacement,
    file_of,
    into_postgresql,
    into_sqlite,
    let_go,
    migrate,
    refuse_unless_empty,
    settle,
    url_of,
)

_SQLITE = b"SQLite format 3\x00"
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Restored:
    rows: int
    out_of_order: int = 0
    """How often a number of the change log follows upon a greater one, which SQLite cannot keep."""


class _Backup:
    called = "The backup"

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive
        self.migration = archive.manifest.migration
        self.names = set(archive.manifest.tables)

    async def portions(self, table: str) -> AsyncIterator[list[Row]]:
        rows = self._archive.rows(table)
        while portion := list(islice(rows, _ROWS_AT_ONCE)):
            yield portion


Note = Callable[[int, int], None]
"""Of how many rows that are read so many were."""


async def restore(
    path: Path, url: str, *, schema: Path, force: bool, note: Note = lambda _, __: None
) -> Restored:
    """`force`: whatever is stored at `url` is lost. `schema`: beside the migrations. `note` is told
    of a portable backup's rows, each of which is read twice. Raises BackupError, EngineError,
    OSError."""
    with path.open("rb") as file:
        is_copy = file.read(len(_SQLITE)) == _SQLITE
    provider = provider_of(url)
    if provider == "sqlite":
        target = file_of(url, schema)
        refuse_unless_empty(target, force=force)
        if is_copy:
            return await _copy_into_sqlite(path, target, schema)
    elif is_copy:
        raise BackupError("A copy of SQLite's file is for SQLite: restore it, and back that up")
    total = read = 0

    def note_rows(rows: int) -> None:
        nonlocal read
        read += rows
        note(read, total)

    with closing(ArchiveReader(path, note_rows)) as archive:
        total = 2 * sum(each.rows for each in archive.manifest.tables.values())
        archive.verify()
        replacement = Replacement(_Backup(archive), LogOrder(provider))
        if provider == "sqlite":
            await into_sqlite(replacement, target, schema)
            return Restored(replacement.rows, replacement.order.descents)
        await into_postgresql(replacement, url, schema, force=force)
        return Restored(replacement.rows)


async def _copy_into_sqlite(path: Path, target: Path, schema: Path) -> Restored:
    with whole_file(target) as part:
        try:
            copy_database(path, part)
            await migrate(schema, url_of(part))
            settle(part)
            with closing(sqlite3.connect(part)) as database:
                [(rows,)] = database.execute("SELECT count(*) FROM video_analysis")
        except sqlite3.Error as error:
            raise BackupError(f"{path} cannot be restored: {error}") from error
        let_go(target, part)
    return Restored(rows)
