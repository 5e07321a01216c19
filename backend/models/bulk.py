"""Many records in one body."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from backend.models.metadata import Country, EventType, Location, Mood, Name, RecordedDate
from backend.models.schemas import VideoId
from backend.models.times import moment_of

MOST_ITEMS = 1_000
_EXAMPLE = {"video_id": "6789abcd-beach-day", "description": "Two children build a sandcastle."}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BulkWrite(_Body):
    items: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MOST_ITEMS,
            description="Each as POST of one record takes it; with `mode=upsert`, where there is a "
            "record, as PATCH does.",
            examples=[[_EXAMPLE]],
        ),
    ]


class BulkResult(BaseModel):
    item: int = Field(description="From 1 on.", examples=[1])
    video_id: str | None = Field(
        description="Null where none is given that may be one.", examples=["6789abcd-beach-day"]
    )
    status: Literal["created", "updated", "unchanged", "skipped", "deleted", "failed"] = Field(
        examples=["created"]
    )
    error: dict[str, Any] | None = Field(
        None, description="The problem that the endpoint of one record answers.", examples=[None]
    )


class BulkResults(BaseModel):
    results: list[BulkResult] = Field(description="In the order given.")
    failed: int = Field(description="How many of them.", examples=[0])


def _time(description: str, *, last: bool = False) -> Any:
    return Annotated[
        datetime | None,
        BeforeValidator(lambda value: moment_of(value, last=last)),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string", "format": "date", "pattern": "^[0-9-]{10}$"},
                    {"type": "string", "format": "date-time"},
                    {"type": "null"},
                ],
                "description": description,
                "examples": ["2026-03-01T09:30:00Z"],
            }
        ),
    ]


_Names = Annotated[list[Name], Field(min_length=1, max_length=10)]


class BulkFilters(_Body):
    """All that are given must hold."""

    tag: (
        Annotated[list[Name], Field(min_length=1, max_length=10, description="Has each.")] | None
    ) = None
    person: (
        Annotated[list[Name], Field(min_length=1, max_length=10, description="Shows each.")] | None
    ) = None
    location: Location | None = None
    country: Country | None = None
    mood: Mood | None = None
    event_type: EventType | None = None
    recorded_from: RecordedDate | None = None
    recorded_to: RecordedDate | None = None
    created_from: _time("Stored then or later.") = None  # type: ignore[valid-type]
    created_to: _time("Stored then or before.", last=True) = None  # type: ignore[valid-type]
    updated_from: _time("Changed then or later.") = None  # type: ignore[valid-type]
    updated_to: _time("Changed then or before.", last=True) = None  # type: ignore[valid-type]


class BulkDelete(_Body):
    """Either `video_ids` or `filters`, at least one."""

    video_ids: Annotated[
        list[VideoId] | None,
        Field(min_length=1, max_length=MOST_ITEMS, description="These.", examples=[["a1", "b2"]]),
    ] = None
    filters: Annotated[
        BulkFilters | None, Field(description="Those that they name.", examples=[None])
    ] = None
    confirm: Annotated[
        int | None,
        Field(
            ge=0,
            le=2**31 - 1,
            description="With `filters`: how many there are, as a dry run has said.",
            examples=[None],
        ),
    ] = None

    @model_validator(mode="after")
    def _names_them_one_way(self) -> BulkDelete:
        if (self.video_ids is None) == (self.filters is None):
            raise PydanticCustomError("bulk_delete", "Give either video_ids or filters")
        if self.filters is not None and not self.filters.model_dump(exclude_none=True):
            raise PydanticCustomError("bulk_delete", "Give one filter at least")
        return self


class BulkDeleted(BaseModel):
    count: int = Field(description="How many there are, or were.", examples=[2])
    deleted: int = Field(examples=[2])
    results: list[BulkResult] = Field([], description="Of `video_ids`, in the order given.")
