"""The records in step with the video index."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from backend.models.schemas import Timestamp


class IndexedVideoCounts(BaseModel):
    missing: int = Field(description="In the index, without a record.", examples=[3])
    stale: int = Field(description="The index has changed since it was described.", examples=[0])
    truncated: int = Field(
        description="The last answer was cut, and is not stored; it is asked for again with more "
        "tokens.",
        examples=[0],
    )
    failed: int = Field(description="Not indexed, or not described.", examples=[1])
    orphaned: int = Field(
        description="There is a record, and the index has the video no longer.", examples=[0]
    )
    pending: int = Field(description="Being indexed.", examples=[0])
    described: int = Field(description="None of these.", examples=[120])
    kept: int = Field(
        description="How many have fields of which a person's words were kept.", examples=[2]
    )
    unheld: int = Field(
        description="Of how many the index has refused values that others have changed here.",
        examples=[0],
    )


class JobCounts(BaseModel):
    queued: int = Field(0, examples=[3])
    running: int = Field(0, examples=[1])
    done: int = Field(0, examples=[120])
    failed: int = Field(0, examples=[1])


class SyncRun(BaseModel):
    number: int = Field(description="1, 2, …", examples=[7])
    kind: Literal["full", "new"] = Field(
        description="`full`: all videos of the index. `new`: those added since, and those that "
        "were being indexed.",
        examples=["full"],
    )
    status: Literal["queued", "running", "done", "failed"] = Field(examples=["done"])
    started_at: Timestamp | None = Field(examples=["2026-03-01T09:30:00.125Z"])
    finished_at: Timestamp | None = Field(examples=["2026-03-01T09:30:02.250Z"])
    videos: int = Field(description="How many were looked at.", examples=[124])
    queued: int = Field(description="How many are to be described since.", examples=[3])
    error: str | None = Field(description="Why it has failed.", examples=[None])


class SyncToday(BaseModel):
    """Of the day, UTC, by all processes."""

    analyses: int = Field(examples=[40])
    minutes: float = Field(description="Of video.", examples=[62.5])
    tokens: int = Field(examples=[18_400])
    most_minutes: float | None = Field(description="The budget; null: none.", examples=[None])
    most_tokens: int | None = Field(description="The budget; null: none.", examples=[None])


class SyncStatus(BaseModel):
    index_id: str = Field(examples=["639961c9e219c90227c371a2"])
    videos: IndexedVideoCounts = Field(description="As of the last runs.")
    jobs: dict[str, JobCounts] = Field(
        description="By what is to be done: `describe`, `upload`, `write_back`.",
        examples=[{"describe": {"queued": 3, "running": 1, "done": 120, "failed": 1}}],
    )
    runs: list[SyncRun] = Field(description="The last few, the newest first.")
    today: SyncToday
    waits_for: str | None = Field(
        description="Why this process describes nothing for now; null: it does, or has nothing to.",
        examples=[None],
    )
    works_here: bool = Field(description="Whether a worker runs in this process.", examples=[True])


class IndexedVideo(BaseModel):
    video_id: str = Field(examples=["62a17bf847f5678267ec10cc"])
    state: str = Field(description="As in the counts.", examples=["failed"])
    status: str = Field(
        description="Twelve Labs' own; `gone`: it has it no longer.", examples=["ready"]
    )
    version: str = Field(
        description="Of the video in the index: when it was indexed.",
        examples=["2026-03-01T09:30:00.125Z"],
    )
    described: str | None = Field(
        description="The version that the record describes.", examples=[None]
    )
    duration: float = Field(description="Seconds.", examples=[82.7])
    prompt_version: str | None = Field(examples=["1"])
    kept: list[str] = Field(
        description="Fields of which a person's words were kept.", examples=[["description"]]
    )
    unheld: dict[str, str] = Field(
        description="Fields whose values the index has refused, and why.", examples=[{}]
    )
    error: str | None = Field(
        description="Why it is not described.", examples=["The answer has no summary"]
    )


class IndexedVideoPage(BaseModel):
    videos: list[IndexedVideo] = Field(description="By their ids.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        None,
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )
