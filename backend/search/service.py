"""Finding videos, as the endpoints and commands call it."""

from __future__ import annotations

from typing import Any

from backend.core.caller import acting_for
from backend.core.database import translated_errors
from backend.records import ALL, DatabaseService, Filters
from backend.search.bm25 import Hit
from backend.search.entries import make_all_entries
from backend.search.indexer import Indexers
from backend.search.searcher import SQL, Search


class SearchService:
    """The search index of `database`, kept up while that is connected."""

    def __init__(self, database: DatabaseService) -> None:
        self._reader = database.reader
        self._indexers = Indexers(database.reader, SQL[database.provider])
        self._search = Search(database.reader, self._indexers)
        database.after_write(self._indexers.record_written)
        database.before_disconnect(self._indexers.stop)

    @translated_errors
    async def search(
        self, text: str, filters: Filters = ALL, *, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """What SearchPage describes, as JSON has it."""
        async with self._reader.pages:
            return await self._search.page(text, filters, limit=limit, cursor=cursor)

    @translated_errors
    async def best(self, text: str, *, limit: int) -> list[Hit]:
        return await self._search.best(text, ALL, limit=limit)

    @translated_errors
    async def reindex(self) -> int:
        """Of all owners. How many records were indexed."""
        number = 0
        for name in await self._reader.owners():
            with acting_for(name):
                number += await make_all_entries(self._reader, SQL[self._reader.provider])
                await self._indexers.own().catch_up()
        return number

    @translated_errors
    async def is_behind(self) -> bool:
        """Whether records were written by other programs, which search does not know."""
        return await self._indexers.is_behind()
