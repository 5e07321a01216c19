"""Videos whose descriptions say the same."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from backend.models.schemas import VideoId

MOST_VIDEOS = 100
"""Of one request."""


def _once_each(video_ids: list[str]) -> list[str]:
    return list(dict.fromkeys(video_ids))


class DuplicateGroup(BaseModel):
    video_ids: list[str] = Field(
        description="In their order; of a large group the first 100.", examples=[["a1", "b2"]]
    )
    count: int = Field(description="How many videos the group has.", examples=[2])
    similarity: float = Field(
        description="The least of two of its texts that were compared; 1: all say the same.",
        examples=[0.93],
    )


class DuplicatePage(BaseModel):
    groups: list[DuplicateGroup]
    count: int = Field(description="How many groups this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )
    pending: int = Field(
        description="How many records, at least, are not compared yet as they are now. 0: the "
        "answer is that of all that was stored when it was asked for.",
        examples=[0],
    )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Dismiss(_Body):
    video_ids: Annotated[
        list[VideoId],
        Field(
            min_length=2,
            max_length=MOST_VIDEOS,
            description="None of them is a duplicate of another of them.",
            examples=[["a1", "b2"]],
        ),
        AfterValidator(_once_each),
    ]

    @model_validator(mode="after")
    def _two_at_least(self) -> Dismiss:
        if len(self.video_ids) < 2:
            raise PydanticCustomError("too_few", "Name two different videos at least")
        return self


class Dismissed(BaseModel):
    dismissed: int = Field(description="How many pairs of videos.", examples=[1])


class MergeVideos(_Body):
    keep: Annotated[VideoId, Field(description="Whose record stays.", examples=["a1"])]
    video_ids: Annotated[
        list[VideoId],
        Field(
            min_length=1,
            max_length=MOST_VIDEOS,
            description="Whose records go.",
            examples=[["b2"]],
        ),
        AfterValidator(_once_each),
    ]

    @model_validator(mode="after")
    def _keeps_what_stays(self) -> MergeVideos:
        if self.keep in self.video_ids:
            raise PydanticCustomError("kept", "The video to keep is not one of those that go")
        return self
