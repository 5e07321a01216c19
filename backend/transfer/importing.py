"""Importing: the lines of a file become records, as if each were sent by itself.

    lines  --a thread: read, validated-->  batches  --one transaction each-->  what became of each

With `on_error="stop"` and in a dry run one transaction holds all of them; what became of a line is
told when it has ended, not before: whoever reads slowly must not hold up those who write.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field, replace
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError

from backend.core.errors import FieldError, InvalidRequest, ServiceError
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch, VideoId
from backend.records import (
    DatabaseService,
    Given,
    Mode,
    Once,
    Outcome,
    Progress,
    Status,
    index_entry_of,
    plain_of,
)
from backend.transfer.errors import ImportsRunning, Unreadable
from backend.transfer.pasts import past_of
from backend.transfer.reading import Line
from backend.transfer.validation import OF_THE_SERVICE, valid

if TYPE_CHECKING:
    from prisma import Prisma

OnError = Literal["stop", "continue"]

_OF_THE_SERVICE = frozenset(OF_THE_SERVICE)
_MOST_LINES = 500
_MOST_BYTES = 4 * 2**20
"""Of one transaction."""
MOST_REFUSED = 100_000
"""Lines that are no records: a file of nothing else is not read to its end, which may be far, and
each is told."""
_HELD_IN_MEMORY = 2**20
_TOLD_AT_ONCE = 64 * 1024
_VIDEO_ID: TypeAdapter[str] = TypeAdapter(VideoId)


MOST_AT_ONCE = 2
"""Imports of one process. Each holds a batch of lines in memory, and its file on the disk."""


class ImportTurns:
    def __init__(self) -> None:
        self._running = 0

    def take(self) -> None:
        """Raises ImportsRunning."""
        if self._running >= MOST_AT_ONCE:
            raise ImportsRunning
        self._running += 1

    def give_back(self) -> None:
        self._running -= 1


@dataclass(frozen=True, slots=True)
class Options:
    mode: Mode = "create"
    on_error: OnError = "stop"
    dry_run: bool = False
    override_human: bool = False
    with_history: bool = False
    """Ids, times, versions and changes are taken over with the records."""

    def __post_init__(self) -> None:
        """Raises InvalidRequest."""
        if self.with_history and self.mode not in ("create", "skip"):
            reason = "A history is taken over only of a video that has no record: create, or skip"
            raise InvalidRequest([FieldError(("query", "mode"), reason, "with_history")])


class Written(NamedTuple):
    """What became of a line."""

    line: int
    video_id: str | None
    status: Status
    error: ServiceError | None = None


@dataclass(slots=True)
class Summary:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    last_line: int = 0
    """Up to which all is done that is to be done."""
    resumed_after: int | None = None
    """The line up to which an earlier import had come."""
    dry_run: bool = False
    complete: bool = False
    """Whether all lines were read."""
    committed: bool = False
    """Whether it is stored, what is counted as created and updated."""
    error: ServiceError | None = field(default=None, compare=False)
    """What ended it before its end."""

    @property
    def lines(self) -> int:
        return self.created + self.updated + self.unchanged + self.skipped + self.failed

    def count(self, written: Written) -> None:
        setattr(self, written.status, getattr(self, written.status) + 1)
        self.last_line = written.line

    def as_json(self) -> dict[str, Any]:
        """But for the error."""
        values = asdict(self)
        del values["error"]
        return {"lines": self.lines, **values}


class _Refused(NamedTuple):
    video_id: str | None
    error: ServiceError


@dataclass(slots=True)
class _Batch:
    entries: list[tuple[int, Given | _Refused]] = field(default_factory=list)
    """By their lines."""
    is_last: bool = False
    error: ServiceError | None = None
    """Why nothing can be read after them."""

    @property
    def ends(self) -> bool:
        """Whether none is read after it."""
        return self.is_last or self.error is not None

    @property
    def given(self) -> list[Given]:
        return [each for _, each in self.entries if isinstance(each, Given)]

    def written(self, outcomes: Sequence[Outcome]) -> Iterator[Written]:
        """As far as the outcomes go."""
        rest = iter(outcomes)
        for line, each in self.entries:
            if isinstance(each, _Refused):
                yield Written(line, each.video_id, "failed", each.error)
            elif (outcome := next(rest, None)) is not None:
                yield Written(line, each.video_id, outcome.status, outcome.error)
            else:
                return


class _Stopped(Exception):
    """By the line that failed."""

    def __init__(self, written: Written) -> None:
        super().__init__()
        self.written = written


class Import:
    """`shown` makes of what became of a line what is to be told of it."""

    def __init__(
        self,
        database: DatabaseService,
        lines: Iterator[Line],
        options: Options,
        shown: Callable[[Written], bytes],
        *,
        tells_again: bool = False,
    ) -> None:
        """`tells_again`: what was told of stored lines is kept with them. Where it goes on after
        them, it begins with that."""
        self._database = database
        self._lines = lines
        self._options = options
        self._shown = shown
        self._kept: list[bytes] | None = [] if tells_again else None
        self.summary = Summary(dry_run=options.dry_run)
        """So far; whole when `run` has ended."""
        self._refused = 0
        self.is_stopping = False
        """Set, it ends after the batch that is being written."""
        self._is_left = False
        """Nobody wants what is read."""

    async def run(self, once: Once | None = None, *, anew: bool = False) -> AsyncGenerator[bytes]:
        """Do it; what `shown` has made of each line, many at a time. With `once` it goes on after
        the last line that is stored under this key, unless it is to begin `anew`. What ends it is
        told by the summary; KeyReused and StillRunning are raised."""
        is_whole = self._options.on_error == "stop" or self._options.dry_run
        do = self._all_or_nothing if is_whole else self._in_batches
        async with AsyncExitStack() as stack:
            progress = None
            if once is not None and not self._options.dry_run:
                progress = await stack.enter_async_context(self._database.progress(once, anew=anew))
            async for part in await stack.enter_async_context(aclosing(do(progress))):
                yield part

    async def _in_batches(self, progress: Progress | None) -> AsyncGenerator[bytes]:
        if progress is not None and progress.outcome is not None:
            yield self._resume(progress.outcome)
        try:
            async with aclosing(self._batches()) as batches:
                async for batch in batches:
                    written = await self._write(batch, progress)
                    self.summary.committed = True
                    yield await asyncio.to_thread(self._told, written)
                    self._end_of(batch)
        except ServiceError as error:
            self.summary.error = error

    async def _all_or_nothing(self, progress: Progress | None) -> AsyncGenerator[bytes]:
        if progress is not None and progress.outcome is not None:
            self._resume(progress.outcome)
            self.summary.complete = True
            return
        stops = self._options.on_error == "stop"
        with SpooledTemporaryFile[bytes](_HELD_IN_MEMORY) as told:

            async def work(transaction: Prisma) -> bool:
                async with aclosing(self._batches()) as batches:
                    async for batch in batches:
                        written = await self._write(batch, None, transaction)
                        for each in written:
                            if stops and each.status == "failed":
                                raise _Stopped(each)
                        await asyncio.to_thread(self._tell, written, told)
                        self._end_of(batch)
                if progress is not None:
                    await self._database.advance(progress, _stored(self.summary), transaction)
                self.summary.committed = self.summary.complete and not self._options.dry_run
                return self.summary.committed

            try:
                await self._database.in_one_transaction(work)
            except _Stopped as stopped:
                self._begin_again()
                yield self._told([stopped.written])
                return
            except ServiceError as error:
                if stops:
                    self._begin_again()
                self.summary.error = error
                if stops:
                    return
            told.seek(0)
            while part := await asyncio.to_thread(told.read, _TOLD_AT_ONCE):
                yield part

    def _begin_again(self) -> None:
        """Nothing is stored of what was counted."""
        self.summary = Summary(dry_run=self._options.dry_run)

    def _resume(self, stored: dict[str, Any]) -> bytes:
        """What was told before, where it is kept."""
        told: bytes = stored.get("told", "").encode()
        if self._kept is not None:
            self._kept.append(told)
        counts = {name: number for name, number in stored.items() if name != "told"}
        after = counts["last_line"]
        self.summary = Summary(**counts, resumed_after=after, committed=True)
        self._lines = (line for line in self._lines if line.number > after)
        return told

    async def _batches(self) -> AsyncGenerator[_Batch]:
        """Until the last, or it is stopping. The next one is read while one is written."""
        reading = self._read_soon()
        try:
            while not self.is_stopping:
                batch = await asyncio.shield(reading)
                if batch.ends:
                    yield batch
                    return
                reading = self._read_soon()
                yield batch
        finally:
            # Nobody closes the file while it is read.
            self._is_left = True
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()  # nobody asks for it any more

    def _read_soon(self) -> asyncio.Task[_Batch]:
        return asyncio.create_task(asyncio.to_thread(self._read_batch))

    def _end_of(self, batch: _Batch) -> None:
        """It is written. Raises what ends the import."""
        if batch.error is not None:
            raise batch.error
        self.summary.complete = batch.is_last

    def _read_batch(self) -> _Batch:
        batch, size = _Batch(), 0
        try:
            for line in self._lines:
                if self._is_left:
                    return batch
                given = self._given(line)
                batch.entries.append((line.number, given))
                if isinstance(given, _Refused):
                    self._note_refused()
                size += line.size
                if len(batch.entries) >= _MOST_LINES or size >= _MOST_BYTES:
                    return batch
        except ServiceError as error:
            batch.error = error
        else:
            batch.is_last = True
        return batch

    def _note_refused(self) -> None:
        self._refused += 1
        if self._refused == MOST_REFUSED:
            raise Unreadable(
                f"{MOST_REFUSED} lines are no records, and no more is read. Maybe the columns, or "
                "members, have other names: map=video=video_id."
            )

    async def _write(
        self, batch: _Batch, progress: Progress | None, within: Prisma | None = None
    ) -> list[Written]:
        async def note(transaction: Prisma, outcomes: Sequence[Outcome]) -> None:
            assert progress is not None
            summary = replace(self.summary)
            written = list(batch.written(outcomes))
            for each in written:
                summary.count(each)
            stored: dict[str, Any] = _stored(summary)
            if self._kept is not None:
                stored["told"] = b"".join([*self._kept, *map(self._shown, written)]).decode()
            await self._database.advance(progress, stored, transaction)

        outcomes = await self._database.write_many(
            batch.given,
            self._options.mode,
            override_human=self._options.override_human,
            progress=None if progress is None else note,
            within=within,
        )
        await self._database.note_growth(within)
        return list(batch.written(outcomes))

    def _tell(self, written: Sequence[Written], told: IO[bytes]) -> None:
        told.write(self._told(written))

    def _told(self, written: Sequence[Written]) -> bytes:
        for each in written:
            self.summary.count(each)
        told = b"".join(map(self._shown, written))
        if self._kept is not None:
            self._kept.append(told)
        return told

    def _given(self, line: Line) -> Given | _Refused:
        values = line.values
        if isinstance(values, ServiceError):
            return _Refused(None, values)
        if self._options.with_history:
            try:
                past = past_of(values, line.changes)
            except InvalidRequest as error:
                return _Refused(_video_id(values), error)
            return Given(past.analysis.video_id, past.analysis, past=past)
        if not _OF_THE_SERVICE.isdisjoint(values):
            values = {name: said for name, said in values.items() if name not in _OF_THE_SERVICE}
        values = _in_fields(values)
        is_upsert = self._options.mode == "upsert"
        try:
            create = valid(VideoAnalysisCreate, _without_nulls(values) if is_upsert else values)
            self._database.check_length(create.description)
        except InvalidRequest as error:
            return self._not_created(values, error)
        patch = None
        if is_upsert:
            try:
                patch = self._patch(values)
            except InvalidRequest as error:
                return _Refused(create.video_id, error)
        return Given(create.video_id, create, patch, index_entry_of(create))

    def _not_created(self, values: dict[str, Any], error: InvalidRequest) -> Given | _Refused:
        """What makes no record may still change one."""
        video_id = _video_id(values)
        if video_id is None or self._options.mode != "upsert":
            return _Refused(video_id, error)
        try:
            return Given(video_id, error, self._patch(values))
        except InvalidRequest as of_the_patch:
            return _Refused(video_id, of_the_patch)

    def _patch(self, values: dict[str, Any]) -> VideoAnalysisPatch:
        """Raises InvalidRequest."""
        said = {name: each for name, each in values.items() if name != "video_id"}
        patch = valid(VideoAnalysisPatch, said)
        self._database.check_length(patch.description)
        return patch


def _video_id(values: Mapping[str, Any]) -> str | None:
    """None: it is none."""
    try:
        return _VIDEO_ID.validate_python(values.get("video_id"))
    except ValidationError:
        return None


def _in_fields(values: dict[str, Any]) -> dict[str, Any]:
    """A description that is an AI's JSON becomes text, and its other members fields."""
    description, title = values.get("description"), values.get("title")
    tags, extra = values.get("tags") or [], values.get("extra") or {}
    if not (
        isinstance(description, str)
        and isinstance(title, str | None)
        and isinstance(tags, list)
        and all(isinstance(tag, str) for tag in tags)
        and isinstance(extra, dict)
    ):
        return values  # it is refused
    plain = plain_of(description, title=title, tags=tags, extra=extra)
    if plain is None:
        return values
    said = {"title": plain.title, "tags": plain.tags, "extra": plain.extra}
    given = {name: value for name, value in said.items() if value or name in values}
    return {**values, **given, "description": plain.description}


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a merge patch makes of nothing."""
    kept = {name: each for name, each in values.items() if each is not None}
    if isinstance(extra := kept.get("extra"), dict):
        kept["extra"] = {name: each for name, each in extra.items() if each is not None}
    return kept


def _stored(summary: Summary) -> dict[str, int]:
    """To go on from."""
    names = (*get_args(Status), "last_line")
    return {name: getattr(summary, name) for name in names}
