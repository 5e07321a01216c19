"""Tables that grow faster than the database takes note of it: see the migration `grown_tables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.engine import Provider

if TYPE_CHECKING:
    from prisma import Prisma


async def analyze_grown_tables(client: Prisma, provider: Provider) -> None:
    """Between the portions of very many rows, so that statements go on by indexes. `client` may be
    a transaction. SQLite plans by its indexes alone."""
    if provider == "postgresql":
        await client.execute_raw("SELECT analyze_grown_tables()")
