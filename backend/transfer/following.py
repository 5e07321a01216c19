"""A move that goes on after its first copy: what the change log says is changed at the source is
copied anew, record by record, until the cutover. That

    1  follows up to now, and compares all tables: what the log does not name, such as keys, comes
       as the source has it,
    2  makes the source refuse writes (refusing.py),
    3  follows to the end of the log, and compares all tables again,
    4  lets the target take writes.

Each portion is a transaction of the target, which remembers how far it has come (`change_move`): a
move that was killed goes on from there. Until its end the target refuses writes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from backend.engine.datasource import provider_of
from backend.transfer.archive import Row
from backend.transfer.comparing import Differences, Sums
from backend.transfer.errors import BackupError
from backend.transfer.log_order import LOG, LogOrder, is_of_log
from backend.transfer.moving import (
    Moved,
    Progress,
    moved,
    portions_of,
    refuse_missing,
    refuse_one_for_both,
    sums_of,
)
from backend.transfer.refusing import close, move_into, open_again, take_writes
from backend.transfer.replacing import file_of, go_on, parents_first, refuse_late
from backend.transfer.tables import Column, RowReader, Table, last_migration, portable_tables
from backend.transfer.targets import Place, PostgreSQLTarget, Target
from backend.transfer.whole import At, Snapshot, size_of, snapshot_of, whole_database

_RECORDS = "video_analysis"
_OF_RECORD = "analysis_id"
"""The column of the tables that have parts of a record."""
_NAMES = {"video_tag": ("tag", "tag_name"), "video_person": ("person", "person_name")}
"""The tables whose rows name one of another, and their column that does."""

_FIRST_CHANGES, _MOST_CHANGES = 50, 1_000
_MOST_BYTES = 4 * 2**20
"""Of the records that one transaction brings, about."""
_KEYS_AT_ONCE = 200
_PAUSE_SECONDS = 0.5
_ROUNDS = 3
"""Of comparing, at most: what was brought because it differed is looked at again."""


class TakenOver(Exception):
    """Another process goes on with the move."""


@dataclass(slots=True)
class _Changes:
    """What a portion of the change log says is changed, as the source has it now."""

    log: list[Row]
    names: list[list[str]]
    """Owner and video_id of each record."""
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """By table."""

    @property
    def size(self) -> int:
        return sum(sum(map(size_of, rows)) for rows in (self.log, *self.rows.values()))


class Following:
    """From `source` into `target`, in which a copy is already. `begin` comes first."""

    def __init__(self, source: Place, target: Place, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._holder = secrets.token_hex(8)
        self._limit = _FIRST_CHANGES
        self._tables: list[Table] = []
        """Of the target, in an order in which their rows can be inserted."""
        self._order = LogOrder(target.provider)
        self._at = At(0, 0)

    async def begin(self) -> None:
        """From now on it goes on in this process. Raises BackupError."""
        client: Any = self._target.database.client
        if await move_into(client, self._target.provider) is None:
            raise BackupError(
                "No move into the target is under way: --follow begins one. Where it was brought "
                "to its end, point DATABASE_URL at the target"
            )
        self._tables = await portable_tables(client, self._target.provider)
        if self._target.provider == "postgresql":
            self._tables = await parents_first(client, self._tables)
        async with snapshot_of(self._source.database) as snapshot:
            if snapshot.migration != await last_migration(client):
                raise BackupError("The source and the target are not of the same migration")
            async with self._target.transaction() as target:
                await target.execute(
                    f"UPDATE change_move SET holder = '{self._holder}' WHERE role = 'target'"
                )
                [row] = await target.query(
                    "SELECT xid, number FROM change_move WHERE role = 'target'"
                )
            self._at = At(int(row["xid"]), int(row["number"]))
            self._order = await self._order_of(snapshot, self._at)

    async def follow(self) -> None:
        """Until it is cancelled. Raises TakenOver, BackupError."""
        while True:
            await self.catch_up()
            found = await move_into(self._target.database.client, self._target.provider)
            if found is None or found["holder"] != self._holder:
                raise TakenOver
            await asyncio.sleep(_PAUSE_SECONDS)

    async def catch_up(self, *, settled_only: bool = True) -> None:
        """Up to the end of the log as it is now. Raises TakenOver, BackupError."""
        end: At | None = None
        while end is None or self._at < end:
            async with snapshot_of(self._source.database, settled_only=settled_only) as snapshot:
                end = end or await snapshot.reached()
                log = await self._next_rows(snapshot)
                if not log:
                    return
                changes = await _changes_of(log, snapshot)
            await self._follow_one(changes)

    async def _follow_one(self, changes: _Changes) -> None:
        log = changes.log
        at = At(log[-1].get("xid") or 0, log[-1]["number"])
        async with self._transaction() as target:
            await self._bring(changes, target)
            await _remember(target, at)
        self._at = at
        fitting = len(log) * _MOST_BYTES // max(changes.size, 1)
        self._limit = max(1, min(_MOST_CHANGES, 2 * self._limit, fitting))
        self._progress.count(LOG, len(log))

    async def _next_rows(self, snapshot: Snapshot) -> list[Row]:
        after, key = f"t.number > {self._at.number}", "t.number"
        if snapshot.provider == "postgresql":
            after = f"(t.xid, t.number) > ('{self._at.xid}'::xid8, {self._at.number})"
            key = "t.xid, t.number"
        return await snapshot.reader(LOG).select(
            f"WHERE {after} AND {snapshot.seen(LOG)} ORDER BY {key} LIMIT {self._limit}"
        )

    async def _bring(self, changes: _Changes, target: Target) -> None:
        tables = {table.name: table for table in self._tables}
        records = tables[_RECORDS]
        # With all that is part of them.
        await target.delete(records, _columns(records, "owner", "video_id"), changes.names)
        ids = [[row["id"]] for row in changes.rows[_RECORDS]]
        await target.delete(records, _columns(records, "id"), ids)
        for table in self._tables:
            if rows := changes.rows.get(table.name):
                await target.replace(table, rows)
        for row in changes.log:
            self._order.settle(LOG, row)
        await target.insert(tables[LOG], changes.log)

    @asynccontextmanager
    async def _transaction(self, *, triggers: bool = False) -> AsyncIterator[Target]:
        """Of the target, as long as it goes on here. Raises TakenOver."""
        async with self._target.transaction(triggers=triggers) as target:
            # Whoever takes over waits for this portion: on SQLite the transaction has the lock.
            locked = " FOR UPDATE" if isinstance(target, PostgreSQLTarget) else ""
            found = await target.query(
                f"SELECT holder FROM change_move WHERE role = 'target'{locked}"
            )
            if [row["holder"] for row in found] != [self._holder]:
                raise TakenOver
            yield target
            if isinstance(target, PostgreSQLTarget):
                await refuse_late(target.transaction, self._order)

    async def _order_of(self, snapshot: Snapshot, upto: At | None = None) -> LogOrder:
        """Of the rows of the source's log that the snapshot has, up to that one."""
        order = LogOrder(self._target.provider)
        if snapshot.provider == "sqlite":  # there it is the order of the numbers
            return order
        key = snapshot.tables[LOG].key
        where = snapshot.seen(LOG)
        if upto is not None:
            where += f" AND (t.xid, t.number) <= ('{upto.xid}'::xid8, {upto.number})"
        reader = RowReader(snapshot.client, snapshot.provider, Table(LOG, key, key))
        async for rows in reader.portions(where=where):
            for row in rows:
                order.goes_on(row["xid"], row["number"])
            reader.was_written(len(rows), 1)
        return order

    # Comparing

    async def compare(self, snapshot: Snapshot, *, rounds: int = 1) -> dict[str, Sums]:
        """Make the target what the snapshot is, in all that differs; and look again, where there
        are several rounds. Of the source. Raises TakenOver, BackupError: it differs still."""
        self._progress.begin("comparing")
        order = await self._order_of(snapshot)
        here = {table.name: Sums(table) for table in self._tables}

        async def sum_source() -> None:
            for table in self._tables:
                if is_of_log(table.name):
                    async for _, rows in _rows_of(snapshot, table, order):
                        here[table.name].add(rows)
                else:
                    here[table.name] = await sums_of(snapshot.client, snapshot.provider, table)

        _, there = await asyncio.gather(sum_source(), self._sums(self._tables))
        for number in range(rounds):
            parts = {
                name: differing
                for name, each in here.items()
                if (differing := each.differing(there[name]))
            }
            if not parts:
                break
            if number == _ROUNDS - 1:
                raise BackupError(f"These tables differ still: {', '.join(sorted(parts))}")
            tables = [table for table in self._tables if table.name in parts]
            await self._bring_differences(snapshot, order, tables, parts)
            if rounds > 1:
                there |= await self._sums(tables)
        self._order = order
        return here

    async def _sums(self, tables: Sequence[Table]) -> dict[str, Sums]:
        client, provider = self._target.database.client, self._target.provider
        return {
            table.name: await sums_of(client, provider, table, self._progress) for table in tables
        }

    async def _bring_differences(
        self,
        snapshot: Snapshot,
        order: LogOrder,
        tables: Sequence[Table],
        parts: dict[str, set[int]],
    ) -> None:
        client, provider = self._target.database.client, self._target.provider
        found = {
            table.name: await Differences.of(
                Sums(table),
                parts[table.name],
                there=portions_of(client, provider, table),
                here=_rows_of(snapshot, table, order),
            )
            for table in tables
        }
        at = await snapshot.reached()
        async with self._transaction() as target:
            for table in reversed(tables):
                for keys in _some(found[table.name].extra):
                    await target.delete(table, table.key, keys)
            for table in tables:
                key = snapshot.tables[table.name].key
                for keys in _some(found[table.name].wanted):
                    rows = await snapshot.reader(table.name).of(key, keys)
                    for row in rows:
                        order.translate(table.name, row)
                    await target.replace(table, rows)
            await _remember(target, at)
        self._at = at

    # The cutover

    async def cut_over(self) -> Moved:
        """Raises TakenOver, BackupError: then the source takes writes as before, unless another
        process goes on."""
        self._progress.begin("following")
        await self.catch_up()
        async with snapshot_of(self._source.database, settled_only=True) as snapshot:
            await self.compare(snapshot)
        self._progress.begin("following")
        await self.catch_up()
        began = monotonic()
        try:
            await close(self._source, self._holder)
            await self.catch_up(settled_only=False)
            async with snapshot_of(self._source.database) as snapshot:
                sums = await self.compare(snapshot, rounds=_ROUNDS)
            async with self._transaction(triggers=True) as target:
                if isinstance(target, PostgreSQLTarget):
                    await go_on(target.transaction)
                await take_writes(target, self._target.provider, self._tables)
        except BaseException:
            await open_again(self._source, self._holder)
            raise
        return moved(
            self._source.provider,
            self._target.provider,
            sums,
            self._order,
            stood_still=monotonic() - began,
        )


