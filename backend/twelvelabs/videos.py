"""The videos of the index, as they were last seen, and what became of each here: the table
`twelvelabs_video`.

A video's state is one of STATES. It is set when the index is compared with the records, and when a
video is described; between the two a record may be written or deleted by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

from backend.core.owners import OWNER, owned
from backend.engine import Provider
from backend.records import Conditions
from backend.twelvelabs.jobs import LONGEST_ERROR, NewJob
from backend.twelvelabs.sql import rows_of

if TYPE_CHECKING:
    from prisma import Prisma

    from backend.twelvelabs.wire import IndexedAsset

State = Literal["missing", "stale", "truncated", "failed", "orphaned", "pending", "described"]
STATES: tuple[State, ...] = get_args(State)
"""missing: in the index, without a record. stale: the index has changed since it was described.
truncated: the last answer was cut. failed: not indexed, or not described. orphaned: there is a
record, and the video is no longer in the index. pending: it is being indexed. described: none of
these."""

READY = "ready"
GONE = "gone"
"""The status of a video that the index no longer has."""

_COLUMNS = (
    "video_id, asset_id, status, version, created_at, duration, state, described, finish_reason,"
    " prompt_version, kept, sent, unheld, last_error"
)
_HAS_RECORD = (
    "EXISTS (SELECT 1 FROM video_analysis AS v"
    f" WHERE {owned('v')} AND v.video_id = twelvelabs_video.video_id)"
)
_STATE = f"""
    CASE
        WHEN status = '{GONE}' THEN 'orphaned'
        WHEN status = 'failed' THEN 'failed'
        WHEN status <> '{READY}' THEN 'pending'
        WHEN finish_reason = 'length' THEN 'truncated'
        WHEN last_error IS NOT NULL THEN 'failed'
        WHEN NOT {_HAS_RECORD} THEN 'missing'
        WHEN described <> version THEN 'stale'
        ELSE 'described'
    END
