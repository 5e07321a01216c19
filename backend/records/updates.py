"""Changed records, many at a time: all columns of each, by one statement for all (PostgreSQL) or
one that is prepared once (SQLite), and their relations by few.

Prisma has no update of many records, each to other values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.core.owners import found_owned, owned
from backend.engine import Provider, fetch_written, insert
from backend.models.metadata import SCALARS
from backend.records import record as records
from backend.records.filter_sql import Conditions
from backend.records.inserts import COLUMN_OF, related
from backend.records.rows import Update
from backend.records.versions import each_of

if TYPE_CHECKING:
    from prisma import Prisma

_FIXED = ("id", "videoId", "createdAt")
_COLUMNS = {name: column for name, column in COLUMN_OF.items() if name not in _FIXED}
_TYPES: Mapping[str, str] = {
    "updated_at": "timestamp",
    "version": "bigint",
    "age": "integer",
    "duration": "double precision",
    "has_relations": "boolean",
    "size": "integer",
}
"""PostgreSQL's, of the columns that are no text."""


async def update_records(
    transaction: Prisma, provider: Provider, updates: Sequence[Update]
) -> bool:
    """With their relations; no record twice. Whether all were still as they were read. Their tags
    and people have rows of their own already."""
    rows = [_row(update) for update in updates]
    if provider == "sqlite":
        written = await fetch_written(transaction, _SQL[provider], rows)
        changed = sum(map(len, written))
    else:
        [found] = await fetch_written(
            transaction, _SQL[provider], [[list(column) for column in zip(*rows, strict=True)]]
        )
        changed = len(found)
    if changed != len(updates):
        return False
    for name in records.RELATIONS:
        await _replace(transaction, provider, name, [u for u in updates if name in u.relations])
    return True


async def _replace(
    transaction: Prisma, provider: Provider, name: str, updates: Sequence[Update]
) -> None:
    if not updates:
        return
    table, rows = related(name, [(u.record.id, u.record.created_at, u.record) for u in updates])
    query = Conditions(provider)
    of_these = each_of(query, [update.record.id for update in updates])
    await transaction.execute_raw(
        f"DELETE FROM {table.name} AS r WHERE {owned('r')}"
        f" AND r.analysis_id IN (SELECT value FROM {of_these})",
        *query.args,
    )
    if rows:
        await insert(transaction, [(table, rows)])


def _row(update: Update) -> list[Any]:
    """In the order of _COLUMNS, and then what tells which record is meant."""
    said = update.record.__dict__
    values = {
        **records.plain_columns({name: said[name] for name in (*SCALARS, "extra")}),
        "description": said["description"],
        **update.columns,
    }
    return [*(values[name] for name in _COLUMNS), update.record.id, update.where["version"]]


def _statement(new: Mapping[str, str], source: str, id_: str, version: str) -> str:
    changes = ", ".join(f'"{column}" = {new[column]}' for column in _COLUMNS.values())
    return f"""
        UPDATE "video_analysis" AS v SET {changes}{source}
        WHERE {found_owned("v")} AND v."id" = {id_} AND v."version" = {version} RETURNING v."id"
    """


def _sqlite() -> str:
    new = {column: f"?{n}" for n, column in enumerate(_COLUMNS.values(), start=1)}
    return _statement(new, "", f"?{len(new) + 1}", f"?{len(new) + 2}").replace(
        'RETURNING v."id"', 'RETURNING "id"'
    )


def _postgresql() -> str:
    columns = [*_COLUMNS.values(), "id", "was"]
    types = {"was": "bigint", **_TYPES}
    arrays = [f"${n}::{types.get(name, 'text')}[]" for n, name in enumerate(columns, start=1)]
    names = ", ".join(f'"{name}"' for name in columns)
    source = f" FROM unnest({', '.join(arrays)}) AS new({names})"
    new = {column: f'new."{column}"' for column in columns}
    return _statement(new, source, new["id"], new["was"])


_SQL: dict[Provider, str] = {"sqlite": _sqlite(), "postgresql": _postgresql()}
