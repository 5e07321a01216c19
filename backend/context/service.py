"""Descriptions for a conversation, as the endpoint calls it."""

from __future__ import annotations

from backend.context import pack
from backend.core.database import translated_errors
from backend.core.threads import in_thread
from backend.models.context import ContextPack, ContextRequest
from backend.records import DatabaseService, record_of
from backend.search import SearchService

MOST_IN_CONTEXT = 50


class ContextService:
    def __init__(self, database: DatabaseService, search: SearchService) -> None:
        self._reader = database.reader
        self._search = search

    @translated_errors
    async def pack(self, request: ContextRequest) -> ContextPack:
        hits = pack.wanted(request.hits or [])
        if request.query is not None:
            best = await self._search.best(request.query, limit=MOST_IN_CONTEXT)
            hits = [pack.Wanted(hit.video_id, [], hit.score) for hit in best]
        async with self._reader.pages:
            # What does not fit in a response would not fit in any context either.
            found, _ = await self._reader.by_video_ids([hit.video_id for hit in hits])
            videos = {id_: record_of(stored) for id_, stored in found.items()}
            return await in_thread(
                lambda goes_on: pack.pack(
                    hits,
                    videos,
                    max_tokens=request.max_tokens,
                    form=request.format,
                    goes_on=goes_on,
                )
            )