async def _remember(target: Target, at: At) -> None:
    await target.execute(
        f"UPDATE change_move SET xid = {at.xid}, number = {at.number} WHERE role = 'target'"
    )


async def _changes_of(log: list[Row], snapshot: Snapshot) -> _Changes:
    named = {(row["owner"], row["name"]): None for row in log if row["kind"] == "video"}
    changes = _Changes(log, [list(each) for each in named])

    async def read(name: str, columns: Sequence[str], values: list[list[Any]]) -> list[Row]:
        of = _columns(snapshot.tables[name], *columns)
        changes.rows[name] = await snapshot.reader(name).of(of, values)
        return changes.rows[name]

    records = await read(_RECORDS, ("owner", "video_id"), changes.names)
    ids = [[row["id"]] for row in records]
    for name, table in snapshot.tables.items():
        if any(column.name == _OF_RECORD for column in table.columns):
            await read(name, (_OF_RECORD,), ids)
    for name, (of, column) in _NAMES.items():
        keys = {(row["owner"], row[column]): None for row in changes.rows[name]}
        await read(of, ("owner", "name"), [list(each) for each in keys])
    return changes


async def _rows_of(
    snapshot: Snapshot, table: Table, order: LogOrder
) -> AsyncIterator[tuple[list[list[Any]], list[Row]]]:
    """Of the source: their keys there, and the rows as the target is to have them."""
    key = [column.name for column in snapshot.tables[table.name].key]
    async for rows in snapshot.portions(table.name):
        keys = [[row[name] for name in key] for row in rows]
        for row in rows:
            order.translate(table.name, row)
        yield keys, rows


def _columns(table: Table, *names: str) -> list[Column]:
    by_name = {column.name: column for column in table.columns}
    return [by_name[name] for name in names]


def _some(keys: Sequence[list[Any]]) -> Iterator[list[list[Any]]]:
    left = iter(keys)
    while some := list(islice(left, _KEYS_AT_ONCE)):
        yield some


@asynccontextmanager
async def move_under_way(
    source: str, target: str, *, schema: Path, progress: Progress
) -> AsyncIterator[Following]:
    """Begun in this process. Raises BackupError, OSError."""
    refuse_one_for_both(source, target, schema)
    async with _place(source, schema) as reading, _place(target, schema) as writing:
        move = Following(reading, writing, progress)
        await move.begin()
        yield move


async def reopen(url: str, *, schema: Path) -> None:
    """Let a database take writes that was made to refuse them as the source of a move. Raises
    BackupError."""
    async with _place(url, schema) as place:
        await open_again(place, None)


@asynccontextmanager
async def _place(url: str, schema: Path) -> AsyncIterator[Place]:
    refuse_missing(url, schema)
    file = file_of(url, schema) if provider_of(url) == "sqlite" else None
    async with whole_database(url) as database:
        yield Place(database, file)
