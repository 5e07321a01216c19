"""Comparisons of the index with the records, one at a time among all processes: the table
`twelvelabs_run`.

A run is asked for, or due. Whoever begins it holds it for a lease, which each of its batches
renews; one whose process has gone ends as failed when that is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from backend.core.owners import OWNER, owned
from backend.engine import Provider
from backend.records import Conditions
from backend.twelvelabs.jobs import LONGEST_ERROR
from backend.twelvelabs.sql import NOW

if TYPE_CHECKING:
    from prisma import Prisma

RunKind = Literal["full", "new"]
"""full: all videos of the index. new: those added since, and those that were being indexed."""

_KEPT = 100
"""Runs that are remembered."""
_HELD_SECONDS = 120
"""Without a batch: a page that is asked for in vain several times takes some of it."""
_COLUMNS = "number, kind, status, started_at, finished_at, videos, queued, error"


class RunLost(Exception):
    """It took too long between two batches, and another may run now."""


@dataclass(frozen=True, slots=True)
class Run:
    """Times are milliseconds since 1970. `videos`: how many were looked at, `queued`: how many
    descriptions were asked for."""

    number: int
    kind: RunKind
    status: Literal["queued", "running", "done", "failed"]
    started_at: int | None
    finished_at: int | None
    videos: int
    queued: int
    error: str | None


class Runs:
    """Of the owner that is acted for."""

    def __init__(
        self, client: Prisma, provider: Provider, *, held_seconds: float = _HELD_SECONDS
    ) -> None:
        self.client = client
        self.provider: Provider = provider
        self.holder = secrets.token_hex(8)
        self._held = int(held_seconds * 1000)
        self._now = NOW[provider]

    async def ask(self, kind: RunKind) -> Run:
        """For one that begins as soon as none is running: the one that waits already, if there is
        one."""
        await self._ask(kind)
        if kind == "full":
            await self.client.execute_raw(
                "UPDATE twelvelabs_run SET kind = 'full' WHERE status = 'queued'"
                f" AND {owned('twelvelabs_run')}"
            )
        return (await self.latest(1))[0]

    async def ask_if_due(self, *, every: float, all_every: float) -> None:
        """`every`: seconds between the beginnings of two runs; `all_every`: after so many seconds
        all videos are looked at again."""
        row: Any = await self.client.query_first(
            f"SELECT {self._now} AS now, max(started_at) AS last, max(CASE WHEN kind = 'full'"
            " AND status = 'done' THEN started_at END) AS last_full FROM twelvelabs_run AS r"
            f" WHERE {owned('r')}"
        )
        now, last, last_full = (
            None if row[name] is None else int(row[name]) for name in ("now", "last", "last_full")
        )
        if now is None or (last is not None and now - last < every * 1000):
            return
        is_full = last_full is None or now - last_full >= all_every * 1000
        await self._ask("full" if is_full else "new")

    async def _ask(self, kind: RunKind) -> None:
        query = Conditions(self.provider)
        await self.client.execute_raw(
            "INSERT INTO twelvelabs_run (owner, number, kind, status, due_at)"
            f" SELECT {OWNER}, coalesce(max(number), 0) + 1, {query.bind(kind)}, 'queued', 0"
            f" FROM twelvelabs_run AS r WHERE {owned('r')} ON CONFLICT DO NOTHING",
            *query.args,
        )

    async def begin(self) -> Run | None:
        """The one that waits; None: none does, or another is running."""
        row: Any = await self.client.query_first(
            f"SELECT 1 AS found FROM twelvelabs_run AS r WHERE {owned('r')}"
            f" AND (status = 'queued' OR (status = 'running' AND due_at <= {self._now}))"
        )
        if row is None:
            return None
        await self.client.execute_raw(
            "UPDATE twelvelabs_run SET status = 'failed', holder = NULL, error ="
            f" 'The process that ran it has gone.', finished_at = {self._now}"
            f" WHERE {owned('twelvelabs_run')} AND status = 'running' AND due_at <= {self._now}"
        )
        query = Conditions(self.provider)
        row = await self.client.query_first(
            f"UPDATE twelvelabs_run SET status = 'running', holder = {query.bind(self.holder)},"
            f" started_at = {self._now}, due_at = {self._now} + {query.bind(self._held)}"
            f" WHERE {owned('twelvelabs_run')} AND status = 'queued' AND NOT EXISTS"
            f" (SELECT 1 FROM twelvelabs_run AS o WHERE {owned('o')} AND o.status = 'running')"
            f" RETURNING {_COLUMNS}",
            *query.args,
        )
        return None if row is None else _run(row)

    async def hold(self, run: Run, *, videos: int, queued: int, within: Prisma) -> None:
        """For another lease: so much is done of it. Raises RunLost."""
        query = Conditions(self.provider)
        await self._write(
            run,
            query,
            f"due_at = {self._now} + {query.bind(self._held)}, videos = {query.bind(videos)},"
            f" queued = {query.bind(queued)}",
            within,
        )

    async def end(self, run: Run, error: str | None = None) -> None:
        """Raises RunLost."""
        query = Conditions(self.provider)
        status = "done" if error is None else "failed"
        said = None if error is None else error[:LONGEST_ERROR]
        await self._write(
            run,
            query,
            f"status = {query.bind(status)}, error = {query.bind(said)}, holder = NULL,"
            f" finished_at = {self._now}",
            self.client,
        )
        query = Conditions(self.provider)
        await self.client.execute_raw(
            f"DELETE FROM twelvelabs_run WHERE {owned('twelvelabs_run')}"
            f" AND number <= {query.bind(run.number - _KEPT)} AND number <> (SELECT"
            f" coalesce(max(number), 0) FROM twelvelabs_run AS f WHERE {owned('f')}"
            " AND kind = 'full' AND status = 'done')",
            *query.args,
        )

    async def latest(self, limit: int) -> list[Run]:
        """The newest first."""
        query = Conditions(self.provider)
        rows: Any = await self.client.query_raw(
            f"SELECT {_COLUMNS} FROM twelvelabs_run AS r WHERE {owned('r')}"
            f" ORDER BY number DESC LIMIT {query.bind(limit)}",
            *query.args,
        )
        return [_run(row) for row in rows]

    async def _write(self, run: Run, query: Conditions, changes: str, within: Prisma) -> None:
        written = await within.execute_raw(
            f"UPDATE twelvelabs_run SET {changes} WHERE {owned('twelvelabs_run')}"
            f" AND number = {query.bind(run.number)} AND holder = {query.bind(self.holder)}"
            f" AND status = 'running' AND due_at > {self._now}",
            *query.args,
        )
        if not written:
            raise RunLost(run.number)


def _run(row: Mapping[str, Any]) -> Run:
    def number(name: str) -> int | None:
        return None if row[name] is None else int(row[name])

    return Run(
        number=int(row["number"]),
        kind=row["kind"],
        status=row["status"],
        started_at=number("started_at"),
        finished_at=number("finished_at"),
        videos=int(row["videos"]),
        queued=int(row["queued"]),
        error=row["error"],
    )
