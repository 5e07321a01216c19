"""All that is stored, of all owners, read as it is at one moment, while the service runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from prisma.errors import PrismaError

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.database import Database
from backend.engine import Provider, now
from backend.transfer.archive import Row
from backend.transfer.errors import BackupError
from backend.transfer.log_order import LOG
from backend.transfer.tables import RowReader, Table, last_migration, portable_tables

LONGEST = timedelta(hours=24)


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


class At(NamedTuple):
    """A position in the change log, as its database has it."""

    xid: int
    """0 on SQLite."""
    number: int


LAST = 2**63 - 1


class Snapshot:
    """`horizon`: of the change log only rows before it, which none can still come before."""

    called = "The source"

    def __init__(
        self,
        client: Any,
        provider: Provider,
        migration: str,
        tables: list[Table],
        horizon: int | None,
    ) -> None:
        self.client = client
        self.provider: Provider = provider
        self.migration = migration
        self.made_at = now().isoformat(timespec="milliseconds")
        self.tables = {table.name: table for table in tables}
        self.names = set(self.tables)
        self.horizon = horizon

    def reader(self, table: str) -> RowReader:
        return RowReader(self.client, self.provider, self.tables[table])

    async def portions(self, table: str) -> AsyncIterator[list[Row]]:
        reader = self.reader(table)
        async for rows in reader.portions(where=self.seen(table)):
            yield rows
            reader.was_written(len(rows), sum(map(size_of, rows)))

    async def reached(self) -> At:
        """Up to where it has surely all rows of the change log."""
        if self.provider == "sqlite":
            return At(0, await self._last("number"))
        if self.horizon is None:
            return At(await self._last("xid"), LAST)
        return At(self.horizon - 1, LAST)

    async def _last(self, column: str) -> int:
        row = await self.client.query_first(
            f"SELECT CAST({column} AS TEXT) AS last FROM change_log ORDER BY {column} DESC LIMIT 1"
        )
        return 0 if row is None else int(row["last"])

    def seen(self, table: str) -> str:
        """The condition on the rows that count."""
        if table == LOG and self.horizon is not None:
            return f"t.xid < '{self.horizon}'::xid8"
        return "TRUE"


def size_of(row: Row) -> int:
    """About how many bytes it has."""
    return sum(len(value) if isinstance(value, str) else 8 for value in row.values())


@asynccontextmanager
async def snapshot_of(
    database: Database, *, longest: timedelta = LONGEST, settled_only: bool = False
) -> AsyncIterator[Snapshot]:
    """`settled_only`: of the change log what no transaction that still runs comes before. Raises
    BackupError."""
    client: Any = database.client
    async with client.tx(isolation_level="SNAPSHOT", timeout=longest) as transaction:
        migration = await last_migration(transaction)
        if migration is None:
            raise BackupError("The database has no migrations. Run: memory-mirror migrate deploy")
        horizon = None
        if settled_only and database.provider == "postgresql":
            row = await transaction.query_first(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid"
            )
            horizon = int(row["xid"])
        tables = await portable_tables(transaction, database.provider)
        yield Snapshot(transaction, database.provider, migration, tables, horizon)
