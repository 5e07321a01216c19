"""Records, read as they are answered: the rows of video_analysis, completed by their relations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson

from backend.engine import JsonRecords, Provider
from backend.records.record import JSON_FORM, RecordJson

if TYPE_CHECKING:
    from prisma import Prisma

# One row for all, with the JSON of each record between separators, which JSON escapes: rows of
# tags, people and segments cost several times as much, and one text of JSON would be parsed without
# a pause. Times as text, because JSON has 15 digits of a number from SQLite, and no ".0" from
# PostgreSQL.
RELATED: dict[Provider, str] = {
    "sqlite": """
        SELECT group_concat(json_array(
            v.value,
            json((SELECT json_group_array(tag_name) FROM (
                SELECT tag_name FROM video_tag WHERE analysis_id = v.value ORDER BY position))),
            json((SELECT json_group_array(person_name) FROM (
                SELECT person_name FROM video_person WHERE analysis_id = v.value
                ORDER BY position))),
            json((SELECT json_group_array(json_array(quote("start"), quote("end"), text)) FROM (
                SELECT "start", "end", text FROM segment WHERE analysis_id = v.value
                ORDER BY position)))
        ), char(30)) AS related FROM json_each(?) AS v
    """,
    "postgresql": """
        SELECT string_agg(json_build_array(
            v.id,
            (SELECT json_agg(tag_name ORDER BY position) FROM video_tag WHERE analysis_id = v.id),
            (SELECT json_agg(person_name ORDER BY position) FROM video_person
                WHERE analysis_id = v.id),
            (SELECT json_agg(json_build_array("start"::text, "end"::text, text) ORDER BY position)
                FROM segment WHERE analysis_id = v.id)
        )::text, chr(30)) AS related FROM json_array_elements_text($1::json) AS v(id)
    """,
}
_SEPARATOR = "\x1e"
PAGES_AT_ONCE = 8
"""Pages that are read and written as JSON at the same time; others wait for their turn. More would
be no faster, as one thread does most of the work, and each takes memory: 2 MB for 1,000 records."""
WORTH_A_TURN = 200_000
"""Characters of JSON that are parsed before others have their turn: some 10 ms."""


class Reader:
    """`client` is connected to a database of `provider`."""

    def __init__(self, client: Prisma, provider: Provider) -> None:
        from prisma.models import VideoAnalysis

        self.client = client
        self.provider: Provider = provider
        self.pages = asyncio.Semaphore(PAGES_AT_ONCE)
        """Held by whoever reads many records for one response."""
        self.rows = JsonRecords(client, VideoAnalysis, JSON_FORM)

    async def find(self, video_id: str) -> RecordJson | None:
        row = await self.rows.find_unique({"videoId": video_id})
        return None if row is None else (await self.answers([row]))[0]

    async def by_video_ids(self, video_ids: Iterable[str]) -> dict[str, RecordJson]:
        """Those that there are, by their video_id."""
        ids = list(video_ids)
        rows = await self.rows.find_many(where={"videoId": {"in": ids}}) if ids else []
        return {answer["video_id"]: answer for answer in await self.answers(rows)}

    async def answers(self, rows: list[dict[str, Any]]) -> list[RecordJson]:
        """These rows of `rows`, completed."""
        related = {row["id"]: row for row in rows if row["has_relations"]}
        for row in rows:
            del row["has_relations"]
            row["extra"] = json.loads(row["extra"]) if row["extra"] else {}
            row["people"], row["tags"], row["segments"] = [], [], []
        if related:
            sql = RELATED[self.provider]
            found: Any = await self.client.query_first(sql, json.dumps(list(related)))
            read = 0
            for text in found["related"].split(_SEPARATOR):
                read += len(text)
                if read > WORTH_A_TURN:
                    read = 0
                    await asyncio.sleep(0)
                id_, tags, people, segments = orjson.loads(text)
                row = related[id_]
                row["tags"], row["people"] = tags or [], people or []
                row["segments"] = [
                    {"start": float(start), "end": float(end), "text": text}
                    for start, end, text in segments or ()
                ]
        return rows
