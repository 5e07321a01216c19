"""Rows of raw SQL as the driver has them, for programs that read many or large ones.

`query_raw` makes a dict of each row, whose bytes are base64 text, as Prisma's JSON has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..plan import JsonForm


async def fetch(client: Any, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
    """The rows of `sql`, which only reads: text, numbers and bytes as they are; what else there is,
    by its driver. `client` is of `in_process`, with the asyncio interface; in its transaction,
    where it is of one. Raises the errors of `query_raw`."""
    found: Sequence[Sequence[Any]] = await client._engine.fetch(sql, parameters, client._tx_id)
    return found


async def fetch_written(
    client: Any, sql: str, parameters: Sequence[Sequence[Any]]
) -> Sequence[Sequence[Sequence[Any]]]:
    """The same of `sql` that writes, for each of these parameters: all take effect, or none."""
    found: Sequence[Sequence[Sequence[Any]]] = await client._engine.fetch_written(
        sql, parameters, client._tx_id
    )
    return found


async def fetch_records(
    client: Any, form: JsonForm, types: Mapping[str, str], sql: str, *parameters: Any
) -> list[dict[str, Any]]:
    """The same as JSON has them: `form` names the columns of `sql`, and `types` has the type of
    each, in their order, as Prisma's plans name it ("string", "int", "float", "boolean",
    "datetime")."""
    found: list[dict[str, Any]] = await client._engine.fetch_records(
        form, types, sql, parameters, client._tx_id
    )
    return found
