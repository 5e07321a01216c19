"""The worker against a loopback Twelve Labs at which much goes wrong, killed again and again; and a
large index compared with as many records: `make test-twelvelabs`.

Every video ends described once for each of its versions, no job is lost or runs twice at once, what
a person has said stays, and memory does not grow. Not part of `make test`, as it takes minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend.core.caller import actor
from backend.history import AuditFilters
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.models.sources import HUMAN
from backend.records import VideoAnalysisNotFound
from backend.services import Services, make_services
from backend.twelvelabs import Connection, Index, TwelveLabs
from tests.fixtures import Database, SQLite
from tests.twelvelabs.faults import Fault, Faults
from tests.twelvelabs.server import API_KEY, INDEX_ID, LoopbackServer
from tests.twelvelabs.videos import FIRST, made_up, rfc3339

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
VIDEOS = int(os.environ.get("VIDEOS", "5000"))
KILLS = int(os.environ.get("KILLS", "20"))
FAULTS = float(os.environ.get("FAULTS", "0.08"))
SEED = int(os.environ.get("SEED", "1"))
LARGE = int(os.environ.get("LARGE", "100000"))
"""Videos of the index that is compared, and records beside it."""
CPU_SECONDS = 60.0
MOST_MB = 150.0
"""That comparing adds."""
GROWTH_MB = 30.0
"""Of a worker, from a quarter of its work on."""
LEASE_SECONDS = 10
ACTOR = "twelvelabs worker"


@pytest.fixture
def anyio_backend() -> str:
    """Without asyncio's debug mode, which slows all down."""
    return "asyncio"


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines that are printed at the end."""
    lines: list[str] = []
    yield lines
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        print("\n" + "\n".join(lines))


class WatchedServer(LoopbackServer):
    """Knows which videos are being analysed, and which were so twice at once."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.running: Counter[str] = Counter()
        self.twice: list[str] = []

    async def _analyze(self, request: Request, fault: Fault | None) -> Response:
        id_ = (await request.json())["video"]["asset_id"]
        self.running[id_] += 1
        if self.running[id_] > 1:
            self.twice.append(id_)
        try:
            await asyncio.sleep(0.02)
            return await super()._analyze(request, fault)
        finally:
            self.running[id_] -= 1


class Worker:
    """`memory-mirror worker`, as a process of its own."""

    def __init__(
        self, database: Database, server: LoopbackServer, log: Path, **settings: object
    ) -> None:
        self._environment = {
            **os.environ,
            "DATABASE_URL": database.url,
            **server.settings(),
            "TWELVELABS_POLL": "2",
            "TWELVELABS_RECONCILE": "10",
            "TWELVELABS_LEASE": str(LEASE_SECONDS),
            "TWELVELABS_CONCURRENCY": "8",
            "LOG_LEVEL": "error",
            **{name: str(value) for name, value in settings.items()},
        }
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "worker"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def end(self, *, kill: bool = False) -> int:
        assert self.process is not None
        (self.process.kill if kill else self.process.terminate)()
        code = self.process.wait(60)
        self.process = None
        return code

    @property
    def rss_mb(self) -> float:
        assert self.process is not None
        rss: int = psutil.Process(self.process.pid).memory_info().rss
        return rss / 2**20


@contextlib.asynccontextmanager
async def services_on(database: Database, server: LoopbackServer) -> AsyncIterator[Services]:
    services = make_services(database.url, index=Index(TwelveLabs(server.connection())))
    await services.database.connect()
    try:
        yield services
    finally:
        await services.database.disconnect()


async def counts_of(services: Services) -> dict[str, int]:
    found = (await services.sync.status())["videos"]
    return {name: count for name, count in found.items() if count and name != "kept"}


async def is_done(services: Services) -> bool:
    status = await services.sync.status()
    return await counts_of(services) == {"described": VIDEOS} and (
        status["jobs"]["describe"].keys() == {"done"}
    )


async def until_seen(services: Services) -> None:
    """What the index has now."""
    number = (await services.sync.ask())["number"]
    while True:
        for run in (await services.sync.status())["runs"]:
            if run["number"] >= number and (run["kind"], run["status"]) == ("full", "done"):
                return
        await asyncio.sleep(0.5)


