"""What a user says of a video beside its description. Names are trimmed and in Unicode's NFC, so
that what looks equal is equal; they are compared exactly, case included."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

LONGEST_NAME = 200
LONGEST_TEXT = 10_000
MOST_NAMES = 100
MOST_SEGMENTS = 2_000
MOST_EXTRA = 100
LONGEST_SECONDS = 10_000_000

_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_NOT_BLANK_PATTERN = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


def _check_text(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "A text has no NUL character")
    if value.isspace():
        raise PydanticCustomError("blank", "A text is not blank")
    return value


def clean_name(value: str) -> str:
    name = unicodedata.normalize("NFC", value).strip()
    if not name:
        raise PydanticCustomError("blank", "A name is not blank")
    if "\0" in name:
        raise PydanticCustomError("nul_character", "A name has no NUL character")
    if len(name) > LONGEST_NAME:  # NFC makes up to three characters of one
        raise PydanticCustomError(
            "string_too_long", f"A name has at most {LONGEST_NAME} characters, in Unicode's NFC"
        )
    return name


def _check_date(value: Any) -> Any:
    if not isinstance(value, str):
        raise PydanticCustomError("date_type", "A date is a string such as 2024-07-14")
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
            raise ValueError
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise PydanticCustomError(
            "date_parsing", "A date is a day of the calendar such as 2024-07-14"
        ) from None


def _once_each(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _check_extra_key(key: str) -> str:
    if not key or len(key) > 100 or "\0" in key:
        raise PydanticCustomError(
            "extra_key", "A name in extra has 1 to 100 characters and no NUL character"
        )
    return key


def _shown(description: str, example: str) -> Any:
    return Field(
        description=description,
        examples=[example],
        json_schema_extra={"pattern": _NOT_BLANK_PATTERN},
    )


_NAME = StringConstraints(strict=True, min_length=1, max_length=LONGEST_NAME)
_CLEAN = AfterValidator(clean_name)

Name = Annotated[str, _NAME, _CLEAN, _shown("A name, compared exactly.", "beach")]
Location = Annotated[str, _NAME, _CLEAN, _shown("Where it was recorded.", "Lisbon")]
Country = Annotated[str, _NAME, _CLEAN, _shown("The country.", "Portugal")]
Mood = Annotated[str, _NAME, _CLEAN, _shown("The mood.", "joyful")]
EventType = Annotated[str, _NAME, _CLEAN, _shown("The kind of event.", "vacation")]
Title = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=500),
    AfterValidator(_check_text),
    _shown("The video's title.", "Beach day"),
]
SegmentText = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=LONGEST_TEXT),
    AfterValidator(_check_text),
    _shown("What happens then.", "The children fill their buckets."),
]
RecordedDate = Annotated[
    str,
    BeforeValidator(_check_date),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date",
            "pattern": _DATE_PATTERN,
            "description": "The day it was recorded.",
            "examples": ["2019-07-14"],
        }
    ),
]
Age = Annotated[
    int, Field(strict=True, ge=0, le=200, description="Somebody's age then.", examples=[7])
]
Seconds = Annotated[
    float, Field(strict=True, ge=0, le=LONGEST_SECONDS, allow_inf_nan=False, examples=[82.7])
]
Duration = Annotated[Seconds, Field(description="How long the video is, in seconds.")]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES), AfterValidator(_once_each)]
People = Annotated[
    Names, Field(description="Who is in it, each once.", examples=[["Grandma Rosa", "Ben"]])
]
Tags = Annotated[Names, Field(description="Each once.", examples=[["beach", "summer"]])]


def _check_extra_value(value: Any) -> Any:
    # By hand: a union would name every member in the error.
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        fine = "\0" not in value and _is_encodable(value)
    elif isinstance(value, bool):
        fine = True
    elif isinstance(value, int):
        fine = abs(value) <= 2**53
    elif isinstance(value, float):
        fine = value - value == 0
    elif isinstance(value, list) and len(value) <= MOST_NAMES:
        fine = all(
            isinstance(item, str)
            and len(item) <= LONGEST_TEXT
            and "\0" not in item
            and _is_encodable(item)
            for item in value
        )
    else:
        fine = False
    if not fine:
        raise PydanticCustomError(
            "extra_value", "A value in extra is a string, a number, a boolean or a list of strings"
        )
    return value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_VALUE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": LONGEST_TEXT, "pattern": r"^[^\u0000]*$"},
        {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
        {"type": "number"},
        {"type": "boolean"},
        {
            "type": "array",
            "maxItems": MOST_NAMES,
            "items": {"type": "string", "maxLength": LONGEST_TEXT, "pattern": r"^[^\u0000]*$"},
        },
    ]
}
ExtraValue = Annotated[Any, AfterValidator(_check_extra_value), WithJsonSchema(_VALUE_SCHEMA)]
ExtraKey = Annotated[
    str, StringConstraints(strict=True, max_length=100), AfterValidator(_check_extra_key)
]
Extra = Annotated[
    dict[ExtraKey, ExtraValue],
    Field(
        max_length=MOST_EXTRA,
        description="Whatever else: flat values by name.",
        examples=[{"camera": "Super 8", "reels": 2, "favourite": True}],
        json_schema_extra={
            "propertyNames": {"minLength": 1, "maxLength": 100, "pattern": r"^[^\u0000]+$"}
        },
    ),
]

ExtraPatch = Annotated[
    dict[ExtraKey, ExtraValue | None],
    Field(
        max_length=MOST_EXTRA,
        description="Merged by name: null removes one.",
        examples=[{"camera": None, "reels": 3}],
        json_schema_extra={
            "propertyNames": {"minLength": 1, "maxLength": 100, "pattern": r"^[^\u0000]+$"}
        },
    ),
]


class Segment(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    start: Annotated[Seconds, Field(description="Seconds from the video's start.", examples=[0.8])]
    end: Annotated[Seconds, Field(description="Not before `start`.", examples=[19.9])]
    text: SegmentText

    @model_validator(mode="after")
    def _in_order(self) -> Segment:
        if self.end < self.start:
            raise PydanticCustomError("segment_order", "A segment ends not before its start")
        return self


Segments = Annotated[
    list[Segment],
    Field(
        max_length=MOST_SEGMENTS,
        description="What happens when, in the order given.",
        examples=[[{"start": 0.8, "end": 19.9, "text": "The children fill their buckets."}]],
    ),
]


class Metadata(BaseModel):
    """As it is given with POST. What is left out is unknown."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title | None = None
    recorded_date: RecordedDate | None = None
    age: Age | None = None
    location: Location | None = None
    country: Country | None = None
    mood: Mood | None = None
    event_type: EventType | None = None
    duration: Duration | None = None
    # Factories: a default that can change is copied, which takes longer than all the validation.
    people: People = Field(default_factory=list, json_schema_extra={"default": []})
    tags: Tags = Field(default_factory=list, json_schema_extra={"default": []})
    extra: Extra = Field(default_factory=dict, json_schema_extra={"default": {}})
    segments: Segments = Field(default_factory=list, json_schema_extra={"default": []})


SCALARS = (
    "title",
    "recorded_date",
    "age",
    "location",
    "country",
    "mood",
    "event_type",
    "duration",
)
"""The fields of Metadata with one value each."""
