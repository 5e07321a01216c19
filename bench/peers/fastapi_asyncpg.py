"""FastAPI and asyncpg with its pool, SQL by hand."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Query, Request

from peers.fastapi_schemas import Create, Latest, Record, Update

COLUMNS = "id, video_id, description, created_at, updated_at"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"]) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


async def connection(request: Request) -> AsyncIterator[asyncpg.Connection]:
    async with request.app.state.pool.acquire() as connection:
        yield connection


Connection = Annotated[asyncpg.Connection, Depends(connection)]


@app.get("/api/video-analysis/{video_id}", response_model=Record)
async def get(video_id: str, database: Connection) -> Any:
    row = await database.fetchrow(
        f"SELECT {COLUMNS} FROM video_analysis WHERE video_id = $1", video_id
    )
    if row is None:
        raise HTTPException(404)
    return dict(row)


@app.get("/api/video-analysis/", response_model=Latest)
async def latest(database: Connection, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Any:
    rows = await database.fetch(
        f"SELECT {COLUMNS} FROM video_analysis ORDER BY created_at DESC, id DESC LIMIT $1", limit
    )
    return {"analyses": [dict(row) for row in rows], "count": len(rows)}


@app.post("/api/video-analysis/", response_model=Record, status_code=201)
async def create(body: Create, database: Connection) -> Any:
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        row = await database.fetchrow(
            f"INSERT INTO video_analysis ({COLUMNS}) VALUES ($1, $2, $3, $4, $4) "
            f"RETURNING {COLUMNS}",
            uuid4().hex,
            body.video_id,
            body.description,
            now,
        )
    except asyncpg.UniqueViolationError:
        raise HTTPException(409) from None
    return dict(row)


@app.put("/api/video-analysis/{video_id}", response_model=Record)
async def update(video_id: str, body: Update, database: Connection) -> Any:
    row = await database.fetchrow(
        "UPDATE video_analysis SET description = $1, updated_at = $2 WHERE video_id = $3 "
        f"RETURNING {COLUMNS}",
        body.description,
        datetime.now(UTC).replace(tzinfo=None),
        video_id,
    )
    if row is None:
        raise HTTPException(404)
    return dict(row)
