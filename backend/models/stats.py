"""What is stored, in numbers."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.models.names import NameCount


class Period(BaseModel):
    start: str = Field(description="Its first day, in UTC.", examples=["2026-03-01"])
    count: int = Field(examples=[3])


class Spread(BaseModel):
    known: int = Field(description="How many videos have it.", examples=[3])
    total: float = Field(examples=[240.0])
    average: float | None = Field(examples=[80.0])
    shortest: float | None = Field(examples=[20.5])
    longest: float | None = Field(examples=[140.0])


class Stats(BaseModel):
    total: int = Field(description="How many videos.", examples=[3])
    per_day: list[Period] = Field(description="Stored when: days with any, the latest 366.")
    per_week: list[Period] = Field(description="From Monday on, the latest 156.")
    per_month: list[Period] = Field(description="The latest 120.")
    description_length: Spread = Field(description="In characters.")
    duration: Spread = Field(description="In seconds.")
    tags: list[NameCount] = Field(description="The commonest 20, as all that follow.")
    people: list[NameCount]
    locations: list[NameCount]
    countries: list[NameCount]
    moods: list[NameCount]
    event_types: list[NameCount]
    coverage: dict[str, float] = Field(
        description="Which share of the videos has each field of the metadata, 0 to 1.",
        examples=[{"title": 0.5, "tags": 1.0}],
    )
