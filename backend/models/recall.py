"""Moments that answer a question."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.models.schemas import VideoAnalysis

_EXAMPLE: Any = {"query": "grandma reading on the beach", "limit": 5}


class RecallRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    query: Annotated[
        str,
        StringConstraints(min_length=1, max_length=1000, pattern=r"\S"),
        Field(description="Plain language."),
    ]
    limit: Annotated[int, Field(ge=1, le=50, description="How many moments at most.")] = 10


class RecallReason(BaseModel):
    source: Literal["twelvelabs", "descriptions"] = Field(
        description="What has found it: Twelve Labs, in pictures and sound, or the words of the "
        "descriptions.",
        examples=["descriptions"],
    )
    rank: int = Field(description="Of the video among those that it has found.", ge=1, examples=[1])
    snippet: str | None = Field(
        description="What is said or written there, as HTML, safe to insert: `<mark>` around words "
        "that were found, all else escaped.",
        examples=["The children <mark>fill</mark> their buckets."],
    )


class RecalledMoment(BaseModel):
    video_id: str = Field(examples=["6789abcd-beach-day"])
    start: float | None = Field(
        description="Seconds; null: the whole video is meant.", examples=[0.8]
    )
    end: float | None = Field(description="Seconds.", examples=[19.9])
    score: float = Field(
        description="Of the video: the sum of 1 / (60 + rank) over what has found it.",
        examples=[0.032522],
    )
    why: list[RecallReason] = Field(description="What has found it, the better rank first.")
    thumbnail_url: str | None = Field(
        description="A picture at Twelve Labs, for some minutes or hours.", examples=[None]
    )
    analysis: VideoAnalysis | None = Field(
        description="The record; null: the video is not described yet.", examples=[None]
    )


class RecallSources(BaseModel):
    twelvelabs: Literal["ok", "unavailable", "limited", "off"] = Field(
        description="`unavailable`: it did not answer in time, or not as it should. `limited`: it "
        "takes no more requests for now. `off`: there is no index.",
        examples=["ok"],
    )
    descriptions: Literal["ok"] = Field(examples=["ok"])


class Recall(BaseModel):
    moments: list[RecalledMoment] = Field(description="Best first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    sources: RecallSources = Field(description="What was asked, and whether it has answered.")
