"""Rows that several requests write at the same time, written by one statement.

A statement costs the service and the database much the same whether it writes one row or ten. So
the rows that come while a statement is under way wait for its end and go in one together: the more
there is to do, the fewer statements do it, and a row that comes alone waits for nothing. Each is
answered once all of its statement are committed. Where one of them is refused, the statement has
no effect, and each is written by itself, so that it gets its own error.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from prisma.errors import DataError

from backend.core.caller import owner

RowT = TypeVar("RowT")
DoneT = TypeVar("DoneT")

_MAX_BATCH = 16

_MAX_DELAY = 0.01
"""Seconds that rows wait for the statement before theirs. It is held up then, maybe by a lock that
is none of their business."""

_OUTCOME_UNKNOWN = {
    "P1001",  # cannot be reached
    "P1008",  # timed out
    "P1017",  # connection closed
    "P2024",  # no connection of the pool became free
}
"""Prisma's codes after which a row is not tried again by itself: nobody knows whether it is
written, or it would wait as long again."""


class _Group(Generic[RowT, DoneT]):
    """Rows that one statement can write."""

    def __init__(self) -> None:
        self.waiting: list[tuple[RowT, asyncio.Future[DoneT]]] = []
        self.running = 0
        """How many statements are under way."""
        self.timer: asyncio.TimerHandle | None = None


class BatchedWrites(ABC, Generic[RowT, DoneT]):
    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group[RowT, DoneT]] = {}
        self._running: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _write(self, rows: Sequence[RowT]) -> Sequence[DoneT]:
        """By one statement. The outcome of each."""

    def _batch_size(self, waiting: int) -> int:
        """How many of so many go in one statement."""
        return min(waiting, _MAX_BATCH)

    def _add(self, kind: Hashable, row: RowT) -> asyncio.Future[DoneT]:
        """Done when the row is durable. One statement can write all rows of a kind.

        A row whose caller leaves before its statement has begun is not written. The statement
        itself is given up only where all its callers have left."""
        loop = asyncio.get_running_loop()
        group = self._groups.get(kind)
        if group is None:
            group = self._groups[kind] = _Group()
        future: asyncio.Future[DoneT] = loop.create_future()
        group.waiting.append((row, future))
        if len(group.waiting) == 1:
            if group.running:
                group.timer = loop.call_later(_MAX_DELAY, self._start, kind, group)
            else:
                # In the turn after the next, so that requests which have come meanwhile join in.
                loop.call_soon(loop.call_soon, self._start, kind, group)
        elif len(group.waiting) == _MAX_BATCH:
            self._start(kind, group)
        return future

    def _start(self, kind: Hashable, group: _Group[RowT, DoneT]) -> None:
        """Write those that wait, or as many as go in one statement."""
        if group.timer is not None:
            group.timer.cancel()
            group.timer = None
        if not group.waiting:
            return
        count = self._batch_size(len(group.waiting))
        rows, group.waiting = group.waiting[:count], group.waiting[count:]
        loop = asyncio.get_running_loop()
        if group.waiting:
            group.timer = loop.call_later(_MAX_DELAY, self._start, kind, group)
        task = loop.create_task(self._write_batch(rows))
        group.running += 1
        self._running.add(task)

        def ended(_: asyncio.Task[None]) -> None:
            self._running.discard(task)
            group.running -= 1
            if group.waiting:
                self._start(kind, group)
            elif not group.running:
                del self._groups[kind]

        def stop_if_all_have_left(left: asyncio.Future[DoneT]) -> None:
            if left.cancelled() and all(future.cancelled() for _, future in rows):
                task.cancel()

        task.add_done_callback(ended)
        for _, future in rows:
            future.add_done_callback(stop_if_all_have_left)

    async def _write_batch(self, rows: Sequence[tuple[RowT, asyncio.Future[DoneT]]]) -> None:
        rows = [one for one in rows if not one[1].done()]  # done: whoever waited has left
        if not rows:
            return
        try:
            done = await self._write([row for row, _ in rows])
        except asyncio.CancelledError:
            for _, future in rows:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  raised where the row is waited for
            if len(rows) > 1 and _is_refused(error):
                for one in rows:
                    await self._write_batch([one])
                return
            for _, future in rows:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), outcome in zip(rows, done, strict=True):
                if not future.done():
                    future.set_result(outcome)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, DataError) and error.code not in _OUTCOME_UNKNOWN


class BatchedCreates(BatchedWrites[Mapping[str, Any], None]):
    """`actions` are those of a model of the generated client, outside any transaction."""

    def __init__(self, actions: Any) -> None:
        super().__init__()
        self._actions = actions

    def create(self, row: Mapping[str, Any]) -> asyncio.Future[None]:
        """Raises what `create` of the client raises."""
        row = {name: value for name, value in row.items() if value is not None}
        return self._add((owner.get(), *row), row)

    def _batch_size(self, waiting: int) -> int:
        # A power of two: a plan for each number of rows would push out others.
        return min(1 << (waiting.bit_length() - 1), _MAX_BATCH)

    async def _write(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[None]:
        await self._actions.create_many(rows)
        return [None] * len(rows)