class Person:
    """Says something of videos now and then, and knows what."""

    def __init__(self, services: Services, chosen: list[str], by_chance: random.Random) -> None:
        self._services = services
        self._chosen = chosen
        self._random = by_chance
        self.said: dict[str, dict[str, Any]] = {}
        self.is_done = False

    async def begin(self, number: int) -> None:
        """Records that are there before any worker."""
        for video_id in self._chosen[:number]:
            self.said[video_id] = {"description": f"Our own words of {video_id}."}
            await self._services.database.create_video_analysis(
                VideoAnalysisCreate(video_id=video_id, source=HUMAN, **self.said[video_id])
            )

    async def speak(self) -> None:
        while not self.is_done:
            video_id = self._random.choice(self._chosen)
            fields = {"mood": self._random.choice(["ours", "tender", "wild"])}
            with contextlib.suppress(VideoAnalysisNotFound):
                await self._services.database.patch_video_analysis(
                    video_id, VideoAnalysisPatch(source=HUMAN, **fields)
                )
                self.said.setdefault(video_id, {}).update(fields)
            await asyncio.sleep(0.05)


async def worker_writes(services: Services) -> Counter[str]:
    """By video: how often a worker has written its record."""
    writes: Counter[str] = Counter()
    lines = services.audit.export(AuditFilters(actor=ACTOR))
    async for block in lines:
        for line in map(json.loads, block.splitlines()):
            if line.get("kind") == "video":
                writes[line["name"]] += 1
    return writes


