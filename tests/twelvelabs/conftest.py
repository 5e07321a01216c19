"""The service beside a loopback server that behaves as Twelve Labs does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from backend.core.caller import actor
from backend.services import Services, make_services
from backend.twelvelabs import Index, SyncRules, SyncService, TwelveLabs
from tests.fixtures import Database
from tests.owned_statements import each_statement_says_whose_rows
from tests.twelvelabs.server import LoopbackServer

__all__ = ["each_statement_says_whose_rows"]

MakeSync = Callable[..., SyncService]


@pytest.fixture
async def services(database: Database) -> AsyncIterator[Services]:
    services = make_services(database.url)
    await services.database.connect()
    yield services
    await services.database.disconnect()


@pytest.fixture(scope="module")
def shared_server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def server(shared_server: LoopbackServer) -> LoopbackServer:
    shared_server.begin_anew()
    return shared_server


@pytest.fixture
async def make_sync(services: Services, server: LoopbackServer) -> AsyncIterator[MakeSync]:
    """Of the index at `server`; `rules` are those of SyncRules."""
    async with AsyncExitStack() as stack:

        def make(*, of: LoopbackServer = server, generation: Any = "2026-07", **rules: Any) -> Any:
            client = TwelveLabs(of.connection(delay=0.01, generation=generation))
            stack.push_async_callback(client.close)
            return SyncService(services.database, Index(client), SyncRules(**rules))

        yield make


@pytest.fixture(autouse=True)
def _as_the_worker() -> Iterator[None]:
    token = actor.set("twelvelabs worker")
    yield
    actor.reset(token)


async def until(happens: Callable[[], bool], *, seconds: float = 20) -> None:
    """Fails where it does not happen."""
    async with asyncio.timeout(seconds):
        while not happens():  # noqa: ASYNC110 - what a thread of its own does
            await asyncio.sleep(0.01)
