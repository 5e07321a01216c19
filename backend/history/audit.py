"""The change log as the audit shows it: filtered, in pages, and whole as an export.

Filters that have no index are looked for in portions, so that none holds the database for long; a
page ends where enough rows were looked at. A video's rows have an index. Times have none, which
would cost every write: a seal tells between which times its rows are, so seals that do not matter
are passed over, and what is not sealed yet is little.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from backend.core.caller import ALL_OWNERS, acting_for, owner
from backend.core.database import translated_errors
from backend.history import change_log, seals
from backend.history.change_log import START, Order, Position, Row
from backend.history.digests import canonical_time
from backend.history.verification import Verified, verify
from backend.records import Conditions, DatabaseService

_LOOKED_AT_ONCE = 10_000
_MOST_LOOKED_AT = 100_000
_MOST_PORTIONS = 200
"""For one page: a portion may be a single seal, with few rows."""
_EXPORTED_AT_ONCE = 1_000
_COLUMNS = ("c.number", "c.owner", "c.at", "c.actor", "c.action", "c.kind", "c.name", "c.version",
            "c.request_id")  # fmt: skip
_PURPOSE = "audit"


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """None: any."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    video_id: str | None = None
    request_id: str | None = None

    @property
    def purpose(self) -> str:
        """Of a cursor: the order that it belongs to."""
        return _PURPOSE if self.video_id is None else f"{_PURPOSE} {self.video_id}"


@dataclass(frozen=True, slots=True)
class _Portion:
    """Rows from `since` on and before `before`; None: from the first, or to the last."""

    since: Position | None
    before: Position | None


class AuditService:
    def __init__(self, database: DatabaseService) -> None:
        self._client = database.client
        self._provider = database.provider

    @translated_errors
    async def page(
        self, filters: AuditFilters, *, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """What AuditPage describes, as JSON has it. It may hold fewer than `limit`, and
        `next_cursor` leads on."""
        before = change_log.decode(cursor, filters.purpose)
        found, position = await self._next(filters, before, limit)
        return {
            "changes": found,
            "count": len(found),
            "next_cursor": position and change_log.encode(filters.purpose, position),
        }

    def export(self, filters: AuditFilters, *, cursor: str | None = None) -> AsyncIterator[bytes]:
        """A line of JSON for each row, in blocks, each read when it is asked for. The last line is
        their count: without it, the export was cut short. Raises InvalidRequest."""
        return self._lines(filters, change_log.decode(cursor, filters.purpose))

    async def _lines(
        self, filters: AuditFilters, position: Position | None
    ) -> AsyncIterator[bytes]:
        count = 0
        while True:
            found, position = await self._block(filters, position)
            count += len(found)
            if found:
                yield b"".join(orjson.dumps(row) + b"\n" for row in found)
            if position is None:
                break
        yield orjson.dumps({"count": count}) + b"\n"

    @translated_errors
    async def seal(self) -> int | None:
        """The next rows: how many; 0: all are sealed; None: another process is at it."""
        with acting_for(ALL_OWNERS):
            return await seals.seal_next(self._client, self._provider)

    @translated_errors
    async def verify(self, *, hash_: str | None = None) -> Verified:
        with acting_for(ALL_OWNERS):
            return await verify(self._client, self._provider, hash_=hash_)

    @translated_errors
    async def _block(
        self, filters: AuditFilters, before: Position | None
    ) -> tuple[list[Row], Position | None]:
        return await self._next(filters, before, _EXPORTED_AT_ONCE)

    async def _next(
        self, filters: AuditFilters, before: Position | None, limit: int
    ) -> tuple[list[Row], Position | None]:
        """Rows, and the position before which there may be more."""
        found: list[Row] = []
        most = _MOST_LOOKED_AT
        for _ in range(_MOST_PORTIONS):
            portion, looked_at = await self._portion(filters, before)
            if portion is None:
                return _shown(found), None
            found += await self._select(filters, portion, limit + 1 - len(found))
            if len(found) > limit:
                return _shown(found[:limit]), found[limit - 1]["position"]
            if portion.since is None:
                return _shown(found), None
            before = portion.since
            most -= looked_at
            if most <= 0:
                break
        return _shown(found), before

    async def _select(self, filters: AuditFilters, portion: _Portion, limit: int) -> list[Row]:
        return await change_log.rows(
            self._client,
            self._conditions(filters),
            columns=_COLUMNS,
            limit=limit,
            since=portion.since,
            before=portion.before,
            order=_order(filters),
        )

    async def _portion(
        self, filters: AuditFilters, before: Position | None
    ) -> tuple[_Portion | None, int]:
        """The next rows to look at, and how many they are at most; None: there are no more."""
        since: Position | None = None
        if filters.video_id is None and (filters.since or filters.until):
            with acting_for(ALL_OWNERS):  # whose log is sealed as one
                sealed = await seals.last_sealed(self._client, self._provider)
            if before is None or before > sealed.next:
                since = sealed.next if sealed > START else None
            else:
                with acting_for(ALL_OWNERS):
                    seal = await seals.newest_extent(
                        self._client,
                        self._provider,
                        before=before,
                        since=filters.since,
                        until=filters.until,
                    )
                if seal is None:
                    return None, 0
                return _Portion(seal.first, min(before, seal.last.next)), seal.count
        lowest = await change_log.rows(
            self._client,
            self._of_video(filters),
            columns=(),
            limit=1,
            skip=_LOOKED_AT_ONCE - 1,
            since=since,
            before=before,
            order=_order(filters),
        )
        if lowest:
            since = lowest[0]["position"]
        return _Portion(since, before), _LOOKED_AT_ONCE

    def _of_video(self, filters: AuditFilters) -> Conditions:
        """All rows, or those of the one video that is looked for."""
        if filters.video_id is None:
            query = Conditions(self._provider)
            query.own("c")
            return query
        return change_log.of_video(self._provider, filters.video_id)

    def _conditions(self, filters: AuditFilters) -> Conditions:
        query = self._of_video(filters)
        # What other programs wrote to SQLite may have another form.
        at = "strftime('%Y-%m-%dT%H:%M:%f+00:00', c.at)" if self._provider == "sqlite" else "c.at"
        for condition, value in (
            (f"{at} >=", filters.since),
            (f"{at} <=", filters.until),
            ("c.actor =", filters.actor),
            ("c.action =", filters.action),
            ("c.request_id =", filters.request_id),
        ):
            if value is not None:
                query.conditions.append(f"{condition} {query.bind(value)}")
        return query


def _order(filters: AuditFilters) -> Order:
    is_of_one = filters.video_id is not None and owner.get() != ALL_OWNERS
    return "version" if is_of_one else "log"


def _shown(found: list[Row]) -> list[Row]:
    return [
        {
            "number": int(row["number"]),
            "owner": row["owner"],
            "at": canonical_time(row["at"]),
            "actor": row["actor"],
            "action": row["action"],
            "kind": row["kind"],
            "name": row["name"],
            "version": row["version"],
            "request_id": row["request_id"],
        }
        for row in found
    ]
