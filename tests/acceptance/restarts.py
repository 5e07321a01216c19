"""The service over HTTP while its PostgreSQL restarts again and again: `make test-restarts`.

Each client keeps to records of its own and knows what each may hold. A write that was answered is
there; one that was not may be there or not, until a read tells. Every failure is a 503 problem
document with Retry-After. Not part of `make test`, as it takes minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from backend.engine.migrate import deploy
from tests.fixtures import SCHEMA
from tests.postgres import PostgresServer, temporary_server
from tests.service.server import Server

pytestmark = pytest.mark.anyio

CLIENTS = 16
SECONDS = float(os.environ.get("SECONDS", "60"))
RESTARTS = int(os.environ.get("RESTARTS", "10"))
RECOVERY_SECONDS = 2.0
"""The longest that PostgreSQL may be back before answers are normal again."""

PATH = "/api/video-analysis/"


@pytest.fixture
def anyio_backend() -> str:
    """Without asyncio's debug mode, which slows the clients down."""
    return "asyncio"


class Client:
    """One user, who notes what is wrong instead of stopping."""

    def __init__(self, number: int, http: httpx.AsyncClient, wrong: list[str]) -> None:
        self._random = random.Random(number)
        self._http = http
        self._wrong = wrong
        self._number = number
        self._writes = 0
        self.records: dict[str, set[str | None]] = {}
        """What each may hold: its description, or None where there is none."""
        self.answers: Counter[int] = Counter()
        self.slowest_failure = 0.0
        self.last_success = 0.0

    async def work(self, until: float) -> None:
        while time.monotonic() < until:
            video_id = f"client-{self._number}-{self._random.randrange(10)}"
            act = self._random.choice((self._create, self._update, self._delete, *[self._read] * 4))
            await act(video_id)

    async def check(self) -> None:
        """Everything, once more."""
        for video_id in list(self.records):
            await self._read(video_id)

    async def _create(self, video_id: str) -> None:
        body = {"video_id": video_id, "description": self._text()}
        answer = await self._ask("POST", PATH, json=body)
        may = self.records.get(video_id, {None})
        self._note(video_id, answer, {201: {body["description"]}, 409: may - {None}},
                   unknown=may | ({body["description"]} if None in may else set()))  # fmt: skip

    async def _update(self, video_id: str) -> None:
        text = self._text()
        answer = await self._ask("PUT", PATH + video_id, json={"description": text})
        may = self.records.get(video_id, {None})
        exists = may != {None}
        self._note(video_id, answer, {200: {text} if exists else set(), 404: may & {None}},
                   unknown=may | ({text} if exists else set()))  # fmt: skip

    async def _delete(self, video_id: str) -> None:
        answer = await self._ask("DELETE", PATH + video_id)
        may = self.records.get(video_id, {None})
        exists = may != {None}
        self._note(video_id, answer, {204: {None} if exists else set(), 404: may & {None}},
                   unknown=may | {None})  # fmt: skip

    async def _read(self, video_id: str) -> None:
        answer = await self._ask("GET", PATH + video_id)
        may = self.records.get(video_id, {None})
        found = {answer.json()["description"]} if answer.status_code == 200 else {None}
        self._note(video_id, answer, {200: may & found, 404: may & {None}}, unknown=may)

    async def _ask(self, method: str, path: str, **body: object) -> httpx.Response:
        started = time.monotonic()
        answer = await self._http.request(method, path, **body)  # type: ignore[arg-type]
        now = time.monotonic()
        self.answers[answer.status_code] += 1
        if answer.status_code < 500:
            self.last_success = now
            return answer
        self.slowest_failure = max(self.slowest_failure, now - started)
        kind = answer.headers.get("content-type", "")
        if answer.status_code != 503 or kind != "application/problem+json":
            self._wrong.append(f"{method} {path}: {answer.status_code} {kind} {answer.text}")
        elif not answer.headers.get("retry-after", "").isdecimal():
            self._wrong.append(f"{method} {path}: 503 without Retry-After")
        return answer

    def _note(
        self,
        video_id: str,
        answer: httpx.Response,
        possible: dict[int, set[str | None]],
        *,
        unknown: set[str | None],
    ) -> None:
        """`possible`: what the record holds then, by status; empty where that cannot be."""
        now = unknown if answer.status_code == 503 else possible.get(answer.status_code, set())
        if not now:
            before = self.records.get(video_id, {None})
            request = f"{answer.request.method} {video_id}"
            self._wrong.append(f"{request}: {answer.status_code} {answer.text}, it had {before}")
            self.records.pop(video_id, None)
        else:
            self.records[video_id] = now

    def _text(self) -> str:
        self._writes += 1
        return f"write {self._writes} of client {self._number}"


async def restart(server: PostgresServer, clients: list[Client], number: int) -> float:
    """Stop for a while, start, and tell how long until every client had an answer."""
    await asyncio.to_thread(server.stop, immediately=number % 2 == 1)
    await asyncio.sleep(0.2 + 0.2 * (number % 5))
    await asyncio.to_thread(server.start)
    back = time.monotonic()
    for _ in range(1000):
        if all(client.last_success > back for client in clients):
            break
        await asyncio.sleep(0.01)
    return time.monotonic() - back


@pytest.mark.parametrize("workers", [1, 2])
async def test_postgresql_restarts_under_load(
    tmp_path: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for postgres in temporary_server():
        await run(postgres, tmp_path, workers, capsys)


async def run(
    postgres: PostgresServer, folder: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    database = postgres.create_database()
    url = postgres.url(database)
    await deploy(SCHEMA, url, log=lambda _: None)
    server = Server(url, folder, arguments=("--workers", str(workers)))
    wrong: list[str] = []
    recoveries = []
    with server:
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as http:
            clients = [Client(number, http, wrong) for number in range(CLIENTS)]
            until = time.monotonic() + SECONDS
            working = asyncio.gather(*(client.work(until) for client in clients))
            for number in range(RESTARTS):
                await asyncio.sleep(
                    max(0.5, (until - time.monotonic()) / (RESTARTS - number) - 1.5)
                )
                recoveries.append(await restart(postgres, clients, number))
            await working
            await asyncio.gather(*(client.check() for client in clients))
        in_transaction = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in tr%'"
        assert postgres.psql(in_transaction) == "0"
        sessions = int(
            postgres.psql(f"SELECT numbackends FROM pg_stat_database WHERE datname = '{database}'")
        )
        server.stop()
    answers = sum((client.answers for client in clients), Counter[int]())
    slowest = max(client.slowest_failure for client in clients)
    with capsys.disabled():
        print(
            f"\n{workers} worker(s), {RESTARTS} restarts in {SECONDS:.0f} s:"
            f" answers {dict(sorted(answers.items()))}, wrong {len(wrong)},"
            f" slowest failure {slowest:.2f} s, slowest recovery {max(recoveries):.2f} s,"
            f" sessions at the end {sessions}"
        )
    assert not wrong, "\n".join(wrong[:20])
    assert max(recoveries) < RECOVERY_SECONDS
    assert "Traceback" not in server.log()
