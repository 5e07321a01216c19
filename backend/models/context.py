"""Descriptions packed for a conversation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from backend.models.metadata import Seconds
from backend.models.schemas import VideoId

_EXAMPLE: Any = {
    "hits": [{"video_id": "6789abcd-beach-day", "start": 12.5, "end": 20, "score": 0.83}],
    "max_tokens": 2000,
    "format": "text",
}


class Hit(BaseModel):
    """What another search has found, best first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    video_id: VideoId
    start: Seconds | None = None
    end: Seconds | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None


_Query = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class ContextRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    hits: Annotated[list[Hit], Field(max_length=200)] | None = None
    query: (
        Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")] | None
    ) = None
    max_tokens: Annotated[int, Field(ge=1, le=32_000)] = 2_000
    format: Literal["text", "json"] = "text"

    @model_validator(mode="after")
    def _one_of_both(self) -> ContextRequest:
        if (self.hits is None) == (self.query is None):
            raise PydanticCustomError("hits_or_query", "Either hits or query must be given")
        return self


class ContextSegment(BaseModel):
    start: float = Field(examples=[12.5])
    end: float = Field(examples=[20.0])
    text: str = Field(examples=["The children fill their buckets."])


class ContextItem(BaseModel):
    citation: str = Field(examples=["[1]"])
    video_id: str = Field(examples=["6789abcd-beach-day"])
    title: str | None = Field(examples=["Beach day"])
    recorded_date: str | None = Field(examples=["2019-07-14"])
    location: str | None = Field(examples=["Lisbon"])
    people: list[str] = Field(examples=[["Ben"]])
    description: str = Field(examples=["Two children build a sandcastle."])
    segments: list[ContextSegment] = Field(description="Those within the hit's time.")
    truncated: bool = Field(description="Cut at the end of a sentence.", examples=[False])


class Source(BaseModel):
    citation: str = Field(examples=["[1]"])
    video_id: str = Field(examples=["6789abcd-beach-day"])
    title: str | None = Field(examples=["Beach day"])
    score: float | None = Field(examples=[0.83])
    truncated: bool = Field(examples=[False])


class ContextPack(BaseModel):
    format: Literal["text", "json"] = Field(examples=["text"])
    text: str | None = Field(
        description="With format `text`: what to hand to the model.",
        examples=["[1] Beach day, 2019-07-14, Lisbon\nTwo children build a sandcastle."],
    )
    items: list[ContextItem] | None = Field(
        description="With format `json`: the same as a list.", examples=[None]
    )
    sources: list[Source] = Field(description="What each citation mark stands for.")
    missing: list[str] = Field(description="Ids without a description.", examples=[[]])
    omitted: list[str] = Field(description="Ids that did not fit.", examples=[[]])
    tokens: int = Field(description="Of `text`, or of `items` as compact JSON.", examples=[18])
    tokenizer: str = Field(examples=["o200k_base"])
