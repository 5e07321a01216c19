"""The measurement: contestants one after another, again and again, so that what disturbs the
machine for a while disturbs them alike.

The server has one core for itself; the load and PostgreSQL share the other. One contestant runs at
a time, on a fresh copy of the data, started anew in each round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from bench import answers, server
from bench.contestants import Contestant, Provider
from bench.databases import Databases
from bench.operations import CREATE, GET, LIST, LoadFailedError, LoadGenerator, Operation
from bench.records import Row, Source, rows
from bench.server import Server, ServerFailedError

SERVER_CORE = 0
LOAD_CORE = 1
WARM_UP_SECONDS = 1.0
NEWEST = 200

Log = Callable[[str], None]


@dataclass(frozen=True)
class Sample:
    """One operation of one contestant in one round."""

    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float
    """Of the server's processes, per request."""
    busy: float
    """The share of its core that the server used: below 1, something else held it up."""


@dataclass
class Measured:
    """All rounds of one contestant."""

    starts: list[float] = field(default_factory=list)
    """Seconds to the first answer."""
    resident: list[int] = field(default_factory=list)
    """Bytes, after the load."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Bench:
    databases: dict[Provider, Databases]
    sources: list[Source]
    load: LoadGenerator
    folder: Path
    port: int
    log: Log

    def compare(
        self,
        contestants: Sequence[Contestant],
        operations: Sequence[Operation],
        *,
        size: int,
        rounds: int,
        seconds: float,
    ) -> dict[str, Measured]:
        for contestant in contestants:
            self.fill(contestant, size)
        newest = newest_rows(self.sources, size)
        for contestant in contestants:
            with self.running(contestant, size, flush=False) as (running, url):
                if contestant.provider is not None and url is not None:
                    databases, at = self.databases[contestant.provider], url

                    def stored(video_id: str) -> str | None:
                        return databases.stored(at, video_id)  # noqa: B023  used within the turn

                    headers = self._headers(contestant)
                    answers.check(running.port, newest, stored, headers)
            self.log(f"{contestant.name}: answers are right")
        measured = {contestant.name: Measured() for contestant in contestants}
        for turn in range(rounds):
            for contestant in contestants:
                self._round(contestant, operations, size, seconds, measured[contestant.name])
                self.log(
                    f"round {turn + 1}/{rounds} {contestant.name}: "
                    + ", ".join(
                        f"{name} {samples[-1].rate:,.0f}/s {samples[-1].cpu_us:,.0f} us"
                        for name, samples in measured[contestant.name].samples.items()
                    )
                )
        return measured

    def cost_by_size(
        self, contestants: Sequence[Contestant], sizes: Sequence[int], *, seconds: float
    ) -> dict[str, dict[str, dict[int, float]]]:
        """contestant -> operation -> rows in the table -> microseconds, from one client that waits
        for each answer: the whole cost, that of PostgreSQL's own process included."""
        cost: dict[str, dict[str, dict[int, float]]] = {}
        for size in sizes:
            for contestant in contestants:
                self.fill(contestant, size)
                with self.running(contestant, size, flush=False) as (running, _):
                    for operation in (GET, LIST, CREATE):
                        for duration in (WARM_UP_SECONDS, seconds):
                            seen = self.load.run(
                                operation, running.port, duration, size=size, connections=1
                            )
                        by_size = cost.setdefault(contestant.name, {})
                        by_size.setdefault(operation.name, {})[size] = seen.p50_us
                        self.log(
                            f"{size:,} rows, {contestant.name}: "
                            f"{operation.name} {seen.p50_us:.0f} us"
                        )
        return cost

    def _round(
        self,
        contestant: Contestant,
        operations: Sequence[Operation],
        size: int,
        seconds: float,
        measured: Measured,
    ) -> None:
        for flush in (False, True):
            some = [
                operation
                for operation in operations
                if operation.flush is flush and (contestant.is_ours or not operation.ours_alone)
            ]
            if flush and contestant.provider is None:
                continue  # it stores nothing
            if not some:
                continue
            with self.running(contestant, size, flush=flush) as (running, _):
                for operation in some:
                    key = self._key(contestant)
                    sample = self._sample(operation, running, size, seconds, key)
                    measured.samples.setdefault(operation.name, []).append(sample)
                if not flush:
                    measured.starts.append(running.seconds_to_first_answer)
                    measured.resident.append(running.resident_bytes())

    def _sample(
        self, operation: Operation, running: Server, size: int, seconds: float, key: str | None
    ) -> Sample:
        self.load.run(operation, running.port, WARM_UP_SECONDS, size=size, key=key)
        before = running.cpu_seconds()
        seen = self.load.run(operation, running.port, seconds, size=size, key=key)
        used = running.cpu_seconds() - before
        return Sample(
            rate=seen.rate,
            p50_us=seen.p50_us,
            p99_us=seen.p99_us,
            cpu_us=used / seen.requests * 1e6,
            busy=used / seen.seconds,
        )

    @contextmanager
    def running(
        self, contestant: Contestant, size: int, *, flush: bool
    ) -> Iterator[tuple[Server, str | None]]:
        url = None
        if contestant.provider is not None:
            databases = self.databases[contestant.provider]
            databases.flush_writes(flush)
            url = databases.copy(contestant.layout, size)
        log = self.folder / f"{contestant.name}.log"
        running = server.start(
            contestant.command_for(port=self.port),
            folder=contestant.folder,
            environment=contestant.environment_for(url, port=self.port, flush=flush),
            port=self.port,
            path=answers.COLLECTION + self.sources[0].video_id,
            core=SERVER_CORE,
            log=log,
            headers=self._headers(contestant),
        )
        try:
            yield running, url
        except LoadFailedError as error:
            raise ServerFailedError(
                f"{contestant.name}: {error}; its log ends with\n"
                f"{log.read_text(errors='replace')[-3000:]}"
            ) from error
        finally:
            running.stop()

    def _key(self, contestant: Contestant) -> str | None:
        if not contestant.needs_key or contestant.provider is None:
            return None
        return self.databases[contestant.provider].key

    def _headers(self, contestant: Contestant) -> dict[str, str]:
        key = self._key(contestant)
        return {} if key is None else {"X-API-Key": key}

    def fill(self, contestant: Contestant, size: int) -> None:
        if contestant.provider is not None:
            databases = self.databases[contestant.provider]
            databases.fill(contestant.layout, size, rows(self.sources, size))


def newest_rows(sources: list[Source], size: int) -> list[Row]:
    last = list(islice(rows(sources, size), max(0, size - NEWEST), None))
    return last[::-1]
