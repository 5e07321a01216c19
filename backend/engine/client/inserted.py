"""Rows written past the client's models: see ../inserts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..inserts import Row, Table


async def insert(client: Any, rows: Sequence[tuple[Table, Sequence[Row]]]) -> None:
    """All rows of each table, or none, in this order; in the client's transaction, where it is of
    one. `client` is of `in_process`, with the asyncio interface. Its scope confines no rows: each
    says whose it is. Raises the errors of `create_many`."""
    await client._engine.insert(rows, client._tx_id)
