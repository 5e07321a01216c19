"""`_prisma_migrations`: what was applied to a database, as Prisma's native engine records it.

The statements and their order are those of `sql_migration_persistence.rs` in Prisma's schema
engine, so that Prisma's own tools go on from where we stop, and we from where they stop.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .databases.database import Database
from .folder import Migration

_COLUMNS = (
    "id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at,"
    " applied_steps_count"
)


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """One row."""

    id: str
    checksum: str
    finished_at: datetime | None
    migration_name: str
    logs: str | None
    rolled_back_at: datetime | None
    started_at: datetime | None
    applied_steps_count: int

    @property
    def failed(self) -> bool:
        """Begun and neither finished nor rolled back: it failed, or is still being applied."""
        return self.finished_at is None and self.rolled_back_at is None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A history on disk beside the one in a database."""

    pending: tuple[Migration, ...]
    """On disk and not applied, in order."""
    edited: tuple[str, ...]
    """Applied from another script than the one on disk."""
    missing: tuple[str, ...]
    """Applied and no longer on disk."""
    failed: tuple[AppliedMigration, ...]
    last_common: str | None
    """The newest name that both have."""

    @property
    def up_to_date(self) -> bool:
        return not self.pending and not self.failed


class History:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark = database.parameter

    async def exists(self) -> bool:
        return await self._database.has_history()

    async def create_if_missing(self) -> None:
        if not await self._database.has_history():
            await self._database.create_history()

    async def read(self) -> list[AppliedMigration]:
        """All rows, oldest first; none when there is no table."""
        if not await self._database.has_history():
            return []
        found = await self._database.query(
            f"SELECT {_COLUMNS} FROM _prisma_migrations ORDER BY started_at ASC"
        )
        moment = self._database.parse_moment
        return [
            AppliedMigration(
                id=row[0],
                checksum=row[1],
                finished_at=moment(row[2]),
                migration_name=row[3],
                logs=row[4],
                rolled_back_at=moment(row[5]),
                started_at=moment(row[6]),
                applied_steps_count=int(row[7]),
            )
            for row in found.records
        ]

    def new_id(self) -> str:
        return str(uuid.uuid4())

    async def record_started(self, row_id: str, migration: Migration) -> None:
        await self._database.execute(
            "INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name)"
            f" VALUES ({self._mark(1)}, {self._mark(2)}, {self._mark(3)}, {self._mark(4)})",
            (row_id, migration.checksum, self._now(), migration.name),
        )

    async def record_finished(self, row_id: str) -> None:
        await self._database.execute(
            "UPDATE _prisma_migrations SET applied_steps_count = applied_steps_count + 1,"
            f" finished_at = {self._mark(1)} WHERE id = {self._mark(2)}",
            (self._now(), row_id),
        )

    async def record_failed(self, row_id: str, logs: str) -> None:
        await self._database.execute(
            f"UPDATE _prisma_migrations SET logs = {self._mark(1)} WHERE id = {self._mark(2)}",
            (logs, row_id),
        )

    async def record_applied(self, migration: Migration) -> None:
        """Applied by other means: never started here, hence no step."""
        now = self._now()
        await self._database.execute(
            "INSERT INTO _prisma_migrations"
            " (id, checksum, started_at, finished_at, migration_name) VALUES"
            f" ({self._mark(1)}, {self._mark(2)}, {self._mark(3)}, {self._mark(4)},"
            f" {self._mark(5)})",
            (self.new_id(), migration.checksum, now, now, migration.name),
        )

    async def record_rolled_back(self, row_id: str) -> None:
        await self._database.execute(
            f"UPDATE _prisma_migrations SET rolled_back_at = {self._mark(1)}"
            f" WHERE id = {self._mark(2)}",
            (self._now(), row_id),
        )

    def _now(self) -> object:
        return self._database.moment(datetime.now(UTC))


def compare(on_disk: Sequence[Migration], in_database: Sequence[AppliedMigration]) -> Comparison:
    """As Prisma's `apply_migrations` and `diagnose_migration_history` read the two."""
    valid = [row for row in in_database if row.rolled_back_at is None]
    recorded = {row.migration_name: row for row in valid}
    known = {migration.name for migration in on_disk}
    common = [migration.name for migration in on_disk if migration.name in recorded]
    return Comparison(
        pending=tuple(item for item in on_disk if item.name not in recorded),
        edited=tuple(
            item.name
            for item in on_disk
            if item.name in recorded and not item.matches(recorded[item.name].checksum)
        ),
        missing=tuple(
            row.migration_name
            for row in valid
            if row.finished_at is not None and row.migration_name not in known
        ),
        failed=tuple(row for row in valid if row.failed),
        last_common=common[-1] if common else None,
    )
