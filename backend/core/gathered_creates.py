"""Rows that several requests create at the same time, written by one statement.

A statement costs the service and the database much the same whether it inserts one row or ten. So
the rows that come while a statement is under way wait for its end and go in one together: the more
there is to do, the fewer statements do it, and a row that comes alone waits for nothing. Each is
answered once all of its statement are committed. Where one of them is refused, the statement has
no effect, and each is created by itself, to be told of its own error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prisma.errors import DataError

Row = Mapping[str, Any]
Waiting = list[tuple[Row, "asyncio.Future[None]"]]

_MOST_AT_ONCE = 16

_PATIENCE = 0.01
"""Seconds that rows wait for the statement before theirs. It is held up then, maybe by a lock that
is none of their business."""

_NO_ANSWER = {
    "P1001",  # cannot be reached
    "P1008",  # timed out
    "P1017",  # connection closed
    "P2024",  # no connection of the pool became free
}
"""Prisma's codes after which a row is not tried again by itself: nobody knows whether it is
written, or it would wait as long again."""


class _Group:
    """Rows of the same fields, so that one statement can insert them."""

    def __init__(self) -> None:
        self.waiting: Waiting = []
        self.running = 0
        """How many statements are under way."""
        self.timer: asyncio.TimerHandle | None = None


class GatheredCreates:
    """`actions` are those of a model of the generated client, outside any transaction."""

    def __init__(self, actions: Any) -> None:
        self._actions = actions
        self._groups: dict[tuple[str, ...], _Group] = {}
        self._running: set[asyncio.Task[None]] = set()

    def create(self, row: Row) -> asyncio.Future[None]:
        """Done when the row is durable. Raises what `create` of the client raises.

        A row whose caller leaves before its statement has begun is not written. The statement
        itself is given up only where all its callers have left."""
        loop = asyncio.get_running_loop()
        row = {name: value for name, value in row.items() if value is not None}
        fields = tuple(row)
        group = self._groups.get(fields)
        if group is None:
            group = self._groups[fields] = _Group()
        future: asyncio.Future[None] = loop.create_future()
        group.waiting.append((row, future))
        if len(group.waiting) == 1:
            if group.running:
                group.timer = loop.call_later(_PATIENCE, self._start, fields, group)
            else:
                # In the turn after the next, so that requests which have come meanwhile join in.
                loop.call_soon(loop.call_soon, self._start, fields, group)
        elif len(group.waiting) == _MOST_AT_ONCE:
            self._start(fields, group)
        return future

    def _start(self, fields: tuple[str, ...], group: _Group) -> None:
        """Write those that wait, or as many as go in one statement."""
        if group.timer is not None:
            group.timer.cancel()
            group.timer = None
        if not group.waiting:
            return
        # A power of two: a plan for each number of rows would push out others.
        count = min(1 << (len(group.waiting).bit_length() - 1), _MOST_AT_ONCE)
        rows, group.waiting = group.waiting[:count], group.waiting[count:]
        loop = asyncio.get_running_loop()
        if group.waiting:
            group.timer = loop.call_later(_PATIENCE, self._start, fields, group)
        task = loop.create_task(self._write(rows))
        group.running += 1
        self._running.add(task)

        def ended(_: asyncio.Task[None]) -> None:
            self._running.discard(task)
            group.running -= 1
            if group.waiting:
                self._start(fields, group)
            elif not group.running:
                del self._groups[fields]

        def stop_if_all_have_left(left: asyncio.Future[None]) -> None:
            if left.cancelled() and all(future.cancelled() for _, future in rows):
                task.cancel()

        task.add_done_callback(ended)
        for _, future in rows:
            future.add_done_callback(stop_if_all_have_left)

    async def _write(self, rows: Waiting) -> None:
        rows = [one for one in rows if not one[1].done()]  # done: whoever waited has left
        if not rows:
            return
        try:
            await self._actions.create_many([row for row, _ in rows])
        except asyncio.CancelledError:
            for _, future in rows:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  raised where the row is waited for
            if len(rows) > 1 and _is_refused(error):
                for one in rows:
                    await self._write([one])
                return
            for _, future in rows:
                if not future.done():
                    future.set_exception(error)
        else:
            for _, future in rows:
                if not future.done():
                    future.set_result(None)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, DataError) and error.code not in _NO_ANSWER
