"""Records as JSON has them, for programs that hand them on.

The generated client makes a pydantic model of each record, which costs more than reading it. Here
a record is a dict, under the keys and in the order of a `JsonForm`, with values that JSON can hold.

    form = JsonForm({"id": "id", "createdAt": "created_at"})
    rows = await JsonRecords(db, models.User, form).find_many(take=100)
    [{"id": "c1", "created_at": "2026-03-01T09:30:00.125Z"}, ...]
"""

from __future__ import annotations

from typing import Any

from .plan import JsonForm


class JsonRecords:
    """`client` is of `in_process`, with the asyncio interface; `model` one of its model classes.

    The methods are those of the generated client, without `include`, and raise its errors."""

    def __init__(self, client: Any, model: type, form: JsonForm) -> None:
        self._client = client
        self._model = model
        self._form = form

    async def find_unique(self, where: Any) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self._call("find_unique", {"where": where})
        return found

    async def find_many(
        self,
        *,
        take: int | None = None,
        skip: int | None = None,
        where: Any = None,
        order: Any = None,
    ) -> list[dict[str, Any]]:
        arguments = {"take": take, "skip": skip, "where": where, "order_by": order}
        found: list[dict[str, Any]] = await self._call("find_many", arguments)
        return found

    async def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        client = self._client
        return await client._engine.call(
            method, arguments, self._model, None, client._tx_id, self._form
        )
