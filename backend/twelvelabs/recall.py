"""Moments that answer a question: of Twelve Labs' search and of our own, asked at once.

Ours always answers. Twelve Labs' has a second, or what the settings say, and what it has not said
by then is left out; the answer says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from html import escape
from time import monotonic
from typing import Any, Literal

from backend.core.database import translated_errors
from backend.core.logs import RareWarning
from backend.records import DatabaseService
from backend.search import SearchService
from backend.twelvelabs.client import LARGEST_PAGE
from backend.twelvelabs.errors import RateLimited, TwelveLabsError
from backend.twelvelabs.index import Index
from backend.twelvelabs.moments import Found, Moment, Span, fused
from backend.twelvelabs.wire import Clip

logger = logging.getLogger(__name__)

Answered = Literal["ok", "unavailable", "limited", "off"]

ASKED_AT_ONCE = 8
"""Searches of Twelve Labs that are waited for at the same time; for more it counts as limited."""
LONGEST_SNIPPET = 500
DEEPEST = 50
"""How many videos our own search gives to be joined, at most; Twelve Labs' has pages of as many
clips."""


class RecallService:
    """`seconds`: for how long Twelve Labs is waited for."""

    def __init__(
        self, database: DatabaseService, search: SearchService, index: Index, *, seconds: float
    ) -> None:
        self._reader = database.reader
        self._search = search
        self._index = index
        self._seconds = seconds
        self._asked = 0
        self._does_not_answer = RareWarning(logger, "Recall without Twelve Labs: %s")

    @translated_errors
    async def recall(self, query: str, *, limit: int) -> dict[str, Any]:
        """What Recall describes, as JSON has it."""
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self._ask(query))
            page = await self._search.search(query, limit=min(2 * limit, DEEPEST))
        answered, clips = asking.result()
        results = page["results"]
        of_descriptions = [found for result in results for found in _found_by_words(result)]
        of_index = [_found_by_index(clip) for clip in clips if _is_id(clip.video_id)]
        moments = fused([of_index, of_descriptions])[:limit]
        records = {result["video_id"]: result["analysis"] for result in results}
        unknown = dict.fromkeys(m.video_id for m in moments if m.video_id not in records)
        if unknown:
            async with self._reader.pages:
                found, _ = await self._reader.by_video_ids(unknown)
            records |= found
        return {
            "moments": [_shown(moment, records.get(moment.video_id)) for moment in moments],
            "count": len(moments),
            "sources": {"twelvelabs": answered, "descriptions": "ok"},
        }

    async def _ask(self, query: str) -> tuple[Answered, Sequence[Clip]]:
        client = self._index.own()
        if client is None:
            return "off", []
        if self._asked >= ASKED_AT_ONCE:
            return "limited", []
        self._asked += 1
        try:
            async with asyncio.timeout(self._seconds):
                return "ok", await client.search(query, LARGEST_PAGE, patience=self._seconds)
        except RateLimited:
            return "limited", []
        except TimeoutError:
            self._does_not_answer.log(monotonic(), f"no answer in {self._seconds:g} seconds")
        except TwelveLabsError as error:
            self._does_not_answer.log(monotonic(), error)
        finally:
            self._asked -= 1
        return "unavailable", []


def _is_id(text: str) -> bool:
    """Whether a database may be asked for it."""
    return len(text) <= 255 and text.isprintable()


def _found_by_index(clip: Clip) -> Found:
    said = clip.transcription and escape(clip.transcription[:LONGEST_SNIPPET])
    span = Span(clip.start, clip.end) if clip.end > clip.start else None
    return Found("twelvelabs", clip.video_id, span, said, clip.thumbnail_url)


def _found_by_words(result: dict[str, Any]) -> list[Found]:
    """Its segments with the words, the best first; or else the whole video."""
    id_ = result["video_id"]
    return [
        Found("descriptions", id_, Span(each["start"], each["end"]), each["snippet"])
        for each in result["segments"]
    ] or [Found("descriptions", id_, None, result["snippet"])]


def _shown(moment: Moment, record: dict[str, Any] | None) -> dict[str, Any]:
    thumbnails = [reason.found.thumbnail_url for reason in moment.reasons]
    return {
        "video_id": moment.video_id,
        "start": moment.span.start if moment.span else None,
        "end": moment.span.end if moment.span else None,
        "score": round(moment.score, 6),
        "why": [
            {
                "source": reason.searcher,
                "rank": reason.rank,
                "snippet": reason.found.snippet,
            }
            for reason in moment.reasons
        ],
        "thumbnail_url": next(filter(None, thumbnails), None),
        "analysis": record,
    }
