"""Bare ASGI and asyncpg, no validation. A stack of connections, whose state nobody changes, in
place of asyncpg's pool, whose reset costs a query per release; POOL=1 takes the pool."""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from peers.bare import BareApp

CONNECTIONS = 10
COLUMNS = "id, video_id, description, created_at, updated_at"
ONE = f"SELECT {COLUMNS} FROM video_analysis WHERE video_id = $1"
LATEST = f"SELECT {COLUMNS} FROM video_analysis ORDER BY created_at DESC, id DESC LIMIT $1"
CREATE = f"INSERT INTO video_analysis ({COLUMNS}) VALUES ($1, $2, $3, $4, $5) RETURNING {COLUMNS}"
UPDATE = f"""UPDATE video_analysis SET description = $1, updated_at = $2 WHERE video_id = $3
    RETURNING {COLUMNS}"""

pool: Any


class Stack:
    """Connections, lent without a reset."""

    async def open(self, url: str) -> None:
        self._free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncpg.connect(url))

    def acquire(self) -> Lent:
        return Lent(self._free)

    async def close(self) -> None:
        while not self._free.empty():
            await self._free.get_nowait().close()


class Lent:
    def __init__(self, free: asyncio.LifoQueue[Any]) -> None:
        self._free = free

    async def __aenter__(self) -> Any:
        self._connection = await self._free.get()
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        self._free.put_nowait(self._connection)


async def open_database() -> None:
    global pool
    url = os.environ["DATABASE_URL"]
    if os.environ.get("POOL"):
        pool = await asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS)
    else:
        pool = Stack()
        await pool.open(url)


async def close_database() -> None:
    await pool.close()


def now() -> datetime:
    """As the column has it: UTC, naive, whole milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(tzinfo=None, microsecond=moment.microsecond // 1000 * 1000)


async def get(video_id: str) -> tuple[int, bytes]:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(ONE, video_id)
    return (200, orjson.dumps(dict(row))) if row else (404, b"{}")


async def latest(limit: int) -> tuple[int, bytes]:
    async with pool.acquire() as connection:
        rows = [dict(row) for row in await connection.fetch(LATEST, limit)]
    return 200, orjson.dumps({"analyses": rows, "count": len(rows)})


async def create(video_id: str, description: str) -> tuple[int, bytes]:
    moment = now()
    id_ = secrets.token_hex(12)
    try:
        async with pool.acquire() as connection:
            row = await connection.fetchrow(CREATE, id_, video_id, description, moment, moment)
    except asyncpg.UniqueViolationError:
        return 409, b"{}"
    return 201, orjson.dumps(dict(row))


async def update(video_id: str, description: str) -> tuple[int, bytes]:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(UPDATE, description, now(), video_id)
    return (200, orjson.dumps(dict(row))) if row else (404, b"{}")


app = BareApp(
    get=get,
    latest=latest,
    create=create,
    update=update,
    open_database=open_database,
    close_database=close_database,
)
