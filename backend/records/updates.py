"""Changed records, many at a time: all columns of each, by one statement for all (PostgreSQL) or
one that is prepared once (SQLite), and their relations by few.

Prisma has no update of many records, each to other values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.core.owners import found_owned, owned
from backend.engine import ColumnType, Provider, fetch_written, insert, unnested
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
_GIVEN = (*_COLUMNS.values(), "of", "was")
"""The last two: which record is meant, by its id and its version."""


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
    """In the order of _GIVEN."""
    said = update.record.__dict__
    values = {
        **records.plain_columns({name: said[name] for name in (*SCALARS, "extra")}),
        "description": said["description"],
        **update.columns,
    }
    return [*(values[name] for name in _COLUMNS), update.record.id, update.where["version"]]


def _statement(new: Mapping[str, str], source: str = "") -> str:
    """`source`: where what is new comes from, if not from parameters."""
    changes = ", ".join(f'"{column}" = {new[column]}' for column in _COLUMNS.values())
    return f"""
        UPDATE "video_analysis" AS v SET {changes}{source}
        WHERE {found_owned("v")} AND v."id" = {new["of"]} AND v."version" = {new["was"]}
        RETURNING "id"
    """


def _sqlite() -> str:
    return _statement({name: f"?{n}" for n, name in enumerate(_GIVEN, start=1)})


def _postgresql() -> str:
    types: Mapping[str, ColumnType] = {**records.ROW_TYPES, "was": "int"}
    rows = unnested(types.get(name, "string") for name in _GIVEN)
    names = ", ".join(f'"{name}"' for name in _GIVEN)
    return _statement({name: f'new."{name}"' for name in _GIVEN}, f" FROM {rows} AS new({names})")


_SQL: dict[Provider, str] = {"sqlite": _sqlite(), "postgresql": _postgresql()}
