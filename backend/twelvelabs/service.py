"""The index and the records in step: what of it is asked for, told, and done by the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from backend.core import cursors
from backend.core.database import translated_errors
from backend.history import Following
from backend.models.schemas import in_milliseconds
from backend.records import DatabaseService
from backend.twelvelabs.answers import Prompt
from backend.twelvelabs.client import TwelveLabs
from backend.twelvelabs.describer import Describer
from backend.twelvelabs.errors import Unavailable
from backend.twelvelabs.index import Index
from backend.twelvelabs.jobs import Jobs, NewJob
from backend.twelvelabs.reconcile import Reconciler
from backend.twelvelabs.runs import Run, RunKind, Runs
from backend.twelvelabs.uploading import Uploader
from backend.twelvelabs.usage import Budget, Usage
from backend.twelvelabs.videos import GONE, STATES, IndexedVideo, State, Videos
from backend.twelvelabs.worker import Step, Worker
from backend.twelvelabs.write_back import WriteBack

Listed = State | Literal["unheld"]
LISTED = (*STATES, "unheld")
"""Of which the videos can be listed."""

_ASKED_AT_ONCE = 500
_SHOWN_RUNS = 5
_NOTICED_SECONDS = 5.0
"""Who has told something waits for the answer, and tells it again if there is none."""


@dataclass(frozen=True, slots=True)
class SyncRules:
    """`poll`: seconds between two looks at the index; `all_every`: after so many all of its videos
    are looked at again. `concurrency`: descriptions of one process at the same time. `longest`: of
    a description, in characters. `works`: the service has a worker of its own."""

    poll: float = 60
    all_every: float = 3600
    concurrency: int = 2
    lease_seconds: float = 60
    budget: Budget = field(default_factory=Budget)
    prompt: Prompt = field(default_factory=Prompt)
    writes_back: bool = False
    longest: int = 65_535
    works: bool = True


class SyncService:
    """Its methods act for the owner of the index; for others, and without a key, they raise
    NotSetUp."""

    def __init__(self, database: DatabaseService, index: Index, rules: SyncRules) -> None:
        client, provider = database.client, database.provider
        self._index = index
        self.rules = rules
        self._database = database
        self.jobs = Jobs(client, provider, lease_seconds=rules.lease_seconds)
        self.videos = Videos(client, provider)
        self.runs = Runs(client, provider)
        self._usage = Usage(client, provider, rules.budget)
        self._describer: Describer | None = None
        self._reconciler: Reconciler | None = None
        self._write_back: WriteBack | None = None
        self.worker: Worker | None = None
        if index.client is not None:
            self._make(index.client)
            database.before_disconnect(self.stop)

    def start(self) -> None:
        """The worker, where the service is to have one."""
        if self.rules.works:
            self.start_worker()

    def start_worker(self) -> None:
        if self.worker is not None:
            self.worker.start()

    async def stop(self) -> None:
        """May be called more than once."""
        if self.worker is not None:
            await self.worker.stop()

    def wake(self) -> None:
        """There is something to do."""
        if self.worker is not None:
            self.worker.wake()

    def _make(self, client: TwelveLabs) -> None:
        self._describer = Describer(
            self._database,
            client,
            self.videos,
            self.jobs,
            self._usage,
            self.rules.prompt,
            longest=self.rules.longest,
        )
        self._reconciler = Reconciler(self._database, client, self.videos, self.jobs, self.runs)
        steps: list[Step] = [self._run_if_due]
        steps += [self._describer.describe_next] * self.rules.concurrency
        steps += [Uploader(client, self.jobs, self._reconciler).upload_next]
        if self.rules.writes_back:
            name = f"Twelve Labs of {self._index.owner}"
            following = Following(self._database, name, self._index.owner)
            self._write_back = WriteBack(self._database, client, self.videos, self.jobs, following)
            steps += [self._write_back.follow, self._write_back.write_next]
        self.worker = Worker(self._index.owner, steps)

    # Asked for

    @translated_errors
    async def ask(self, kind: RunKind = "full") -> dict[str, Any]:
        """For a run, which begins soon: the one that waits, as JSON has it."""
        self._index.required()
        run = await self.runs.ask(kind)
        self.wake()
        return _shown_run(run)

    async def noticed(self, id_: str) -> None:
        """Twelve Labs has told that something has become of this; its id may be a task's."""
        self._index.required()
        await self.ask("new")
        if self._reconciler is None or await self.videos.find(id_) is None:
            return
        try:
            async with asyncio.timeout(_NOTICED_SECONDS):
                await self._reconciler.one(id_)
        except TimeoutError:
            raise Unavailable(f"no answer in {_NOTICED_SECONDS:g} seconds") from None

    @translated_errors
    async def describe(self, video_ids: Sequence[str]) -> int:
        """Anew, also what was done or has failed. How many are queued by it."""
        self._index.required()
        queued = 0
        for start in range(0, len(video_ids), _ASKED_AT_ONCE):
            found = await self.videos.find_all(video_ids[start : start + _ASKED_AT_ONCE])
            queued += await self._describe([video for video in found if video.status != GONE])
        return queued

    @translated_errors
    async def describe_those(self, state: State) -> int:
        """All of a state."""
        self._index.required()
        queued, after = 0, None
        while found := await self.videos.page(state, after=after, limit=_ASKED_AT_ONCE):
            after = found[-1].video_id
            queued += await self._describe(found)
        return queued

    async def _describe(self, videos: Sequence[IndexedVideo]) -> int:
        queued = await self.jobs.add(
            [NewJob("describe", each.video_id, each.version, each.asset_id) for each in videos],
            anew=True,
        )
        for video in videos:
            if video.last_error is not None or video.finish_reason is not None:
                await self.videos.note(video.video_id, last_error=None, finish_reason=None)
        self.wake()
        return queued

    # Told

    @translated_errors
    async def status(self) -> dict[str, Any]:
        """What TwelveLabsStatus describes, as JSON has it, but for its videos."""
        client = self._index.required()
        used, budget = await self._usage.today(), self.rules.budget
        runs = await self.runs.latest(_SHOWN_RUNS)
        return {
            "index_id": client.rules.index_id,
            "videos": await self.videos.counts(),
            "jobs": await self.jobs.counts(),
            "runs": [_shown_run(run) for run in runs],
            "today": {
                "analyses": used.analyses,
                "minutes": round(used.seconds / 60, 2),
                "tokens": used.tokens,
                "most_minutes": budget.minutes or None,
                "most_tokens": budget.tokens or None,
            },
            "waits_for": self._describer.waits_for if self._describer else None,
            "works_here": self.worker is not None and self.worker.is_running,
        }

    @translated_errors
    async def listed(
        self, state: Listed, *, limit: int, cursor: str | None = None
    ) -> dict[str, Any]:
        """What IndexedVideoPage describes, as JSON has it."""
        self._index.required()
        purpose = f"twelvelabs {state}"
        after = None if cursor is None else _after(cursors.decode(cursor, purpose))
        if state == "unheld":
            found = await self.videos.page_of_unheld(after=after, limit=limit + 1)
        else:
            found = await self.videos.page(state, after=after, limit=limit + 1)
        shown = found[:limit]
        more = len(found) > limit
        return {
            "videos": [_shown_video(video) for video in shown],
            "count": len(shown),
            "next_cursor": cursors.encode(purpose, [shown[-1].video_id]) if more else None,
        }

    # Done

    async def run_now(self) -> bool:
        """The run that waits, in this process; false: none does, or another process runs one."""
        self._index.required()
        assert self._reconciler is not None
        run = await self.runs.begin()
        if run is None:
            return False
        await self._reconciler.run(run)
        return True

    async def describe_next(self) -> bool:
        """As the worker does."""
        self._index.required()
        assert self._describer is not None
        return await self._describer.describe_next()

    async def follow(self) -> bool:
        """The change log, as the worker does, where the index is told what is changed here."""
        self._index.required()
        return self._write_back is not None and await self._write_back.follow()

    async def write_next(self) -> bool:
        """As the worker does."""
        self._index.required()
        return self._write_back is not None and await self._write_back.write_next()

    async def _run_if_due(self) -> bool:
        rules = self.rules
        await self.runs.ask_if_due(every=rules.poll, all_every=rules.all_every)
        return await self.run_now()


def _after(position: list[Any]) -> str:
    """Raises InvalidRequest."""
    match position:
        case [str(video_id)]:
            return video_id
    raise cursors.refused("This is no cursor that an answer gave as next_cursor")


def _shown_run(run: Run) -> dict[str, Any]:
    return {
        **asdict(run),
        "started_at": _time(run.started_at),
        "finished_at": _time(run.finished_at),
    }


def _shown_video(video: IndexedVideo) -> dict[str, Any]:
    return {
        "video_id": video.video_id,
        "state": video.state,
        "status": video.status,
        "version": video.version,
        "described": video.described,
        "duration": video.duration,
        "prompt_version": video.prompt_version,
        "kept": list(video.kept),
        "unheld": dict(video.unheld),
        "error": video.last_error,
    }


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return in_milliseconds(datetime.fromtimestamp(milliseconds / 1000, UTC))
