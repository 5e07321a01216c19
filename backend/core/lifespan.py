"""Start and stop: the log, then the database, then what follows its changes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core import logs
from backend.core.config import Settings
from backend.core.database import Database
from backend.core.errors import DatabaseMoved, DatabaseNotReady, StartupError
from backend.core.memory import give_back_freed_memory
from backend.core.role import is_held_to_owners
from backend.core.threads import take_short_turns

logger = logging.getLogger(__name__)


class SearchIndex(Protocol):
    """What is asked of search at the start."""

    async def is_behind(self) -> bool: ...


class Access(Protocol):
    """What is asked of access control at the start. `check` says who needs a key, and raises
    StartupError."""

    async def check(self) -> str: ...


class Quotas(Protocol):
    async def begin_quotas(self) -> None: ...


class Limits(Protocol):
    async def close(self) -> None: ...


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    database: Database = app.state.database
    limits: Limits = app.state.limits
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    give_back_freed_memory()
    take_short_turns()
    await database.connect()
    try:
        await _say_if_not_ready(database, app.state.search, app.state.database)
        await _say_who_needs_a_key(app.state.access)
        app.state.followers.start()
        app.state.sync.start()
        yield
    finally:
        await database.disconnect()
        await limits.close()


async def _say_if_not_ready(database: Database, search: SearchIndex, quotas: Quotas) -> None:
    # No reason to stop: the command below cures it while the service runs.
    try:
        await database.check()
        await quotas.begin_quotas()
        if database.provider == "postgresql" and not await is_held_to_owners(database):
            logger.warning(
                "Row-level security does not hold for this user of the database, who is a "
                "superuser or has BYPASSRLS. Run: memory-mirror setup"
            )
        if await search.is_behind():
            logger.warning(
                "Search does not know all descriptions: some were written by other programs. "
                "Run: memory-mirror search --reindex"
            )
    except DatabaseNotReady as error:
        logger.error(
            "The database's tables are missing or not up to date (%s). "
            "Run: memory-mirror migrate deploy",
            error.__cause__,
        )
    except DatabaseMoved as error:
        logger.error("%s", error.detail)


async def _say_who_needs_a_key(access: Access) -> None:
    with contextlib.suppress(DatabaseNotReady):  # said already; until it is, nothing is answered
        said = await access.check()
        logger.log(logging.WARNING if said.startswith("AUTH=off") else logging.INFO, "%s", said)


class PlainStartupErrors:
    """Shows who started the server a StartupError's text, in place of its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        failed: Message | None = None

        async def hold_failure(message: Message) -> None:
            nonlocal failed
            if message["type"] == "lifespan.startup.failed":
                failed = message
            else:
                await send(message)

        try:
            await self.app(scope, receive, hold_failure)
        except BaseException as error:
            if failed is not None:
                if isinstance(error, StartupError):
                    failed = {**failed, "message": str(error)}
                await send(failed)
            raise
