"""What the two databases write differently of the tables `twelvelabs_*`, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from backend.engine import Provider
from backend.records import Conditions

NOW: Mapping[Provider, str] = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)",
}
"""Milliseconds since 1970, by the database's clock, which all processes share."""

TODAY: Mapping[Provider, str] = {
    "sqlite": "strftime('%Y-%m-%d', 'now')",
    "postgresql": "to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
"""The day, UTC."""


def rows_of(query: Conditions, rows: Any, columns: Mapping[str, str]) -> str:
    """A table of these rows, each an object; `columns`: the SQL type of each member."""
    given = query.bind(orjson.dumps(rows).decode())
    if query.provider == "sqlite":
        members = ", ".join(
            f"CAST(value ->> '{name}' AS {'INTEGER' if kind == 'bigint' else kind}) AS {name}"
            for name, kind in columns.items()
        )
        return f"(SELECT {members} FROM json_each({given}))"
    members = ", ".join(
        f"{name} {'double precision' if kind == 'real' else kind}" for name, kind in columns.items()
    )
    return f"(SELECT * FROM json_to_recordset({given}::json) AS r({members}))"
