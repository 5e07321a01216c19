"""The versions of records, as the endpoints call them."""

from __future__ import annotations

from typing import Any

from backend.core.database import translated_errors
from backend.core.owners import owned
from backend.core.threads import in_thread
from backend.history import change_log
from backend.history.change_log import VIDEO, Position, Row
from backend.history.diff import changed_fields
from backend.models.schemas import time_of
from backend.records import (
    Conditions,
    DatabaseService,
    Expected,
    RecordJson,
    VersionNotFound,
    VideoAnalysisNotFound,
    record_of,
    record_of_image,
)

_LOOKED_AT_ONCE = 1_000
_MOST_LOOKED_AT = 10_000
"""Deletions that one page goes through: of videos that came again since, there may be many."""
_DELETION = ("c.name", "c.version", "c.at", "c.actor", "c.image IS NOT NULL AS kept")
# What a version said is kept by the row that follows it.
_VERSION = ("c.version", "c.at", "c.action", "c.actor", "c.request_id",
            "EXISTS (SELECT 1 FROM change_log AS l"
            f" WHERE {owned('l')} AND l.kind = c.kind AND l.name = c.name"
            " AND l.version = c.version + 1 AND l.image IS NOT NULL) AS kept")  # fmt: skip


class HistoryService:
    def __init__(self, database: DatabaseService) -> None:
        self._database = database
        self._client = database.client

    @translated_errors
    async def versions(self, video_id: str, *, limit: int, cursor: str | None) -> dict[str, Any]:
        """What VersionPage describes, as JSON has it. Raises VideoAnalysisNotFound."""
        purpose = f"versions {video_id}"
        before = change_log.decode(cursor, purpose)
        found = await change_log.rows(
            self._client,
            self._of(video_id),
            columns=_VERSION,
            limit=limit + 1,
            before=before,
            order="version",
        )
        current = await self._database.get_version(video_id)
        if not found and before is None and current is None:
            raise VideoAnalysisNotFound(video_id)
        versions = [
            {
                "version": int(row["version"]),
                "at": time_of(row["at"]),
                "action": row["action"],
                "actor": row["actor"],
                "request_id": row["request_id"],
                "is_kept": bool(row["kept"]) or int(row["version"]) == current,
            }
            for row in found[:limit]
        ]
        more = len(found) > limit
        return {
            "versions": versions,
            "count": len(versions),
            "next_cursor": (
                change_log.encode(purpose, found[limit - 1]["position"]) if more else None
            ),
        }

    @translated_errors
    async def version(self, video_id: str, version: int) -> RecordJson:
        """The record as it was then. Raises VersionNotFound."""
        return await self._version(video_id, version)

    @translated_errors
    async def diff(self, video_id: str, before: int, after: int) -> dict[str, Any]:
        """What VersionDiff describes, as JSON has it. Raises VersionNotFound."""
        old = await self._version(video_id, before)
        new = await self._version(video_id, after)
        fields = await in_thread(lambda goes_on: changed_fields(old, new, goes_on))
        return {"video_id": video_id, "from": before, "to": after, "fields": fields}

    @translated_errors
    async def restore(
        self, video_id: str, version: int, *, expected: Expected | None = None
    ) -> RecordJson:
        """A new version that says what this one said. A deleted record is there again. Raises
        VersionNotFound, VersionMismatch."""
        return await self._database.restore(
            record_of(await self._version(video_id, version)), expected=expected
        )

    @translated_errors
    async def deleted(self, *, limit: int, cursor: str | None) -> dict[str, Any]:
        """What DeletedPage describes, as JSON has it. A page may hold fewer than `limit`."""
        position = change_log.decode(cursor, "deleted")
        found: list[Row] = []
        looked_at, rows = 0, [Row()]
        while rows and len(found) <= limit and looked_at < _MOST_LOOKED_AT:
            rows = await self._deletions(position)
            looked_at += len(rows)
            for row in rows:
                if len(found) == limit + 1:
                    break
                position = row["position"]
                if row["is_last"] and row["kept"]:
                    found.append(row)
        more = len(found) > limit
        if more:
            found, position = found[:limit], found[limit - 1]["position"]
        ends = not more and not rows
        return {
            "deleted": [
                {
                    "video_id": row["name"],
                    "version": int(row["version"]) - 1,
                    "at": time_of(row["at"]),
                    "actor": row["actor"],
                }
                for row in found
            ],
            "count": len(found),
            "next_cursor": (
                None if ends or position is None else change_log.encode("deleted", position)
            ),
        }

    async def _deletions(self, before: Position | None) -> list[Row]:
        query = Conditions(self._database.provider)
        query.own("c")
        query.conditions.append(f"c.action = 'delete' AND c.kind = '{VIDEO}'")
        later = (
            f"NOT EXISTS (SELECT 1 FROM change_log AS l WHERE {owned('l')} AND l.kind = c.kind"
            " AND l.name = c.name AND l.version > c.version) AS is_last"
        )
        return await change_log.rows(
            self._client,
            query,
            columns=(*_DELETION, later),
            limit=_LOOKED_AT_ONCE,
            before=before,
        )

    async def _version(self, video_id: str, version: int) -> RecordJson:
        # The record first: whatever has changed it before has left an image.
        current = await self._database.reader.find(video_id)
        if current is not None and current["version"] == version:
            return current
        image = await self._image(video_id, version + 1)
        if image is None:
            raise VersionNotFound(video_id, version)
        return record_of_image(video_id, version, image)

    async def _image(self, video_id: str, version: int) -> str | None:
        """Of what was there before this version."""
        query = self._of(video_id)
        query.conditions.append(f"c.version = {query.bind(version)}")
        row: Any = await self._client.query_first(
            f"SELECT c.image FROM change_log AS c{query.where()}", *query.args
        )
        return None if row is None else row["image"]

    def _of(self, video_id: str) -> Conditions:
        return change_log.of_video(self._database.provider, video_id)
