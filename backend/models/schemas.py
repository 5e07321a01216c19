"""What goes in and out over HTTP. Bodies are strict: no coercion, no unknown field."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from backend.models.metadata import (
    Age,
    Country,
    Duration,
    EventType,
    ExtraPatch,
    Location,
    Metadata,
    Mood,
    People,
    RecordedDate,
    Segment,
    Segments,
    Tags,
    Title,
)
from backend.models.sources import Source

# Without a lookahead, which not every reader of JSON Schema knows: any string of these
# characters, at least one, except "." and "..".
VIDEO_ID_PATTERN = r"^(\.{0,2}[A-Za-z0-9_~:\-]|\.{3})[A-Za-z0-9._~:\-]*$"
_VIDEO_ID = re.compile(VIDEO_ID_PATTERN.replace("$", r"\Z"))
_WHOLE_NUMBER = re.compile(r"-?[0-9]+\Z")

DESCRIPTION_PATTERN = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


def _check_video_id(value: str) -> str:
    if _VIDEO_ID.match(value) is None:
        raise PydanticCustomError(
            "video_id",
            "A video_id has only the characters A-Z a-z 0-9 . _ ~ : - and is not . or ..",
        )
    return value


def _check_description(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "A description has no NUL character")
    if not value or value.isspace():
        raise PydanticCustomError("blank", "A description is not blank")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError(
            "lone_surrogate", "A description has no lone surrogate, such as \\ud800"
        ) from None
    return value


def check_digits(value: object) -> object:
    # By itself pydantic also reads " 5 ", "+5", "5.0" and "1_0" as numbers.
    if isinstance(value, str) and _WHOLE_NUMBER.match(value) is None:
        raise PydanticCustomError("int_parsing", "Input should be a whole number")
    return value


def in_milliseconds(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(value: str | datetime) -> str:
    """As answers have it, of what the database has."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return in_milliseconds(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))


VideoId = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=255),
    AfterValidator(_check_video_id),
    Field(
        description="The video's id, as Twelve Labs or the caller chose it.",
        examples=["6789abcd-beach-day"],
        json_schema_extra={"pattern": VIDEO_ID_PATTERN},
    ),
]

Description = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_check_description),
    Field(
        description="What is seen and heard in the video. Not blank, no NUL character.",
        examples=["Two children build a sandcastle while their grandmother reads under a tree."],
        json_schema_extra={"minLength": 1, "pattern": DESCRIPTION_PATTERN},
    ),
]

Limit = Annotated[
    int,
    Field(ge=1, le=1000, description="How many at most.", examples=[100]),
    BeforeValidator(check_digits),
]

Timestamp = Annotated[
    datetime,
    PlainSerializer(in_milliseconds, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339, in UTC, with milliseconds.",
            "examples": ["2026-03-01T09:30:00.125Z"],
        }
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


GivenSource = Annotated[
    Source | None,
    Field(
        description="Where these values come from. Absent: a person changes them.",
        examples=[{"kind": "human"}],
    ),
]


class VideoAnalysisCreate(Metadata):
    video_id: VideoId
    description: Description
    source: Annotated[
        Source | None,
        Field(
            description="Where these values come from. Absent: a machine has made them.",
            examples=[{"kind": "machine", "model": "pegasus1.2", "prompt_version": "3"}],
        ),
    ] = None


class VideoAnalysisUpdate(_Body):
    description: Description
    source: GivenSource = None


class VideoAnalysisPatch(_Body):
    """A JSON merge patch (RFC 7396): null removes, what is absent stays, lists are replaced."""

    description: Description | None = None
    title: Title | None = None
    recorded_date: RecordedDate | None = None
    age: Age | None = None
    location: Location | None = None
    country: Country | None = None
    mood: Mood | None = None
    event_type: EventType | None = None
    duration: Duration | None = None
    people: People | None = None
    tags: Tags | None = None
    extra: ExtraPatch | None = None
    segments: Segments | None = None
    source: GivenSource = None

    @model_validator(mode="after")
    def _keeps_description(self) -> VideoAnalysisPatch:
        if "description" in self.model_fields_set and self.description is None:
            raise PydanticCustomError("description_null", "A description cannot be removed")
        return self

    def changes(self, record: VideoAnalysis) -> dict[str, Any]:
        """The fields of `record` that this patch gives, and what they become."""
        values = {name: getattr(self, name) for name in self.model_fields_set - {"source"}}
        for name in ("people", "tags", "segments"):
            if name in values:
                values[name] = values[name] or []
        if "extra" in values:
            merged = {**record.extra, **(self.extra or {})} if self.extra is not None else {}
            values["extra"] = {key: value for key, value in merged.items() if value is not None}
        return values


class VideoAnalysis(BaseModel):
    """The stored description of one video, and what its user says of it."""

    id: str = Field(
        description="The record's own id (CUID).", examples=["cmd2k8w1x0000v8l4h2q9z7ab"]
    )
    video_id: VideoId
    description: str = Field(
        description="What is seen and heard in the video.",
        examples=["Two children build a sandcastle while their grandmother reads under a tree."],
    )
    created_at: Timestamp
    updated_at: Timestamp
    version: int = Field(
        description="1, 2, …: grows with each change, and goes on after a deletion. The `ETag`.",
        examples=[1],
    )
    title: str | None = Field(None, examples=["Beach day"])
    recorded_date: RecordedDate | None = None
    age: int | None = Field(None, examples=[7])
    location: str | None = Field(None, examples=["Lisbon"])
    country: str | None = Field(None, examples=["Portugal"])
    mood: str | None = Field(None, examples=["joyful"])
    event_type: str | None = Field(None, examples=["vacation"])
    duration: float | None = Field(None, description="Seconds.", examples=[82.7])
    extra: dict[str, Any] = Field({}, examples=[{"camera": "Super 8"}])
    people: list[str] = Field([], examples=[["Grandma Rosa", "Ben"]])
    tags: list[str] = Field([], examples=[["beach", "summer"]])
    segments: list[Segment] = []
    sources: dict[str, Any] = Field(
        {},
        description="Where the value of each field came from, and when. A field that is not named "
        "has the value that a POST without `source` gave it: a machine's.",
        examples=[{"description": {"kind": "human", "at": "2026-03-01T09:30:00.125Z"}}],
    )


class VideoAnalysisList(BaseModel):
    analyses: list[VideoAnalysis] = Field(description="In the order asked for.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        None,
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )
    total: int | None = Field(
        None, description="With `include_total=true`: how many there are in all.", examples=[1]
    )


class Lookup(_Body):
    video_ids: Annotated[
        list[VideoId],
        Field(max_length=1000, description="In the order wanted.", examples=[["a1", "b2"]]),
    ]


class LookupResult(BaseModel):
    analyses: list[VideoAnalysis] = Field(description="In the order asked for.")
    missing: list[str] = Field(description="Ids without a description.", examples=[["b2"]])


class Health(BaseModel):
    status: str = Field(description="`ok`: the service and its database answer.", examples=["ok"])
    version: str | None = Field(None, description="The service's version.", examples=["0.1.0"])
    database: str | None = Field(None, description="`sqlite` or `postgresql`.", examples=["sqlite"])
