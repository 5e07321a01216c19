"""Streams of videos, and uploads of them to the index."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.models.schemas import Timestamp

_EXAMPLE: Any = {"url": "https://videos.example/beach-day.mp4"}


class VideoStream(BaseModel):
    video_id: str = Field(examples=["639963a1ce36463e0199c8c7"])
    url: str = Field(
        description="An HLS playlist (RFC 8216).", examples=["https://stream.example/a.m3u8"]
    )
    thumbnail_url: str | None = Field(
        description="A picture of it.", examples=["https://stream.example/a.jpg"]
    )
    thumbnail_urls: list[str] = Field(examples=[["https://stream.example/a.jpg"]])
    expires_at: Timestamp | None = Field(
        description="Ask again then; null: the addresses do not say.",
        examples=["2026-03-01T09:30:00.000Z"],
    )


class VideoByUrl(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    url: Annotated[
        str,
        StringConstraints(max_length=2_000, pattern=r"^https?://[!-~]+$"),
        Field(description="Where Twelve Labs fetches the video, without a key."),
    ]


class UploadJob(BaseModel):
    id: str = Field(examples=["cmd2k8w1x0000v8l4h2q9z7ab"])
    state: Literal["queued", "indexing", "describing", "ready", "failed"] = Field(
        description="In this order, but for `failed`, which may come any time.",
        examples=["indexing"],
    )
    video_id: str | None = Field(
        description="The video's, once the index has it.", examples=["639963a1ce36463e0199c8c7"]
    )
    filename: str | None = Field(examples=["beach-day.mp4"])
    error: str | None = Field(description="Why it has failed, or waits.", examples=[None])
    created_at: Timestamp
    updated_at: Timestamp
