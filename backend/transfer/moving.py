"""All that is stored, moved to another database: SQLite's or PostgreSQL's, from either.

A move copies all tables as they are at one moment, reads them again where they came to, and
compares the two before they count. It may then go on (following.py), until the cutover.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.engine import Provider
from backend.engine.datasource import provider_of, sqlite_path
from backend.transfer.archive import Row
from backend.transfer.comparing import Compared, Sums
from backend.transfer.errors import BackupError
from backend.transfer.log_order import LogOrder
from backend.transfer.refusing import begin_refusing, move_into, refuse_writes
from backend.transfer.replacing import (
    Replacement,
    file_of,
    into_postgresql,
    into_sqlite,
    refuse_unless_empty,
)
from backend.transfer.tables import RowReader, Table
from backend.transfer.targets import Target
from backend.transfer.whole import Snapshot, size_of, snapshot_of, whole_database


@dataclass(slots=True)
class Progress:
    step: str = ""
    table: str = ""
    rows: int = 0

    def begin(self, step: str) -> None:
        self.step, self.table, self.rows = step, "", 0

    def count(self, table: str, rows: int) -> None:
        if table != self.table:
            self.table, self.rows = table, 0
        self.rows += rows


@dataclass(frozen=True, slots=True)
class Moved:
    source: Provider
    target: Provider
    tables: dict[str, Compared]
    """The same in both, as compared when it ended."""
    out_of_order: int
    """How often a number of the change log follows upon a greater one, which SQLite cannot keep."""
    stood_still: float = 0.0
    """Seconds in which neither database took writes."""


def moved(
    source: Provider,
    target: Provider,
    sums: dict[str, Sums],
    order: LogOrder,
    *,
    stood_still: float = 0.0,
) -> Moved:
    tables = {name: each.compared for name, each in sorted(sums.items())}
    out_of_order = order.descents if target == "sqlite" else 0
    return Moved(source, target, tables, out_of_order, stood_still)


async def move(
    source: str, target: str, *, schema: Path, force: bool, follow: bool, progress: Progress
) -> Moved:
    """Copy all that is stored at `source` now; what is at `target` is lost (`force`). `follow`: the
    target refuses writes, and is to be followed into. Raises BackupError, EngineError, OSError."""
    refuse_one_for_both(source, target, schema)
    provider = provider_of(target)
    if provider == "sqlite":
        path = file_of(target, schema)
        refuse_unless_empty(path, force=force)
    refuse_missing(source, schema)
    async with (
        whole_database(source) as database,
        snapshot_of(database, settled_only=follow) as snapshot,
    ):
        if await move_into(snapshot.client, database.provider) is not None:
            raise BackupError("The source is itself being moved into: that move has not ended")
        copy = _Copy(snapshot, provider, progress, follow=follow)
        if provider == "sqlite":
            await into_sqlite(copy, path, schema)
        else:
            await into_postgresql(copy, target, schema, force=force)
    return moved(database.provider, provider, copy.sums, copy.order)


def refuse_one_for_both(source: str, target: str, schema: Path) -> None:
    """Raises BackupError."""
    one, other = (
        sqlite_path(url, folder=schema.parent) if provider_of(url) == "sqlite" else url
        for url in (source, target)
    )
    if one == other:
        raise BackupError("The source and the target are the same database")


def refuse_missing(url: str, schema: Path) -> None:
    """A file of SQLite that is not there would be made. Raises BackupError."""
    if provider_of(url) == "sqlite" and not file_of(url, schema).exists():
        raise BackupError(f"There is no database {file_of(url, schema)}")


async def is_moved_into(url: str, *, schema: Path) -> bool:
    """Whether a move into this database has not ended."""
    if provider_of(url) == "sqlite" and not file_of(url, schema).exists():
        return False
    try:
        async with whole_database(url) as database:
            return await move_into(database.client, database.provider) is not None
    except BackupError:  # it is to be made; or what is wrong is said by who goes on
        return False


class _Copy(Replacement):
    def __init__(
        self, source: Snapshot, target: Provider, progress: Progress, *, follow: bool
    ) -> None:
        super().__init__(source, LogOrder(target))
        self.sums: dict[str, Sums] = {}
        self._snapshot = source
        self._provider: Provider = target
        self._progress = progress
        self._follow = follow
        self._tables: list[Table] = []
        progress.begin("copying")

    async def fill(self, target: Target, tables: Iterable[Table]) -> None:
        self._tables = list(tables)
        self.sums = {table.name: Sums(table) for table in self._tables}
        await super().fill(target, self._tables)

    def written(self, table: Table, rows: list[Row]) -> None:
        super().written(table, rows)
        self.sums[table.name].add(rows)
        self._progress.count(table.name, len(rows))

    async def finish(self, target: Target) -> None:
        if not self._follow:
            return
        await begin_refusing(target, self._provider)
        for table in self._tables:
            await refuse_writes(target, self._provider, table)
        at = await self._snapshot.reached()
        await target.execute(
            f"INSERT INTO change_move (role, xid, number) VALUES ('target', {at.xid}, {at.number})"
        )

    async def check(self, client: Any, tables: Iterable[Table]) -> None:
        self._progress.begin("comparing")
        for table in tables:
            expected = self.sums[table.name]
            found = await sums_of(client, self._provider, table, self._progress)
            if found.compared != expected.compared:
                raise BackupError(f"The rows of {table.name} did not come as they are")


async def sums_of(
    client: Any, provider: Provider, table: Table, progress: Progress | None = None
) -> Sums:
    sums = Sums(table)
    reader = RowReader(client, provider, Table(table.name, tuple(sums.columns), table.key))
    async for values in reader.values():
        reader.was_written(len(values), sums.add_values(values))
        if progress is not None:
            progress.count(table.name, len(values))
    return sums


async def portions_of(client: Any, provider: Provider, table: Table) -> AsyncIterator[list[Row]]:
    reader = RowReader(client, provider, table)
    async for rows in reader.portions():
        yield rows
        reader.was_written(len(rows), sum(map(size_of, rows)))
