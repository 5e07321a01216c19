"""Videos described: a job claimed, the model asked, its answer stored as the video's record.

The record, the end of the job, what is known of the video and what the answer has cost are written
by one transaction, and only while the job is held: however often a worker dies, a version of a
video is described once. An answer that was paid for may be lost with its worker, and is asked for
again.

What goes wrong is of one of three kinds: Twelve Labs does not take or answer requests, which says
nothing of the job, so it waits and no attempt is counted; an answer is no good, which is tried
again a few times, with more tokens where it was cut; or the video is refused, and the job fails.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from backend.core.database import translated_errors
from backend.core.errors import ServiceError
from backend.core.threads import apart_if_long
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.records import DatabaseService, Given, HumanValue, Outcome
from backend.twelvelabs.answers import BadAnswer, Prompt, fields_of
from backend.twelvelabs.client import Asked, TwelveLabs
from backend.twelvelabs.errors import Incomplete, NotFound, RateLimited, Rejected, Unavailable
from backend.twelvelabs.held import work_next
from backend.twelvelabs.jobs import Job, Jobs
from backend.twelvelabs.usage import Usage
from backend.twelvelabs.videos import GONE, READY, IndexedVideo, Videos
from backend.twelvelabs.wire import Analysis, IndexedAsset

if TYPE_CHECKING:
    from prisma import Prisma

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
"""Answers that are no good, of one job."""
LONGEST_ASKED_AT_ONCE = 3600.0
"""Seconds of video. Of a longer one a task is made at Twelve Labs, and asked for now and then."""
MOST_TOKENS = 98_304
MOST_TOKENS_BEFORE = 4_096
"""Of an answer: of the models of now, and of those of the older interface."""
WRITTEN_BACK = ("tags", "people", "mood", "recorded_date")
"""Fields that the index gets where others have changed them (see write_back.py)."""
_TASK_SECONDS = 15.0
_LONGEST_DELAY = 600.0
_DOWN_SECONDS = 30.0
_REFUSED_SECONDS = 300.0
_OF_THE_ACCOUNT = {
    "api_key_invalid", "unauthorized", "api_not_allowed", "api_allowed_for_paid_plan",
    "region_not_allowed", "insufficient_funds", "api_upgrade_required",
}  # fmt: skip


class Describer:
    """`longest`: of a description, in characters."""

    def __init__(
        self,
        database: DatabaseService,
        client: TwelveLabs,
        videos: Videos,
        jobs: Jobs,
        usage: Usage,
        prompt: Prompt,
        *,
        longest: int,
    ) -> None:
        self._database = database
        self._client = client
        self._videos = videos
        self._jobs = jobs
        self._usage = usage
        self._prompt = prompt
        self._longest = longest
        self._resumes = 0.0
        self.waits_for: str | None = None
        """Why nothing is asked for now."""

    @translated_errors
    async def describe_next(self) -> bool:
        """The job that is due; False: none is, or nothing may be asked for now."""
        if monotonic() < self._resumes:
            return False
        self.waits_for = None
        return await work_next(self._jobs, "describe", self._work, may_begin=self._has_room)

    async def _has_room(self) -> bool:
        if await self._usage.has_room():
            return True
        self._wait_for_tomorrow()
        return False

    async def _work(self, job: Job) -> None:
        video = await self._videos.find(job.video_id)
        if video is None or video.status == GONE:
            await self._jobs.fail(job, "The index has this video no longer.")
        elif video.version != job.version:
            await self._jobs.finish(job)  # there is a job for the version of now
        elif video.status != READY:
            await self._jobs.try_again(job, None, seconds=_DOWN_SECONDS, counts=False)
        elif self._usage.is_too_long(video.duration):
            await self._fail(job, "The video is longer than what a day's budget allows.")
        else:
            await self._describe(job, video)

    async def _describe(self, job: Job, video: IndexedVideo) -> None:
        is_new = "task" not in job.detail
        if is_new and not await self._usage.take(video.duration):
            self._wait_for_tomorrow()
            await self._jobs.try_again(job, job.last_error, seconds=0, counts=False)
            return
        analysis: Analysis | None = None
        try:
            analysis = await self._analysis(job, video)
            if analysis is not None:
                await self._store(job, video, analysis)
        except RateLimited as error:
            await self._was_not_made(video, is_new)
            await self._put_off(job, error, error.retry_after)
        except Unavailable as error:
            await self._was_not_made(video, is_new and not error.may_have_acted)
            if await self._answers():
                await self._try_again(job, str(error), 0)
            else:
                await self._put_off(job, error, _DOWN_SECONDS)
        except Incomplete as error:
            await self._cut(job, error)
        except Rejected as error:
            await self._was_not_made(video, is_new)
            if error.code in _OF_THE_ACCOUNT or error.answered in (401, 402, 403):
                await self._put_off(job, error, _REFUSED_SECONDS)
            else:
                await self._fail(job, str(error))
        except BadAnswer as error:
            await self._try_again(job, str(error), _tokens(analysis))

    async def _was_not_made(self, video: IndexedVideo, is_so: bool) -> None:
        """An analysis that there was room for."""
        if is_so:
            await self._usage.add(analyses=-1, seconds=-video.duration)

    # Asking

    async def _analysis(self, job: Job, video: IndexedVideo) -> Analysis | None:
        """None: it is being made, and the job is put off until then."""
        asset = IndexedAsset.model_validate({"_id": video.video_id, "asset_id": video.asset_id})
        prompt, asked = self._prompt, self._asked(job)
        if video.duration <= LONGEST_ASKED_AT_ONCE:
            return await self._client.analyze(asset, prompt.text, **asked)
        if (task_id := job.detail.get("task")) is None:
            number = job.detail.get("tasks", 0)
            task = await self._client.start_analysis(
                asset,
                prompt.text,
                **asked,
                custom_id=job.id,
                idempotency_key=f"{job.id}-{number}",
            )
            detail = {**job.detail, "task": task.task_id, "tasks": number + 1}
            await self._jobs.note(job, detail=detail)
        else:
            try:
                task = await self._client.analysis_task(task_id)
            except NotFound:
                await self._without_task(job)
                raise BadAnswer("Twelve Labs has the analysis no longer") from None
        if task.status in ("failed", "canceled"):
            await self._without_task(job)
            raise BadAnswer(f"The analysis at Twelve Labs has {task.status}")
        if task.result is None:
            await self._jobs.try_again(job, None, seconds=_TASK_SECONDS, counts=False)
            return None
        if task.result.finish_reason == "length":
            await self._without_task(job)
        return task.result.whole()

    def _asked(self, job: Job) -> Asked:
        return {
            "schema": dict(self._prompt.schema),
            "temperature": self._prompt.temperature,
            "max_tokens": self._tokens_of(job),
            "model": self._prompt.model,
        }

    def _tokens_of(self, job: Job) -> int:
        wanted: int = job.detail.get("max_tokens", self._prompt.max_tokens)
        return min(wanted, self._most_tokens)

    @property
    def _most_tokens(self) -> int:
        older = self._client.rules.generation == "2026-03"
        return MOST_TOKENS_BEFORE if older else MOST_TOKENS

    async def _without_task(self, job: Job) -> None:
        detail = {name: value for name, value in job.detail.items() if name != "task"}
        await self._jobs.note(job, detail=detail)

    async def _answers(self) -> bool:
        """Whether Twelve Labs answers at all."""
        try:
            await self._client.index()
        except (RateLimited, Unavailable):
            return False
        except Rejected:
            pass
        return True

    # Storing

    async def _store(self, job: Job, video: IndexedVideo, analysis: Analysis) -> None:
        fields = await self._fields(analysis)
        if video.duration:
            fields["duration"] = round(video.duration, 3)
        prompt, tokens = self._prompt, _tokens(analysis)
        source = {"kind": "machine", "model": prompt.model, "prompt_version": prompt.version}
        create = VideoAnalysisCreate.model_validate(
            {"video_id": video.video_id, **fields, "source": source}
        )
        kept: list[str] = []

        async def committing(transaction: Prisma, outcomes: Sequence[Outcome]) -> None:
            if any(outcome.error is not None for outcome in outcomes):
                return
            said = {name: fields[name] for name in WRITTEN_BACK if name in fields}
            await self._videos.note(
                video.video_id,
                described=job.version,
                finish_reason=analysis.finish_reason,
                prompt_version=prompt.version,
                kept=kept,
                sent={**video.sent, **said},
                last_error=None,
                within=transaction,
            )
            await self._jobs.finish(
                job, tokens=tokens, prompt_version=prompt.version, within=transaction
            )
            await self._usage.add(tokens=tokens, within=transaction)

        while True:
            patch = VideoAnalysisPatch.model_validate({**fields, "source": source})
            (outcome,) = await self._database.write_many(
                [Given(video.video_id, create, patch)], "upsert", progress=committing
            )
            if not isinstance(outcome.error, HumanValue):
                break
            human: Mapping[str, Any] = outcome.error.more["human"]
            kept += human
            fields = {name: value for name, value in fields.items() if name not in human}
        if outcome.error is not None:
            await self._usage.add(tokens=tokens)
            await self._fail(job, str(outcome.error), tokens)

    async def _fields(self, analysis: Analysis) -> dict[str, Any]:
        said = analysis.data
        return await apart_if_long(len(said), lambda: fields_of(said, longest=self._longest))

    # What goes wrong

    async def _cut(self, job: Job, error: Incomplete) -> None:
        tokens, asked = _tokens(error.analysis), self._tokens_of(job)
        if error.reason != "length":
            await self._try_again(job, str(error), tokens)
            return
        await self._videos.note(job.video_id, finish_reason="length")
        if asked >= self._most_tokens:
            said = f"The answer was cut at {asked} tokens, the most that there can be."
            await self._usage.add(tokens=tokens)
            await self._fail(job, said, tokens)
            return
        detail = {name: value for name, value in job.detail.items() if name != "task"}
        detail["max_tokens"] = min(4 * asked, self._most_tokens)
        await self._jobs.note(job, detail=detail)
        await self._try_again(job, f"The answer was cut at {asked} tokens.", tokens)

    async def _try_again(self, job: Job, error: str, tokens: int) -> None:
        if tokens:
            await self._usage.add(tokens=tokens)
        if job.attempts >= MOST_ATTEMPTS:
            await self._fail(job, f"{error} (after {job.attempts} attempts)", tokens)
            return
        delay = min(_LONGEST_DELAY, 2.0**job.attempts) * random.uniform(0.5, 1)
        await self._jobs.try_again(job, error, seconds=delay, tokens=tokens)

    async def _put_off(self, job: Job, error: ServiceError, seconds: float) -> None:
        """Nothing is wrong with the job: it is not for now, and neither are others."""
        self._wait(seconds, str(error))
        delay = seconds * random.uniform(1, 1.2)
        await self._jobs.try_again(job, str(error), seconds=delay, counts=False)

    async def _fail(self, job: Job, error: str, tokens: int = 0) -> None:
        logger.warning("Twelve Labs: %s is not described: %s", job.video_id, error)
        async with self._database.client.tx() as transaction:
            await self._jobs.fail(job, error, tokens=tokens, within=transaction)
            await self._videos.note(job.video_id, last_error=error, within=transaction)

    def _wait(self, seconds: float, reason: str) -> None:
        if self.waits_for is None:
            logger.warning(
                "Twelve Labs: nothing is described for %.0f seconds: %s", seconds, reason
            )
        self.waits_for = reason
        self._resumes = max(self._resumes, monotonic() + seconds)

    def _wait_for_tomorrow(self) -> None:
        now = datetime.now(UTC)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=1, microsecond=0)
        self._wait((tomorrow - now).total_seconds(), "The day's budget is used up.")


def _tokens(analysis: Analysis | None) -> int:
    return 0 if analysis is None else analysis.usage.input_tokens + analysis.usage.output_tokens