"""
_SAME_VERSION = "twelvelabs_video.version = excluded.version"


@dataclass(frozen=True, slots=True)
class IndexedVideo:
    """`duration`: seconds. `described`: the version that the record describes. `sent`: values of
    the record that the index has; `unheld`: those that it refused, and why."""

    video_id: str
    asset_id: str | None
    status: str
    version: str
    created_at: str
    duration: float
    state: State
    described: str | None
    finish_reason: str | None
    prompt_version: str | None
    kept: Sequence[str]
    sent: Mapping[str, Any]
    unheld: Mapping[str, str]
    last_error: str | None


def version_of(asset: IndexedAsset) -> str:
    """What changes when a video was indexed anew. `updated_at` changes with its metadata, too, and
    counts where there is nothing better."""
    return asset.indexed_at or asset.updated_at or asset.created_at or ""


class Videos:
    """Of the owner that is acted for. Methods take the transaction that they join as `within`."""

    def __init__(self, client: Prisma, provider: Provider) -> None:
        self.client = client
        self.provider: Provider = provider

    async def take_in(
        self, assets: Sequence[IndexedAsset], seen: int, *, within: Prisma
    ) -> list[NewJob]:
        """What the index has now, as the run of the number `seen` sees it. The jobs that there are
        to be for it: of videos without a record, and of those that have changed. A record that was
        there before the video was seen is taken as its description."""
        query = Conditions(self.provider)
        given = [
            {
                "video_id": asset.id,
                "asset_id": asset.asset_id,
                "status": asset.status or READY,
                "version": version_of(asset),
                "created_at": asset.created_at or "",
                "duration": asset.system_metadata.duration or 0.0,
                "seen": seen,
            }
            for asset in assets
        ]
        columns = {
            **dict.fromkeys(("video_id", "asset_id", "status", "version", "created_at"), "text"),
            "duration": "real",
            "seen": "bigint",
        }
        names = ", ".join(columns)
        await within.execute_raw(
            f"INSERT INTO twelvelabs_video (owner, {names}, state)"
            f" SELECT {OWNER}, {names}, 'pending' FROM {rows_of(query, given, columns)} AS given"
            " WHERE true ON CONFLICT (owner, video_id) DO UPDATE SET asset_id = excluded.asset_id,"
            " status = excluded.status, version = excluded.version,"
            " created_at = excluded.created_at, duration = excluded.duration,"
            " seen = excluded.seen,"
            f" finish_reason = CASE WHEN {_SAME_VERSION} THEN twelvelabs_video.finish_reason END,"
            f" last_error = CASE WHEN {_SAME_VERSION} THEN twelvelabs_video.last_error END",
            *query.args,
        )
        rows = await self._set_states([asset.id for asset in assets], within)
        return [
            NewJob("describe", row["video_id"], row["version"], asset_id=row["asset_id"])
            for row in rows
            if row["state"] in ("missing", "stale")
        ]

    async def _set_states(self, video_ids: Sequence[str], within: Prisma) -> list[dict[str, Any]]:
        query = Conditions(self.provider)
        await within.execute_raw(
            "UPDATE twelvelabs_video SET described = version, finish_reason = NULL,"
            f" last_error = NULL WHERE {_these(query, video_ids)} AND described IS NULL"
            f" AND status = '{READY}' AND {_HAS_RECORD}",
            *query.args,
        )
        query = Conditions(self.provider)
        rows: Any = await within.query_raw(
            f"UPDATE twelvelabs_video SET state = {_STATE} WHERE {_these(query, video_ids)}"
            " RETURNING video_id, version, asset_id, state",
            *query.args,
        )
        found: list[dict[str, Any]] = rows
        return found

    async def find(self, video_id: str) -> IndexedVideo | None:
        found = await self.find_all([video_id])
        return found[0] if found else None

    async def find_all(self, video_ids: Sequence[str]) -> list[IndexedVideo]:
        query = Conditions(self.provider)
        rows: Any = await self.client.query_raw(
            f"SELECT {_COLUMNS} FROM twelvelabs_video WHERE {_these(query, video_ids)}"
            " ORDER BY video_id",
            *query.args,
        )
        return [_video(row) for row in rows]

    async def page(
        self, state: State, *, after: str | None = None, limit: int
    ) -> list[IndexedVideo]:
        """In the order of their ids."""
        query = Conditions(self.provider)
        query.conditions += [owned("i"), f"state = {query.bind(state)}"]
        return await self._page(query, after, limit)

    async def page_of_unheld(self, *, after: str | None = None, limit: int) -> list[IndexedVideo]:
        """Those of which the index has refused values."""
        query = Conditions(self.provider)
        query.conditions += [owned("i"), "unheld IS NOT NULL"]
        return await self._page(query, after, limit)

    async def _page(self, query: Conditions, after: str | None, limit: int) -> list[IndexedVideo]:
        if after is not None:
            query.conditions.append(f"video_id > {query.bind(after)}")
        rows: Any = await self.client.query_raw(
            f"SELECT {_COLUMNS} FROM twelvelabs_video AS i{query.where()}"
            f" ORDER BY video_id LIMIT {query.bind(limit)}",
            *query.args,
        )
        return [_video(row) for row in rows]

    async def counts(self) -> dict[str, int]:
        """By state; and of how many a person's words were `kept`, and values `unheld`."""
        rows: Any = await self.client.query_raw(
            "SELECT state, count(*) AS count FROM twelvelabs_video AS i"
            f" WHERE {owned('i')} GROUP BY state"
        )
        others: Any = await self.client.query_first(
            "SELECT count(kept) AS kept, count(unheld) AS unheld FROM twelvelabs_video AS i"
            f" WHERE {owned('i')} AND (kept IS NOT NULL OR unheld IS NOT NULL)"
        )
        found = {row["state"]: int(row["count"]) for row in rows}
        return {
            **{state: found.get(state, 0) for state in STATES},
            "kept": int(others["kept"]),
            "unheld": int(others["unheld"]),
        }

    async def newest(self) -> str | None:
        """When the newest was made, as the index says it."""
        row: Any = await self.client.query_first(
            f"SELECT max(created_at) AS newest FROM twelvelabs_video AS i WHERE {owned('i')}"
        )
        newest: str | None = row["newest"]
        return newest

    async def pending(self, limit: int) -> list[str]:
        """Some that are being indexed, those first that were not looked at for longest."""
        query = Conditions(self.provider)
        rows: Any = await self.client.query_raw(
            f"SELECT video_id FROM twelvelabs_video AS i WHERE {owned('i')} AND state = 'pending'"
            f" ORDER BY seen, video_id LIMIT {query.bind(limit)}",
            *query.args,
        )
        return [row["video_id"] for row in rows]

    async def unseen(self, before: int, limit: int) -> list[tuple[str, str]]:
        """Id and status of some that no run since this number has seen."""
        query = Conditions(self.provider)
        rows: Any = await self.client.query_raw(
            "SELECT video_id, status FROM twelvelabs_video AS i"
            f" WHERE {owned('i')} AND seen < {query.bind(before)}"
            f" ORDER BY seen, video_id LIMIT {query.bind(limit)}",
            *query.args,
        )
        return [(row["video_id"], row["status"]) for row in rows]

    async def are_gone(self, video_ids: Sequence[str], seen: int, *, within: Prisma) -> None:
        """From the index. Those without a record are forgotten."""
        query = Conditions(self.provider)
        await within.execute_raw(
            f"DELETE FROM twelvelabs_video WHERE {_these(query, video_ids)} AND NOT {_HAS_RECORD}",
            *query.args,
        )
        query = Conditions(self.provider)
        change = f"UPDATE twelvelabs_video SET status = '{GONE}', seen = {query.bind(seen)}"
        await within.execute_raw(
            f"{change}, state = 'orphaned' WHERE {_these(query, video_ids)}", *query.args
        )

    async def note(self, video_id: str, *, within: Prisma | None = None, **columns: Any) -> None:
        """What is known of it now, and its state with it."""
        for name in ("kept", "sent", "unheld"):
            if name in columns:
                columns[name] = orjson.dumps(columns[name]).decode() if columns[name] else None
        if columns.get("last_error") is not None:
            columns["last_error"] = columns["last_error"][:LONGEST_ERROR]
        query = Conditions(self.provider)
        changes = ", ".join(f"{name} = {query.bind(value)}" for name, value in columns.items())
        client = within or self.client
        await client.execute_raw(
            f"UPDATE twelvelabs_video SET {changes} WHERE {_these(query, [video_id])}",
            *query.args,
        )
        query = Conditions(self.provider)
        await client.execute_raw(
            f"UPDATE twelvelabs_video SET state = {_STATE} WHERE {_these(query, [video_id])}",
            *query.args,
        )


def _these(query: Conditions, video_ids: Iterable[str]) -> str:
    names = rows_of(query, [{"id": each} for each in video_ids], {"id": "text"})
    return f"{owned('twelvelabs_video')} AND video_id IN (SELECT id FROM {names} AS given)"


def _video(row: Mapping[str, Any]) -> IndexedVideo:
    return IndexedVideo(
        **{
            **row,
            "duration": float(row["duration"]),
            "kept": orjson.loads(row["kept"] or b"[]"),
            "sent": orjson.loads(row["sent"] or b"{}"),
            "unheld": orjson.loads(row["unheld"] or b"{}"),
        }
    )
