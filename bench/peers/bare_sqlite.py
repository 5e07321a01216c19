"""Bare ASGI and sqlite3, called on the event loop itself, one connection, no validation."""

from __future__ import annotations

import os
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Any

import orjson

from peers.bare import BareApp

COLUMNS = "id, video_id, description, created_at, updated_at"
NAMES = ("id", "video_id", "description", "created_at", "updated_at")
ONE = f"SELECT {COLUMNS} FROM video_analysis WHERE video_id = ?"
LATEST = f"SELECT {COLUMNS} FROM video_analysis ORDER BY created_at DESC, id DESC LIMIT ?"
CREATE = f"INSERT INTO video_analysis ({COLUMNS}) VALUES (?, ?, ?, ?, ?)"
UPDATE = f"""UPDATE video_analysis SET description = ?, updated_at = ? WHERE video_id = ?
    RETURNING {COLUMNS}"""

database: sqlite3.Connection


async def open_database() -> None:
    global database
    path = os.environ["DATABASE_URL"].removeprefix("file:")
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA synchronous = {'FULL' if os.environ.get('FLUSH') else 'NORMAL'}")


async def close_database() -> None:
    database.close()


def record(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, row, strict=True))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def get(video_id: str) -> tuple[int, bytes]:
    row = database.execute(ONE, (video_id,)).fetchone()
    return (200, orjson.dumps(record(row))) if row else (404, b"{}")


async def latest(limit: int) -> tuple[int, bytes]:
    rows = [record(row) for row in database.execute(LATEST, (limit,))]
    return 200, orjson.dumps({"analyses": rows, "count": len(rows)})


async def create(video_id: str, description: str) -> tuple[int, bytes]:
    moment = now()
    row = (secrets.token_hex(12), video_id, description, moment, moment)
    try:
        database.execute(CREATE, row)
    except sqlite3.IntegrityError:
        return 409, b"{}"
    return 201, orjson.dumps(record(row))


async def update(video_id: str, description: str) -> tuple[int, bytes]:
    row = database.execute(UPDATE, (description, now(), video_id)).fetchone()
    return (200, orjson.dumps(record(row))) if row else (404, b"{}")


app = BareApp(
    get=get,
    latest=latest,
    create=create,
    update=update,
    open_database=open_database,
    close_database=close_database,
)
