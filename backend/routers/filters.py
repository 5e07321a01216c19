"""The filters as query parameters, declared once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from backend.models.metadata import Country, EventType, Location, Mood, Name, RecordedDate
from backend.models.times import moment_of
from backend.records import Filters


def time_parameter(description: str, *, last: bool = False) -> Any:
    return Annotated[
        datetime | None,
        BeforeValidator(lambda value: moment_of(value, last=last)),
        Query(description=description, examples=["2026-03-01T09:30:00Z"]),
        WithJsonSchema(
            {
                "type": "string",
                "anyOf": [
                    {"format": "date", "pattern": "^[0-9-]{10}$"},
                    {"format": "date-time"},
                ],
                "description": description,
                "examples": ["2026-03-01T09:30:00Z"],
            }
        ),
    ]


def _check_part(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "A description has no NUL character")
    return value


Part = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    AfterValidator(_check_part),
    Field(description="Exactly these characters, case included.", examples=["sandcastle"]),
]


MOST = 10
"""Of one kind in one request: a URL is not to grow longer than servers take."""
_NONE: list[str] = []


async def _filters(
    tag: Annotated[
        list[Name],
        Query(max_length=MOST, description="Has this tag; given more than once: each."),
    ] = _NONE,
    person: Annotated[
        list[Name],
        Query(max_length=MOST, description="Shows this person; more than once: each."),
    ] = _NONE,
    location: Annotated[Location | None, Query()] = None,
    country: Annotated[Country | None, Query()] = None,
    mood: Annotated[Mood | None, Query()] = None,
    event_type: Annotated[EventType | None, Query()] = None,
    recorded_from: Annotated[
        RecordedDate | None, Query(description="On this day or later.")
    ] = None,
    recorded_to: Annotated[RecordedDate | None, Query(description="On this day or before.")] = None,
    created_from: time_parameter("Stored then or later.") = None,  # type: ignore[valid-type]
    created_to: time_parameter("Stored then or before.", last=True) = None,  # type: ignore[valid-type]
    updated_from: time_parameter("Changed then or later.") = None,  # type: ignore[valid-type]
    updated_to: time_parameter("Changed then or before.", last=True) = None,  # type: ignore[valid-type]
    has_description_containing: Annotated[Part | None, Query()] = None,
) -> Filters:
    return Filters(
        tag=tuple(dict.fromkeys(tag)),
        person=tuple(dict.fromkeys(person)),
        location=location,
        country=country,
        mood=mood,
        event_type=event_type,
        recorded_from=recorded_from,
        recorded_to=recorded_to,
        created_from=created_from,
        created_to=created_to,
        updated_from=updated_from,
        updated_to=updated_to,
        has_description_containing=has_description_containing,
    )


GivenFilters = Annotated[Filters, Depends(_filters)]
