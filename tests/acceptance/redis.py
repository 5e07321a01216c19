"""Rate limits that several processes count together in Redis, and what holds while it is away.

Not part of `make test`, as Redis comes from the system's packages: `make test-redis`.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from backend.core.errors import RateLimited, RateLimitsUnavailable
from backend.core.rates import Rate
from backend.limits import Limits, make_limits
from backend.limits.redis import LONGEST_SECONDS, PAUSE_SECONDS
from backend.main import create_app
from tests.fixtures import Database, client_of, on_sqlite, settings_for
from tests.postgres import free_port
from tests.service.server import Server
from tests.service.test_bad_input import COLLECTION, assert_problem

pytestmark = pytest.mark.anyio

PASSWORD = "a-very-secret-password"


class Redis:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "Redis is not installed: make test-redis"
        self._process = subprocess.Popen(
            [
                *(program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--requirepass", PASSWORD, "--dir", str(self._folder)),
            ],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if b"Ready to accept connections" in line:
                return
        raise RuntimeError("Redis did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.communicate(timeout=10)
            self._process = None

    def hold(self) -> None:
        """It takes connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    redis.start()
    yield redis
    redis.stop()


@asynccontextmanager
async def counting(
    redis: Redis, *, seconds: int = 60, refuses: bool = False
) -> AsyncIterator[Limits]:
    limits = make_limits(
        {"read": Rate(3, seconds), "failures": Rate(2, 60)},
        store_url=redis.url,
        refuses_without_store=refuses,
    )
    try:
        yield limits
    finally:
        await limits.close()
        await limits.close()


async def test_two_processes_count_together(redis: Redis) -> None:
    async with counting(redis) as first, counting(redis) as second:
        windows = [await each.hit("read", "a") for each in (first, second, first, second)]
        assert [window.used for window in windows if window] == [1, 2, 3, 4]
        assert all(55 < window.seconds_left <= 60 for window in windows if window)
        other = await second.hit("read", "b")
        assert other is not None
        assert other.used == 1
        assert await first.hit("write", "a") is None


async def test_none_of_many_at_once_is_lost(redis: Redis) -> None:
    async with counting(redis) as first, counting(redis) as second:
        both = [first, second] * 15
        windows = await asyncio.gather(*(limits.hit("read", "a") for limits in both))
        assert sorted(window.used for window in windows if window) == list(range(1, 31))


async def test_a_window_ends(redis: Redis) -> None:
    async with counting(redis, seconds=1) as limits:
        await limits.hit("read", "a")
        await asyncio.sleep(1.1)
        window = await limits.hit("read", "a")
        assert window is not None
        assert window.used == 1


async def test_failures_are_counted_together(redis: Redis) -> None:
    async with counting(redis) as first, counting(redis) as second:
        await first.failed("203.0.113.9")
        await second.failed("203.0.113.9")
        for limits in (first, second):
            with pytest.raises(RateLimited):
                await limits.refuse_if_blocked("203.0.113.9")
            await limits.refuse_if_blocked("203.0.113.10")


@pytest.mark.parametrize("holds", [True, False], ids=["does not answer", "is gone"])
async def test_a_store_that_is_down_limits_nothing_and_the_log_says_so_once(
    redis: Redis, caplog: pytest.LogCaptureFixture, holds: bool
) -> None:
    async with counting(redis) as limits:
        await limits.hit("read", "a")
        redis.hold() if holds else redis.stop()
        started = time.monotonic()
        for _ in range(50):
            assert await limits.hit("read", "a") is None
            await limits.refuse_if_blocked("203.0.113.9")
        assert time.monotonic() - started < 50 * LONGEST_SECONDS  # only the first has waited
        await asyncio.sleep(PAUSE_SECONDS)
        assert await asyncio.gather(*(limits.hit("read", "a") for _ in range(50))) == [None] * 50
        logged = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert [each.name for each in logged] == ["backend.limits.service"]
        assert PASSWORD not in caplog.text
        redis.stop()
        redis.start()
        await asyncio.sleep(PAUSE_SECONDS)
        window = await limits.hit("read", "a")
        assert window is not None
        assert window.used == 1


async def test_where_the_store_is_closed_what_cannot_be_counted_is_refused(redis: Redis) -> None:
    async with counting(redis, refuses=True) as limits:
        redis.stop()
        for _ in range(2):
            with pytest.raises(RateLimitsUnavailable):
                await limits.hit("read", "a")
            with pytest.raises(RateLimitsUnavailable):
                await limits.refuse_if_blocked("203.0.113.9")


async def test_a_restart_between_two_requests_is_not_noticed(redis: Redis) -> None:
    async with counting(redis, refuses=True) as limits:
        await limits.hit("read", "a")
        redis.stop()
        redis.start()
        window = await limits.hit("read", "a")
        assert window is not None
        assert window.used == 1


@on_sqlite
async def test_a_refusal_for_want_of_the_store_is_a_problem(
    redis: Redis, database: Database
) -> None:
    settings = settings_for(
        database.url,
        rate_limit_read="3/minute",
        rate_limit_store=SecretStr(redis.url),
        rate_limit_store_down="closed",
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get(COLLECTION)).headers["x-ratelimit-remaining"] == "2"
        redis.stop()
        answer = await client.get(COLLECTION)
        document = assert_problem(answer, 503)
        assert document["type"] == "urn:memory-mirror:problem:rate-limits-unavailable"
        assert answer.headers["retry-after"] == "1"
        assert (await client.get("/api/test/health")).status_code == 200


@on_sqlite
async def test_two_workers_have_one_limit(
    redis: Redis, own_database: Database, tmp_path: Path
) -> None:
    server = Server(
        own_database.url,
        tmp_path,
        arguments=("--workers", "2"),
        RATE_LIMIT_READ="20/hour",
        RATE_LIMIT_STORE=redis.url,
    )
    await asyncio.to_thread(server.start)
    try:
        statuses = []
        for _ in range(30):  # a connection each, so that both workers take some
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
                statuses.append((await client.get(COLLECTION)).status_code)
        assert statuses == [200] * 20 + [429] * 10
        assert PASSWORD not in server.log()
    finally:
        server.stop()
