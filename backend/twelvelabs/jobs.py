"""What is to be done, once for each version of a video, in the table `twelvelabs_job`.

    queued -> running -> done | failed
       ^         |
       +---------+  put off, tried again, or its lease ran out

Any number of processes share the jobs. Who claims one holds it for as long as its lease, and says
before the end that it still runs. Whatever is written of a job is written only while the lease
lasts: a worker that was away for longer raises JobLost, and what it did in the same transaction is
undone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from backend.core.owners import OWNER, owned
from backend.engine import Provider, cuid
from backend.records import Conditions
from backend.twelvelabs.sql import NOW, rows_of

if TYPE_CHECKING:
    from prisma import Prisma

Kind = Literal["describe", "upload", "write_back"]
Status = Literal["queued", "running", "done", "failed"]

LONGEST_ERROR = 1_000
_MOST_DETAIL_BYTES = 64 * 1024
_AT_ONCE = 500
_COLUMNS = (
    "id, kind, video_id, version, asset_id, status, attempts, due_at, holder, detail, last_error,"
    " prompt_version, tokens, created_at, updated_at"
)


class JobLost(Exception):
    """The lease ran out, and another may have the job now."""


@dataclass(frozen=True, slots=True)
class Job:
    """A row. Times are milliseconds since 1970. `version`: of the video in the index, or what else
    there is to be one job of. `detail`: whatever the kind of job remembers."""

    id: str
    kind: Kind
    video_id: str
    version: str
    asset_id: str | None
    status: Status
    attempts: int
    due_at: int
    holder: str | None
    detail: Mapping[str, Any]
    last_error: str | None
    prompt_version: str | None
    tokens: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class NewJob:
    """`id`: its own, where whoever asks for it has told it already."""

    kind: Kind
    video_id: str
    version: str
    asset_id: str | None = None
    detail: Mapping[str, Any] | None = None
    id: str | None = None


class Jobs:
    """Of the owner that is acted for. `lease_seconds`: for how long a worker holds what it claims,
    or holds again. Methods take the transaction that they join as `within`."""

    def __init__(self, client: Prisma, provider: Provider, *, lease_seconds: float = 60) -> None:
        self.client = client
        self.provider: Provider = provider
        self.holder = secrets.token_hex(8)
        self.lease_seconds = lease_seconds
        self._now = NOW[provider]

    async def add(
        self, jobs: Sequence[NewJob], *, anew: bool = False, within: Prisma | None = None
    ) -> int:
        """Those that there were not. `anew`: one that has ended is queued again. How many are
        queued by it."""
        queued = 0
        for start in range(0, len(jobs), _AT_ONCE):
            query = Conditions(self.provider)
            given = [
                {
                    "id": job.id or cuid(),
                    "kind": job.kind,
                    "video_id": job.video_id,
                    "version": job.version,
                    "asset_id": job.asset_id,
                    "detail": _detail_text(job.detail),
                }
                for job in jobs[start : start + _AT_ONCE]
            ]
            columns = ("id", "kind", "video_id", "version", "asset_id", "detail")
            source = rows_of(query, given, dict.fromkeys(columns, "text"))
            queued += await (within or self.client).execute_raw(
                f"INSERT INTO twelvelabs_job (owner, {', '.join(columns)}, due_at, created_at,"
                f" updated_at) SELECT {OWNER}, {', '.join(columns)}, {self._now}, {self._now},"
                f" {self._now} FROM {source} AS given WHERE true"
                f" ON CONFLICT (owner, kind, video_id, version) DO {self._again(anew)}",
                *query.args,
            )
        return queued

    def _again(self, anew: bool) -> str:
        if not anew:
            return "NOTHING"
        return (
            "UPDATE SET status = 'queued', attempts = 0, due_at = excluded.due_at, holder = NULL,"
            " detail = excluded.detail, last_error = NULL, updated_at = excluded.updated_at"
            " WHERE twelvelabs_job.status IN ('done', 'failed')"
        )

    async def find(self, id_: str) -> Job | None:
        query = Conditions(self.provider)
        row: Any = await self.client.query_first(
            f"SELECT {_COLUMNS} FROM twelvelabs_job AS j"
            f" WHERE {owned('j')} AND id = {query.bind(id_)}",
            *query.args,
        )
        return None if row is None else _job(row)

    async def find_of(self, kind: Kind, video_id: str, version: str) -> Job | None:
        query = Conditions(self.provider)
        row: Any = await self.client.query_first(
            f"SELECT {_COLUMNS} FROM twelvelabs_job AS j WHERE {owned('j')}"
            f" AND kind = {query.bind(kind)} AND video_id = {query.bind(video_id)}"
            f" AND version = {query.bind(version)}",
            *query.args,
        )
        return None if row is None else _job(row)

    async def claim(
        self, kinds: Iterable[Kind], *, limit: int = 1, within: Prisma | None = None
    ) -> list[Job]:
        """Some that are due, which are this holder's from now on, those that have waited longest
        first. Each counts as an attempt."""
        query = Conditions(self.provider)
        change = (
            f"UPDATE twelvelabs_job AS j SET status = 'running', holder = {query.bind(self.holder)}"
            f", due_at = {self._now} + {query.bind(self._lease)}, attempts = attempts + 1,"
            f" updated_at = {self._now}"
        )
        names = ", ".join(query.bind(kind) for kind in kinds)
        due = (
            f"SELECT id FROM twelvelabs_job AS d WHERE {owned('d')} AND kind IN ({names})"
            f" AND status IN ('queued', 'running') AND due_at <= {self._now}"
            f" ORDER BY due_at, id LIMIT {query.bind(limit)}"
        )
        chosen = f"IN ({due})"
        if self.provider == "postgresql":
            # An array is made once; what is IN a query might be chosen, and locked, several times.
            chosen = f"= ANY (ARRAY({due} FOR UPDATE SKIP LOCKED))"
        rows: Any = await (within or self.client).query_raw(
            f"{change} WHERE {owned('j')} AND id {chosen} RETURNING {_COLUMNS}", *query.args
        )
        return [_job(row) for row in rows]

    async def hold(self, job: Job) -> None:
        """For another lease. Raises JobLost."""
        await self._write(job, {}, self._due(self.lease_seconds))

    async def note(self, job: Job, *, within: Prisma | None = None, **columns: Any) -> None:
        """Remember what is known now: `detail`, `video_id`, `asset_id`, `version`. Raises
        JobLost."""
        if "detail" in columns:
            columns["detail"] = _detail_text(columns["detail"])
        await self._write(job, columns, self._due(self.lease_seconds), within)

    async def finish(
        self,
        job: Job,
        *,
        tokens: int = 0,
        prompt_version: str | None = None,
        within: Prisma | None = None,
    ) -> None:
        """Raises JobLost."""
        columns = {
            "status": "done", "holder": None, "last_error": None, "tokens": job.tokens + tokens,
            "prompt_version": prompt_version,
        }  # fmt: skip
        await self._write(job, columns, self._now, within)

    async def try_again(
        self, job: Job, error: str | None, *, seconds: float, tokens: int = 0, counts: bool = True
    ) -> None:
        """Not before so many seconds. `counts`: it was an attempt. Raises JobLost."""
        columns = {
            "status": "queued", "holder": None, "tokens": job.tokens + tokens,
            "attempts": job.attempts if counts else job.attempts - 1,
            "last_error": _cut(error),
        }  # fmt: skip
        await self._write(job, columns, self._due(seconds))

    async def fail(
        self, job: Job, error: str, *, tokens: int = 0, within: Prisma | None = None
    ) -> None:
        """Raises JobLost."""
        columns = {
            "status": "failed", "holder": None, "tokens": job.tokens + tokens,
            "last_error": _cut(error),
        }  # fmt: skip
        await self._write(job, columns, self._now, within)

    async def drop(
        self, kind: Kind, video_ids: Sequence[str], error: str, *, within: Prisma | None = None
    ) -> int:
        """Those that are queued end as failed, with this reason."""
        query = Conditions(self.provider)
        change = (
            f"UPDATE twelvelabs_job AS j SET status = 'failed', last_error = {query.bind(error)},"
            f" updated_at = {self._now}"
        )
        change += f" WHERE {owned('j')} AND status = 'queued' AND kind = {query.bind(kind)}"
        names = ", ".join(query.bind(video_id) for video_id in video_ids)
        return await (within or self.client).execute_raw(
            f"{change} AND video_id IN ({names})", *query.args
        )

    async def counts(self) -> dict[str, dict[str, int]]:
        """By kind and status."""
        rows: Any = await self.client.query_raw(
            f"SELECT kind, status, count(*) AS count FROM twelvelabs_job AS j WHERE {owned('j')}"
            " GROUP BY kind, status"
        )
        counts: dict[str, dict[str, int]] = {}
        for row in rows:
            counts.setdefault(row["kind"], {})[row["status"]] = int(row["count"])
        return counts

    async def seconds_until_due(self, kinds: Iterable[Kind]) -> float | None:
        """Until the next is due; None: there is none."""
        query = Conditions(self.provider)
        names = ", ".join(query.bind(kind) for kind in kinds)
        row: Any = await self.client.query_first(
            f"SELECT min(due_at) - {self._now} AS left FROM twelvelabs_job AS j"
            f" WHERE {owned('j')} AND kind IN ({names}) AND status IN ('queued', 'running')",
            *query.args,
        )
        left = None if row is None else row["left"]
        return None if left is None else max(0.0, int(left) / 1000)

    @property
    def _lease(self) -> int:
        return int(self.lease_seconds * 1000)

    def _due(self, seconds: float) -> str:
        return f"{self._now} + {int(seconds * 1000)}"

    async def _write(
        self, job: Job, columns: Mapping[str, Any], due_at: str, within: Prisma | None = None
    ) -> None:
        query = Conditions(self.provider)
        changes = [f"{name} = {query.bind(value)}" for name, value in columns.items()]
        changes += [f"due_at = {due_at}", f"updated_at = {self._now}"]
        written = await (within or self.client).execute_raw(
            f"UPDATE twelvelabs_job AS j SET {', '.join(changes)} WHERE {owned('j')}"
            f" AND id = {query.bind(job.id)} AND holder = {query.bind(self.holder)}"
            f" AND status = 'running' AND due_at > {self._now}",
            *query.args,
        )
        if not written:
            raise JobLost(job.id)


def _job(row: Mapping[str, Any]) -> Job:
    numbers = ("attempts", "due_at", "tokens", "created_at", "updated_at")
    return Job(
        **{
            **row,
            **{name: int(row[name]) for name in numbers},
            "detail": orjson.loads(row["detail"]) if row["detail"] else {},
        }
    )


def _detail_text(detail: Mapping[str, Any] | None) -> str | None:
    """Raises ValueError."""
    if not detail:
        return None
    text = orjson.dumps(detail)
    if len(text) > _MOST_DETAIL_BYTES:
        raise ValueError(f"A job remembers at most {_MOST_DETAIL_BYTES} bytes")
    return text.decode()


def _cut(error: str | None) -> str | None:
    return None if error is None else error[:LONGEST_ERROR]
