"""What the index is to hold of a record, made anew from the record: where a write has only marked
that it must be (ENTRY_TO_MAKE), and for all records where other programs wrote them or there was no
index. The service may run meanwhile."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from prisma.errors import DataError

from backend.core.database import is_deadlock
from backend.core.threads import WORTH_A_THREAD, GoOn, Stopped, in_thread
from backend.records import Reader, RecordJson, index_entry_of, record_of

logger = logging.getLogger(__name__)

_AT_ONCE = 100
_MOST_CHARACTERS = 500_000
"""Of the texts that are in memory together, unless one record has more: 0.2 s of work."""
_UNREADABLE = "P2023"


async def make_marked_entries(reader: Reader, sql: ModuleType) -> None:
    """Of all records that are marked when this is called, at least."""
    while marked := await _query(reader, sql.MARKED, _AT_ONCE):
        await _make_entries(reader, sql, marked)


async def make_all_entries(reader: Reader, sql: ModuleType) -> int:
    """Of how many records."""
    number, after = 0, ""
    while following := await _query(reader, sql.FOLLOWING, after, _AT_ONCE):
        await _make_entries(reader, sql, following)
        number += len(following)
        after = following[-1]["id"]
    return number


async def _make_entries(reader: Reader, sql: ModuleType, rows: Sequence[Any]) -> None:
    for group in _groups(rows):
        await _make_group(reader, sql, group)


async def _make_group(reader: Reader, sql: ModuleType, rows: Sequence[Any]) -> None:
    """A record that changes meanwhile keeps its mark, or gets its entry from whoever changes it."""
    stamps = {row["id"]: row["stamp"] for row in rows}
    try:
        found = await reader.rows.find_many(where={"id": {"in": list(stamps)}})
        records = await reader.answers(found)
        if sum(int(row["characters"]) for row in rows) > WORTH_A_THREAD:
            entries = await in_thread(lambda go_on: list(_entries(records, go_on)))
        else:
            entries = list(_entries(records))
        made = [[id_, stamps[id_], entry] for id_, entry in entries]
        await reader.client.execute_raw(sql.STORE_ENTRIES, json.dumps(made))
    except (DataError, TypeError, ValueError) as error:
        code = getattr(error, "code", _UNREADABLE)
        if isinstance(error, DataError) and is_deadlock(error):
            return  # with a rename, which marks them again
        if code != _UNREADABLE:
            raise
        if len(rows) > 1:
            for row in rows:
                await _make_group(reader, sql, [row])
            return
        [row] = rows
        logger.warning("Search leaves out a record that cannot be read: %s", error)
        await reader.client.execute_raw(sql.NO_ENTRY, row["id"], row["stamp"])


def _entries(
    records: Sequence[RecordJson], go_on: GoOn = lambda: True
) -> Iterator[tuple[str, str]]:
    for record in records:
        if not go_on():
            raise Stopped
        yield record["id"], index_entry_of(record_of(record))


def _groups(rows: Sequence[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    characters = 0
    for row in rows:
        if group and characters + int(row["characters"]) > _MOST_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(row)
        characters += int(row["characters"])
    if group:
        yield group


async def _query(reader: Reader, sql: str, *args: Any) -> list[Any]:
    rows: Any = await reader.client.query_raw(sql, *args)
    return list(rows)
