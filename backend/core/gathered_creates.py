"""Rows that several requests create at the same time, written by one statement.

A statement costs the service and the database much the same whether it inserts one row or ten. So
the rows that one turn of the event loop wants to create go in one statement: each is answered once
all of them are committed. Where one of them is refused, the statement has no effect, and each is
created by itself, to be told of its own error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prisma.errors import DataError

Row = Mapping[str, Any]
Waiting = list[tuple[Row, "asyncio.Future[None]"]]

_MOST_AT_ONCE = 16

_NO_ANSWER = {
    "P1001",  # cannot be reached
    "P1008",  # timed out
    "P1017",  # connection closed
    "P2024",  # no connection of the pool became free
}
"""Prisma's codes after which a row is not tried again by itself: nobody knows whether it is
written, or it would wait as long again."""


class GatheredCreates:
    """`actions` are those of a model of the generated client, outside any transaction."""

    def __init__(self, actions: Any) -> None:
        self._actions = actions
        self._waiting: dict[tuple[str, ...], Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    def create(self, row: Row) -> asyncio.Future[None]:
        """Done when the row is durable. Raises what `create` of the client raises.

        A row whose caller leaves before its statement has begun is not written. The statement
        itself is given up only where all its callers have left."""
        loop = asyncio.get_running_loop()
        row = {name: value for name, value in row.items() if value is not None}
        fields = tuple(row)
        waiting = self._waiting.get(fields)
        if waiting is None:
            waiting = self._waiting[fields] = []
            loop.call_soon(self._start, fields)
        future: asyncio.Future[None] = loop.create_future()
        waiting.append((row, future))
        return future

    def _start(self, fields: tuple[str, ...]) -> None:
        waiting = self._waiting.pop(fields)
        while waiting:
            # A power of two: a plan for each number of rows would push out others.
            count = min(1 << (len(waiting).bit_length() - 1), _MOST_AT_ONCE)
            self._start_together(waiting[:count])
            waiting = waiting[count:]

    def _start_together(self, rows: Waiting) -> None:
        task = asyncio.get_running_loop().create_task(self._write(rows))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

        def stop_if_all_have_left(_: asyncio.Future[None]) -> None:
            if all(future.cancelled() for _, future in rows):
                task.cancel()

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
