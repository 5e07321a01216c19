"""Records as JSON has them, for programs that hand them on.

The generated client makes a pydantic model of each record, which costs more than reading it. Here
a record is a dict, under the keys and in the order of a `JsonForm`, with values that JSON can hold.

    form = JsonForm({"id": "id", "createdAt": "created_at"})
    rows = await JsonRecords(db, models.User, form).find_many(take=100)
    [{"id": "c1", "created_at": "2026-03-01T09:30:00.125Z"}, ...]

As Prisma Client for TypeScript does, `find_unique` gathers the calls of one turn of the event loop
and asks for all their records in one query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

from ..plan import JsonForm

Record = dict[str, Any]
Waiting = dict[str, list["asyncio.Future[Record | None]"]]
"""Who waits for the record of each value."""


class _Key(NamedTuple):
    """A unique key, but for the value of its last field."""

    name: str
    """Of the field, or of the compound key."""
    field: str
    others: tuple[tuple[str, Any], ...] = ()
    """The values of the other fields of a compound key."""

    def where(self, value: str) -> dict[str, Any]:
        if not self.others:
            return {self.name: value}
        return {self.name: {**dict(self.others), self.field: value}}


_MOST_AT_ONCE = 64


class JsonRecords:
    """`client` is of `in_process`, with the asyncio interface; `model` one of its model classes.

    The methods are those of the generated client, without `include`, and raise its errors."""

    def __init__(self, client: Any, model: type, form: JsonForm) -> None:
        self._client = client
        self._model = model
        self._form = form
        # What it does not name need not be read.
        self._selection = [name for name in form.keys if name not in form.lists]
        self._waiting: dict[_Key, Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def find_unique(self, where: Mapping[str, Any]) -> Record | None:
        if len(where) == 1 and self._client._tx_id is None:
            [(name, value)] = where.items()
            others: tuple[tuple[str, Any], ...] = ()
            field = name
            if isinstance(value, dict) and value:
                *others_given, (field, value) = value.items()
                others = tuple(others_given)
            if isinstance(value, str) and field in self._form.keys:
                return await self._gathered(_Key(name, field, others), value)
        return await self._find_unique(where)

    async def find_many(
        self,
        *,
        take: int | None = None,
        skip: int | None = None,
        where: Any = None,
        order: Any = None,
    ) -> list[Record]:
        arguments = {"take": take, "skip": skip, "where": where, "order_by": order}
        found: list[Record] = await self._call("find_many", arguments)
        return found

    async def _find_unique(self, where: Mapping[str, Any]) -> Record | None:
        found: Record | None = await self._call("find_unique", {"where": where})
        return found

    async def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        client = self._client
        return await client._engine.call(
            method, arguments, self._model, self._selection, client._tx_id, self._form
        )

    # Gathering

    def _gathered(self, key: _Key, value: str) -> asyncio.Future[Record | None]:
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(key)
        if waiting is None or len(waiting) == _MOST_AT_ONCE:
            waiting = self._waiting[key] = {}
            # In the turn after the next, so that requests which have come meanwhile join in.
            loop.call_soon(loop.call_soon, self._start, key, waiting)
        future: asyncio.Future[Record | None] = loop.create_future()
        waiting.setdefault(value, []).append(future)
        return future

    def _start(self, key: _Key, waiting: Waiting) -> None:
        if self._waiting.get(key) is waiting:
            del self._waiting[key]
        task = asyncio.get_running_loop().create_task(self._answer(key, waiting))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, key: _Key, waiting: Waiting) -> None:
        try:
            found = await self._find_each(key, list(waiting))
        except asyncio.CancelledError:
            for future in chain.from_iterable(waiting.values()):
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  raised where the record is waited for
            if len(waiting) == 1:
                for future in chain.from_iterable(waiting.values()):
                    if not future.done():
                        future.set_exception(error)
                return
            # One value may be to blame: each is asked for by itself, and told of its own error.
            for value, futures in waiting.items():
                await self._answer(key, {value: futures})
        else:
            for value, futures in waiting.items():
                record = found.get(value)
                for future in futures:
                    if not future.done():
                        future.set_result(None if record is None else record.copy())

    async def _find_each(self, key: _Key, values: list[str]) -> dict[str, Record | None]:
        if len(values) == 1:
            return {values[0]: await self._find_unique(key.where(values[0]))}
        name = self._form.keys[key.field]
        where = {**dict(key.others), key.field: {"in": values}}
        records = await self.find_many(where=where)
        found: dict[str, Record | None] = {record[name]: record for record in records}
        missing = [value for value in values if value not in found]
        if missing:
            # There are none, or the column compares in another way than Python (citext, NOCASE).
            each = [self._find_unique(key.where(value)) for value in missing]
            found.update(zip(missing, await asyncio.gather(*each), strict=True))
        return found