async def test_each_video_is_described_once_whatever_happens(
    own_database: Database, tmp_path: Path, told: list[str]
) -> None:
    by_chance = random.Random(SEED)
    videos = list(made_up(VIDEOS))
    server = WatchedServer(videos, faults=Faults(FAULTS, seed=SEED, hang=1.0, slow=0.1))
    started = time.monotonic()
    with server:
        async with services_on(own_database, server) as services:
            people = by_chance.sample(list(server.videos), max(20, VIDEOS // 20))
            person = Person(services, people, by_chance)
            await person.begin(len(people) // 2)
            lasting = Worker(own_database, server, tmp_path / "lasting.log")
            killed = Worker(own_database, server, tmp_path / "killed.log")
            lasting.start()
            speaking = asyncio.create_task(person.speak())
            versions: Counter[str] = Counter(dict.fromkeys(server.videos, 1))
            rss: list[float] = []
            try:
                for kill in range(KILLS):
                    killed.start()
                    await asyncio.sleep(by_chance.uniform(1, 6))
                    assert killed.end(kill=True) == -9
                    for id_ in by_chance.sample(list(server.videos), max(1, VIDEOS // 500)):
                        if not server.running[server.videos[id_].asset_id]:
                            server.change(id_, summary=f"Indexed anew, the {kill}th time.")
                            versions[id_] += 1
                    if len(rss) == 0 and (await counts_of(services)).get("described", 0) > (
                        VIDEOS / 4
                    ):
                        rss.append(lasting.rss_mb)
                    assert lasting.process is not None
                    assert lasting.process.poll() is None
                if not rss:
                    rss.append(lasting.rss_mb)
                killed.start()
                async with asyncio.timeout(1800):
                    await until_seen(services)
                    while not await is_done(services):  # noqa: ASYNC110 - what others do
                        await asyncio.sleep(1)
                rss.append(lasting.rss_mb)
            finally:
                person.is_done = True
                await speaking
                codes = [each.end() for each in (lasting, killed) if each.process is not None]
            status = await services.sync.status()
            writes = await worker_writes(services)
            records = {
                id_: await services.database.get_video_analysis(id_) for id_ in server.videos
            }
    assert codes == [0, 0]
    assert not server.twice
    assert sum(status["jobs"]["describe"].values()) >= VIDEOS - len(people) // 2
    unchanged = [id_ for id_, number in versions.items() if number == 1 and id_ not in people]
    assert {writes[id_] for id_ in unchanged} == {1}
    assert all(records[id_]["version"] == 1 for id_ in unchanged)
    assert all(writes[id_] <= number for id_, number in versions.items())
    for id_, video in server.videos.items():
        human = person.said.get(id_, {})
        assert {name: records[id_][name] for name in human} == human, id_
        if "description" not in human:
            assert records[id_]["description"] == video.description["summary"]
    assert rss[-1] - rss[0] < GROWTH_MB
    analyses = sum(server.told.analyses.values())
    told.append(
        f"{own_database.provider}: {VIDEOS} videos, {sum(versions.values())} versions,"
        f" {KILLS} kills, {sum(server.faults.done.values())} faults, {analyses} analyses,"
        f" {sum(writes.values())} writes of records, {len(person.said)} with a person's words,"
        f" RSS {rss[0]:.0f} to {rss[-1]:.0f} MB, {time.monotonic() - started:.0f} s"
    )


async def test_no_more_is_asked_than_may_be(
    own_database: Database, tmp_path: Path, told: list[str]
) -> None:
    number = max(20, VIDEOS // 10)
    server = LoopbackServer(made_up(number), limits={"analyze": (40, 1), "reads": (20, 1)})
    started = time.monotonic()
    with server:
        worker = Worker(own_database, server, tmp_path / "worker.log")
        async with services_on(own_database, server) as services:
            worker.start()
            try:
                async with asyncio.timeout(600):
                    while await counts_of(services) != {"described": number}:  # noqa: ASYNC110
                        await asyncio.sleep(0.5)
            finally:
                assert worker.end() == 0
    assert not server.told.refused
    told.append(
        f"{own_database.provider}: {number} videos at 40 analyses a second,"
        f" {time.monotonic() - started:.0f} s, none refused"
    )


class LargeIndex(LoopbackServer):
    """Lists made-up videos, without a look at each for each page."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._items = [
            {
                "_id": f"{n:024x}",
                "asset_id": f"{n + 2**40:024x}",
                "created_at": rfc3339(FIRST),
                "updated_at": rfc3339(FIRST),
                "indexed_at": rfc3339(FIRST),
                "status": "ready",
                "system_metadata": {"duration": 60.5, "filename": f"{n}.mp4"},
            }
            for n in range(number)
        ]

    async def _list(self, request: Request, fault: Fault | None) -> Response:
        page, most = (int(request.query_params[name]) for name in ("page", "page_limit"))
        return JSONResponse(
            {
                "data": self._items[(page - 1) * most : page * most],
                "page_info": {
                    "limit_per_page": most,
                    "page": page,
                    "total_page": -(-len(self._items) // most),
                    "total_results": len(self._items),
                },
            }
        )


def fill(database: Database, number: int, first: int) -> None:
    """So many records, of videos from this number on."""
    columns = "id, owner, video_id, description, created_at, updated_at, search_terms"
    if isinstance(database, SQLite):
        moment = "'2026-01-01T00:00:00.000+00:00'"
        database.execute(
            f"WITH RECURSIVE n(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM n LIMIT {number})"
            f" INSERT INTO video_analysis ({columns}) SELECT 'c' || n, 'default',"
            f" printf('%024x', n), 'A video.', {moment}, {moment}, '' FROM n"
        )
        return
    database.execute(
        f"INSERT INTO video_analysis ({columns}) SELECT 'c' || n, 'default',"
        " lpad(to_hex(n), 24, '0'), 'A video.', '2026-01-01', '2026-01-01', ''"
        f" FROM generate_series({first}, {first + number - 1}) AS n; ANALYZE"
    )


async def test_a_large_index_is_compared_with_as_many_records(
    own_database: Database, told: list[str]
) -> None:
    await asyncio.to_thread(fill, own_database, LARGE, LARGE // 100)
    with LargeIndex(LARGE) as server:
        for run in ("first", "second"):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", __name__, own_database.url, server.url],
                cwd=ROOT,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)
            told.append(
                f"{own_database.provider}: {LARGE} videos and {LARGE} records compared for the"
                f" {run} time: {found['cpu']:.1f} s of CPU, {found['seconds']:.1f} s,"
                f" {found['added']:.0f} MB added to {found['before']:.0f} MB"
            )
            assert found["videos"]["missing"] == LARGE // 100
            assert found["videos"]["described"] == LARGE - LARGE // 100
            assert found["cpu"] < CPU_SECONDS
            assert found["added"] < MOST_MB


async def _compare(database_url: str, base_url: str) -> None:
    actor.set(ACTOR)
    client = TwelveLabs(Connection(API_KEY, INDEX_ID, base_url))
    services = make_services(database_url, index=Index(client))
    await services.database.connect()
    await services.sync.status()
    usage, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    before = psutil.Process().memory_info().rss / 2**20
    await services.sync.ask()
    assert await services.sync.run_now()
    after = resource.getrusage(resource.RUSAGE_SELF)
    status = await services.sync.status()
    await services.database.disconnect()
    print(
        json.dumps(
            {
                "cpu": after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime,
                "seconds": time.monotonic() - started,
                "before": before,
                "added": after.ru_maxrss / 1024 - before,
                "videos": status["videos"],
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(_compare(*sys.argv[1:]))
