"""FastAPI and SQLAlchemy 2 with its asyncio extension, on aiosqlite or asyncpg."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from peers.fastapi_schemas import Create, Latest, Record, Update


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Base(DeclarativeBase):
    pass


class VideoAnalysis(Base):
    __tablename__ = "video_analysis"

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: uuid4().hex)
    video_id: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


def asyncio_url(url: str) -> str:
    if url.startswith("file:"):
        return url.replace("file:", "sqlite+aiosqlite:///", 1)
    return url.replace("postgresql:", "postgresql+asyncpg:", 1)


engine = create_async_engine(asyncio_url(os.environ["DATABASE_URL"]))
session_of = async_sessionmaker(engine, expire_on_commit=False)

if engine.dialect.name == "sqlite":

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        level = "FULL" if os.environ.get("FLUSH") else "NORMAL"
        connection.execute(f"PRAGMA synchronous = {level}")


async def session() -> AsyncIterator[AsyncSession]:
    async with session_of() as session:
        yield session


Session = Annotated[AsyncSession, Depends(session)]

app = FastAPI()


@app.get("/api/video-analysis/{video_id}", response_model=Record)
async def get(video_id: str, database: Session) -> Any:
    found = await database.scalar(select(VideoAnalysis).where(VideoAnalysis.video_id == video_id))
    if found is None:
        raise HTTPException(404)
    return found


@app.get("/api/video-analysis/", response_model=Latest)
async def latest(database: Session, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Any:
    newest = select(VideoAnalysis).order_by(
        VideoAnalysis.created_at.desc(), VideoAnalysis.id.desc()
    )
    rows = (await database.scalars(newest.limit(limit))).all()
    return {"analyses": rows, "count": len(rows)}


@app.post("/api/video-analysis/", response_model=Record, status_code=201)
async def create(body: Create, database: Session) -> Any:
    row = VideoAnalysis(video_id=body.video_id, description=body.description)
    database.add(row)
    try:
        await database.commit()
    except IntegrityError:
        raise HTTPException(409) from None
    return row


@app.put("/api/video-analysis/{video_id}", response_model=Record)
async def update(video_id: str, body: Update, database: Session) -> Any:
    row = await database.scalar(select(VideoAnalysis).where(VideoAnalysis.video_id == video_id))
    if row is None:
        raise HTTPException(404)
    row.description = body.description
    await database.commit()
    return row
