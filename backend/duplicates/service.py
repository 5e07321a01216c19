"""Duplicates, as the endpoints and commands call them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.database import translated_errors
from backend.core.errors import FieldError, InvalidRequest
from backend.core.owners import OWNER, owned
from backend.duplicates import sql
from backend.duplicates.index import Indexes
from backend.duplicates.listing import Listing
from backend.history import remember_position, whose_changes
from backend.records import Conditions, DatabaseService, VideoAnalysisNotFound

if TYPE_CHECKING:
    from prisma import Prisma

FOLLOWER = "duplicates"
MOST_DISMISSED = 1_000
"""Videos of which one may be no duplicate."""


class DuplicateService:
    """Of the records in `database`."""

    def __init__(self, database: DatabaseService) -> None:
        self._database = database
        self._client = database.client
        self._provider = database.provider
        self._indexes = Indexes(database.client, database.provider)
        self._listing = Listing(database.client, database.provider)

    @translated_errors
    async def page(
        self, threshold: float, *, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """What DuplicatePage describes, as JSON has it."""
        pending = await self._indexes.catch_up()
        async with self._database.reader.pages:
            page = await self._listing.page(threshold, limit=limit, cursor=cursor)
        return {**page, "pending": pending}

    @translated_errors
    async def dismiss(self, video_ids: Sequence[str]) -> dict[str, Any]:
        """None of these is a duplicate of another of them. Raises VideoAnalysisNotFound."""

        async def work(transaction: Prisma) -> bool:
            await self._refuse_unknown(transaction, video_ids)
            await self._dismiss(transaction, video_ids)
            return True

        await self._database.in_one_transaction(work)
        return {"dismissed": len(video_ids) * (len(video_ids) - 1) // 2}

    @translated_errors
    async def follow(self) -> int | None:
        """A portion of the change log of all owners, beside the requests: how many rows; 0: nothing
        is left; None: another process is at it."""
        with acting_for(ALL_OWNERS):
            owners, reached = await whose_changes(self._client, self._provider, FOLLOWER)
        for name in owners:
            with acting_for(name):
                done = await self._indexes.advance()
            if done != 0:
                return done
        if reached is None:
            return 0
        with acting_for(ALL_OWNERS):
            await remember_position(self._client, self._provider, FOLLOWER, reached)
        return len(owners)

    async def _refuse_unknown(self, transaction: Prisma, video_ids: Sequence[str]) -> None:
        query = Conditions(self._provider)
        given = sql.among(query, "v.video_id", video_ids, "text")
        rows: Any = await transaction.query_raw(
            f"SELECT v.video_id FROM video_analysis AS v WHERE {owned('v')} AND {given}",
            *query.args,
        )
        found = {row["video_id"] for row in rows}
        for video_id in video_ids:
            if video_id not in found:
                raise VideoAnalysisNotFound(video_id)

    async def _dismiss(self, transaction: Prisma, video_ids: Sequence[str]) -> None:
        pairs = [(one, other) for one in video_ids for other in video_ids if one != other]
        query = Conditions(self._provider)
        given = sql.rows_of(query, sorted(pairs), video_id="text", other_id="text")
        await transaction.execute_raw(
            "INSERT INTO duplicate_dismissal (owner, video_id, other_id)"
            f" SELECT {OWNER}, video_id, other_id FROM {given} WHERE true ON CONFLICT DO NOTHING",
            *query.args,
        )
        query = Conditions(self._provider)
        named = sql.among(query, "d.video_id", video_ids, "text")
        row: Any = await transaction.query_first(
            "SELECT d.video_id FROM duplicate_dismissal AS d"
            f" WHERE {owned('d')} AND {named} GROUP BY d.video_id"
            f" HAVING count(*) > {MOST_DISMISSED} ORDER BY d.video_id LIMIT 1",
            *query.args,
        )
        if row is not None:
            reason = f"{row['video_id']} would be no duplicate of more than {MOST_DISMISSED} others"
            raise InvalidRequest([FieldError(("body", "video_ids"), reason, "too_many")])
