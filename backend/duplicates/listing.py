"""Pages of groups, in the order in which the first text of each was indexed.

Some clusters of the index are read at a time, whole: each of their groups is of one of them.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from backend.core import cursors
from backend.core.owners import owned
from backend.duplicates import sql
from backend.duplicates.change import MOST_IN_CLUSTER
from backend.duplicates.groups import Dismissed, Group, Text, groups_of
from backend.engine import Provider, fetch
from backend.records import Conditions

if TYPE_CHECKING:
    from prisma import Prisma

MOST_SHOWN = 100
"""Videos of a group that an answer names."""

_MOST_TEXTS = 2 * MOST_IN_CLUSTER
"""That are read at once: a whole cluster at least."""
_TEXTS_OF_GROUP = 3
"""As many as most have: so many are read of each that is asked for."""
_MOST_LOOKED_AT = 10_000
"""Texts that one page goes through: with a high threshold few of them may be of a group."""
_MOST_VIDEOS = 10_000
"""That are read at once, and that an answer names."""
_MOST_OF_TEXT = 1_000
_MOST_NUMBER = 2**63

Place = tuple[int, int, str]
"""A cluster, and `first` of a group of it."""


class Listing:
    def __init__(self, client: Prisma, provider: Provider) -> None:
        self._client = client
        self._provider: Provider = provider

    async def page(self, threshold: float, *, limit: int, cursor: str | None) -> dict[str, Any]:
        """`groups` and `next_cursor`, as DuplicatePage describes them. Raises InvalidRequest."""
        query = f"duplicates {threshold}"
        after = (0, 0, "") if cursor is None else _decode(cursor, query)
        found: list[tuple[Place, Group]] = []
        shown = looked_at = 0
        most = min(_TEXTS_OF_GROUP * (limit + 1), _MOST_TEXTS)
        while True:
            clusters, is_last = await self._clusters(after[0], most)
            number = sum(map(len, clusters.values()))
            for cluster, group in await self._groups(clusters, threshold):
                place = (cluster, *group.first)
                if place <= after:
                    continue
                shown += min(group.count, MOST_SHOWN)
                if len(found) == limit or (found and shown > _MOST_VIDEOS):
                    return _page(found, cursors.encode(query, [*found[-1][0]]))
                found.append((place, group))
            if is_last:
                return _page(found, None)
            after = (max(clusters) + 1, 0, "")
            looked_at += number
            if looked_at >= _MOST_LOOKED_AT:
                return _page(found, cursors.encode(query, [*after]))

    async def _clusters(self, first: int, most: int) -> tuple[dict[int, dict[int, int]], bool]:
        """From this one on, of about so many texts: how many records have each; and whether these
        are the last."""
        query = Conditions(self._provider)
        rows = await fetch(
            self._client,
            f"SELECT t.cluster, t.id, t.records FROM duplicate_text AS t WHERE {owned('t')}"
            f" AND t.cluster >= {query.bind(first)} AND t.cluster IS NOT NULL"
            f" ORDER BY t.cluster, t.id LIMIT {most}",
            *query.args,
        )
        clusters: dict[int, dict[int, int]] = {}
        videos = 0
        for cluster, texts in groupby(rows, key=lambda row: row[0]):
            of_cluster = {id_: records for _, id_, records in texts}
            videos += sum(min(records, _MOST_OF_TEXT) for records in of_cluster.values())
            if clusters and videos > _MOST_VIDEOS:
                return clusters, False
            clusters[cluster] = of_cluster
        if len(rows) < most:
            return clusters, True
        if len(clusters) == 1 and most < _MOST_TEXTS:
            return await self._clusters(first, _MOST_TEXTS)
        if len(clusters) > 1:
            clusters.popitem()  # there may be more of it
        return clusters, False

    async def _groups(
        self, clusters: dict[int, dict[int, int]], threshold: float
    ) -> list[tuple[int, Group]]:
        records = {id_: each for texts in clusters.values() for id_, each in texts.items()}
        if not records:
            return []
        texts = await self._texts(records)
        pairs = await self._pairs(min(clusters), max(clusters), threshold)
        dismissed = await self._dismissed(texts)
        cluster_of = {id_: cluster for cluster, ids in clusters.items() for id_ in ids}
        known = [pair for pair in pairs if pair[0] in texts and pair[1] in texts]
        groups = [
            (cluster_of[group.first[0]], group) for group in groups_of(texts, known, dismissed)
        ]
        return sorted(groups, key=lambda each: (each[0], each[1].first))

    async def _texts(self, records: dict[int, int]) -> dict[int, Text]:
        most = max(2, min(_MOST_OF_TEXT, _MOST_VIDEOS // len(records)))
        if sum(min(number, _MOST_OF_TEXT) for number in records.values()) <= _MOST_VIDEOS:
            most = _MOST_OF_TEXT
        query = Conditions(self._provider)
        statement = sql.videos_of_texts(query, records, most)
        rows = await fetch(self._client, statement, *query.args)
        return {id_: Text(records[id_], orjson.loads(videos)) for id_, videos in rows}

    async def _pairs(self, first: int, last: int, threshold: float) -> list[tuple[int, int, float]]:
        query = Conditions(self._provider)
        similarity, begin, end = query.bind(threshold), query.bind(first), query.bind(last)
        rows = await fetch(
            self._client,
            "SELECT p.text_id, p.other_id, p.similarity FROM duplicate_text AS t"
            f" JOIN duplicate_pair AS p ON {owned('p')} AND p.text_id = t.id"
            f" AND p.text_id < p.other_id AND p.similarity >= {similarity}"
            f" WHERE {owned('t')} AND t.cluster BETWEEN {begin} AND {end}"
            " AND t.cluster IS NOT NULL",
            *query.args,
        )
        return [(one, other, each) for one, other, each in rows]

    async def _dismissed(self, texts: dict[int, Text]) -> Dismissed:
        is_any = f"SELECT 1 FROM duplicate_dismissal AS d WHERE {owned('d')} LIMIT 1"
        if not await fetch(self._client, is_any):
            return {}
        videos = {video for text in texts.values() for video in text.video_ids}
        query = Conditions(self._provider)
        given = sql.among(query, "d.video_id", videos, "text")
        rows = await fetch(
            self._client,
            "SELECT d.video_id, d.other_id FROM duplicate_dismissal AS d"
            f" WHERE {owned('d')} AND {given}",
            *query.args,
        )
        dismissed: dict[str, set[str]] = {}
        for video, other in rows:
            if other in videos:
                dismissed.setdefault(video, set()).add(other)
        return dismissed


def _page(found: list[tuple[Place, Group]], next_cursor: str | None) -> dict[str, Any]:
    groups = [
        {
            "video_ids": group.video_ids[:MOST_SHOWN],
            "count": group.count,
            "similarity": round(group.similarity, 4),
        }
        for _, group in found
    ]
    return {"groups": groups, "count": len(groups), "next_cursor": next_cursor}


def _decode(cursor: str, query: str) -> Place:
    match cursors.decode(cursor, query):
        case [int(cluster), int(text), str(video)] if (
            0 <= cluster < _MOST_NUMBER and 0 <= text < _MOST_NUMBER
        ):
            return (cluster, text, video)
    raise cursors.refused("This is no cursor that an answer gave as next_cursor")
