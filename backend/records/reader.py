"""Records, read as they are answered: the rows of video_analysis, completed by their relations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.owners import found_owned, key_of
from backend.engine import JsonRecords, Provider, fetch, fetch_records
from backend.records.record import JSON_FORM, ROW_FORM, ROW_TYPES, VERSION_FORM, RecordJson

if TYPE_CHECKING:
    from prisma import Prisma

# One row for all, with the JSON of each record between separators, which JSON escapes: rows of
# tags, people and segments cost several times as much, and one text of JSON would be parsed without
# a pause. Times as text, because JSON has 15 digits of a number from SQLite, and no ".0" from
# PostgreSQL.
_OWN = found_owned("r")
RELATED: dict[Provider, str] = {
    "sqlite": f"""
        SELECT group_concat(json_array(
            v.value,
            json((SELECT json_group_array(tag_name) FROM (
                SELECT tag_name FROM video_tag AS r WHERE {_OWN} AND analysis_id = v.value
                ORDER BY position))),
            json((SELECT json_group_array(person_name) FROM (
                SELECT person_name FROM video_person AS r WHERE {_OWN} AND analysis_id = v.value
                ORDER BY position))),
            json((SELECT json_group_array(json_array(quote("start"), quote("end"), text)) FROM (
                SELECT "start", "end", text FROM segment AS r
                WHERE {_OWN} AND analysis_id = v.value ORDER BY position)))
        ), char(30)) AS related FROM json_each(?) AS v
    """,
    "postgresql": f"""
        SELECT string_agg(json_build_array(
            v.id,
            (SELECT json_agg(tag_name ORDER BY position) FROM video_tag AS r
                WHERE {_OWN} AND analysis_id = v.id),
            (SELECT json_agg(person_name ORDER BY position) FROM video_person AS r
                WHERE {_OWN} AND analysis_id = v.id),
            (SELECT json_agg(json_build_array("start"::text, "end"::text, text) ORDER BY position)
                FROM segment AS r WHERE {_OWN} AND analysis_id = v.id)
        )::text, chr(30)) AS related FROM json_array_elements_text($1::json) AS v(id)
    """,
}
_SEPARATOR = "\x1e"

# By their ids alone: SQLite would rather go through all that an owner has.
_COLUMNS = ", ".join(f"v.{name}" for name in ROW_TYPES)
_ROWS: dict[Provider, str] = {
    "sqlite": f"""
        SELECT {_COLUMNS} FROM json_each(?) AS given
        CROSS JOIN video_analysis AS v ON v.id = given.value WHERE {found_owned("v")}
    """,
    "postgresql": f"""
        SELECT {_COLUMNS} FROM video_analysis AS v
        WHERE v.id = ANY($1::text[]) AND {found_owned("v")}
    """,
}
PAGES_AT_ONCE = 8
"""Pages that are read and written as JSON at the same time; others wait for their turn. More would
be no faster, as one thread does most of the work, and each takes memory: 2 MB for 1,000 records."""
ROWS_AT_ONCE = 100
"""Rows that are read without knowing how long their texts are: 25 MB at the worst."""
MOST_BYTES = 16 * 2**20
"""Of the records of one response, as `size` counts. There is always one, whatever its size."""
WORTH_A_TURN = 200_000
"""Characters of JSON that are parsed before others have their turn: some 10 ms."""


def how_many_fit(sizes: Iterable[int], already: int = 0, *, most: int = MOST_BYTES) -> int:
    """Of records of these sizes, how many go in a response that has `already` so many bytes, and
    `most` so many. The first of a response always does."""
    number = 0
    for size in sizes:
        already += size
        if already > most and already > size:
            break
        number += 1
    return number


class Reader:
    """`client` is connected to a database of `provider`."""

    def __init__(self, client: Prisma, provider: Provider) -> None:
        from prisma.models import VideoAnalysis

        self.client = client
        self.provider: Provider = provider
        self.pages = asyncio.Semaphore(PAGES_AT_ONCE)
        """Held by whoever reads many records for one response."""
        self.rows = JsonRecords(client, VideoAnalysis, JSON_FORM)
        self._versions = JsonRecords(client, VideoAnalysis, VERSION_FORM)

    async def owners(self) -> list[str]:
        """Who has records."""
        with acting_for(ALL_OWNERS):
            rows: Any = await self.client.query_raw(
                "SELECT DISTINCT owner FROM video_analysis ORDER BY owner"
            )
        return [row["owner"] for row in rows]

    async def find(self, video_id: str) -> RecordJson | None:
        row = await self.rows.find_unique(key_of(video_id))
        return None if row is None else (await self.answers([row]))[0]

    async def version(self, video_id: str) -> int | None:
        """Of the record; None: there is none."""
        found = await self._versions.find_unique(key_of(video_id))
        return None if found is None else int(found["version"])

    async def by_video_ids(self, video_ids: Iterable[str]) -> tuple[dict[str, RecordJson], int]:
        """The records that there are, by their video_id; and how many of the ids, from the first
        on, were looked at: all, or as many as MOST_BYTES lets."""
        ids = list(video_ids)
        answers: dict[str, RecordJson] = {}
        bytes_read = 0
        for start in range(0, len(ids), ROWS_AT_ONCE):
            part = ids[start : start + ROWS_AT_ONCE]
            rows = {
                row["video_id"]: row
                for row in await self.rows.find_many(where={"videoId": {"in": part}})
            }
            sizes = [rows[id_]["size"] if id_ in rows else 0 for id_ in part]
            fitting = how_many_fit(sizes, bytes_read)
            bytes_read += sum(sizes)
            fit = [rows[id_] for id_ in part[:fitting] if id_ in rows]
            answers |= {answer["video_id"]: answer for answer in await self.answers(fit)}
            if fitting < len(part):
                return answers, start + fitting
        return answers, len(ids)

    async def rows_of(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these ids, as `answers` takes them, in any order."""
        given = json.dumps(ids) if self.provider == "sqlite" else ids
        return await fetch_records(self.client, ROW_FORM, ROW_TYPES, _ROWS[self.provider], given)

    async def answers(self, rows: list[dict[str, Any]]) -> list[RecordJson]:
        """These rows of `rows`, completed. The caller sees to it that they fit in a response."""
        related = {row["id"]: row for row in rows if row["has_relations"]}
        for row in rows:
            del row["has_relations"], row["size"]
        if related:
            [[found]] = await fetch(self.client, RELATED[self.provider], json.dumps(list(related)))
            for texts in _in_turns(found.split(_SEPARATOR)):
                await asyncio.sleep(0)
                for id_, tags, people, segments in orjson.loads(f"[{','.join(texts)}]"):
                    row = related[id_]
                    row["tags"], row["people"] = tags or [], people or []
                    row["segments"] = [
                        {"start": float(start), "end": float(end), "text": text}
                        for start, end, text in segments or ()
                    ]
        return rows


def _in_turns(texts: Iterable[str]) -> Iterator[list[str]]:
    """As many together as are WORTH_A_TURN, or one that is longer."""
    some: list[str] = []
    length = 0
    for text in texts:
        if some and length + len(text) > WORTH_A_TURN:
            yield some
            some, length = [], 0
        some.append(text)
        length += len(text)
    yield some
