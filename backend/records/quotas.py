"""How much each owner may have stored.

The database itself counts and refuses, by triggers (see the migration `owner_usage`), so quotas
hold for all processes that write to it, and to the last byte. It does so for the owners that have a
row in `owner_usage`, which is made here before the first write for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prisma.errors import DataError

from backend.core.caller import ALL_OWNERS, acting_for, owner
from backend.core.owners import OWNER, owned
from backend.engine import Provider
from backend.records.errors import QuotaExceeded
from backend.records.filter_sql import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

_NO_BOUND = 2**63 - 1
_MOST_REMEMBERED = 100_000

_CONSTRAINT = "owner_usage_within"


class Quotas:
    """For each owner; 0: as much as he likes."""

    def __init__(
        self, client: Prisma, provider: Provider, *, most_records: int = 0, most_bytes: int = 0
    ) -> None:
        self._client = client
        self._provider: Provider = provider
        self._bounds = {"records": most_records, "bytes": most_bytes}
        self._counted = set[str]()
        """The owners that have a row, with these bounds."""

    async def begin(self) -> None:
        """At the start of the service: without quotas nothing is counted any longer."""
        if any(self._bounds.values()):
            return
        with acting_for(ALL_OWNERS):
            if await self._client.query_first("SELECT 1 AS found FROM owner_usage LIMIT 1"):
                await self._client.execute_raw("DELETE FROM owner_usage")

    async def before_write(self) -> None:
        name = owner.get()
        if name in self._counted or name == ALL_OWNERS or not any(self._bounds.values()):
            return
        if not await self._set_bounds():
            await self._count()
        if len(self._counted) >= _MOST_REMEMBERED:
            self._counted.clear()
        self._counted.add(name)

    async def refusal(self, error: DataError) -> QuotaExceeded | None:
        """Of a write; None: the error says something else."""
        if _CONSTRAINT not in str(error.meta.get("message", "")):
            return None
        row: Any = await self._client.query_first(
            "SELECT records, bytes, most_records, most_bytes FROM owner_usage"
            f" WHERE {owned('owner_usage')}"
        )
        return QuotaExceeded(
            {
                name: {"used": row[name], "allowed": row[f"most_{name}"]}
                for name in self._bounds
                if row is not None and row[f"most_{name}"] != _NO_BOUND
            }
        )

    async def _set_bounds(self) -> bool:
        """Whether the owner has a row."""
        query = Conditions(self._provider)
        bounds = [f"most_{name} = {query.bind(self._most(name))}" for name in self._bounds]
        found = await self._client.execute_raw(
            f"UPDATE owner_usage SET {', '.join(bounds)} WHERE {owned('owner_usage')}", *query.args
        )
        return found > 0

    async def _count(self) -> None:
        query = Conditions(self._provider)
        bounds = [query.bind(self._most(name)) for name in self._bounds]
        async with self._client.tx() as transaction:
            if self._provider == "postgresql":  # SQLite has one writer at a time anyway
                await transaction.execute_raw(
                    "LOCK TABLE video_analysis IN SHARE ROW EXCLUSIVE MODE"
                )
            await transaction.execute_raw(
                "INSERT INTO owner_usage (owner, records, bytes, most_records, most_bytes)"
                f" SELECT {OWNER}, count(*), coalesce(sum(size), 0), {', '.join(bounds)}"
                f" FROM video_analysis AS v WHERE {owned('v')} ON CONFLICT DO NOTHING",
                *query.args,
            )

    def _most(self, name: str) -> int:
        return self._bounds[name] or _NO_BOUND
