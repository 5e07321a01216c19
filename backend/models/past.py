"""A record with its history, as an export has them and an import takes them over."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from backend.models.schemas import VideoId
from backend.models.sources import Source
from backend.models.times import time_of_text

_MILLISECONDS = re.compile(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z")


def _check_moment(value: object) -> datetime:
    if not isinstance(value, str) or not _MILLISECONDS.fullmatch(value):
        raise PydanticCustomError("moment", "A time is such as 2026-03-01T09:30:00.125Z")
    return time_of_text(value, last=False)


def _check_text(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "A text has no NUL character")
    return value


Moment = Annotated[datetime, BeforeValidator(_check_moment)]
Text = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_check_text)]
Version = Annotated[int, Field(ge=1, le=2**31 - 2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Said(Source):
    at: Moment


class Kept(_Strict):
    """What the service itself says of a record."""

    id: Text
    version: Version
    created_at: Moment
    updated_at: Moment
    sources: dict[Text, _Said]


class LoggedChange(_Strict):
    version_of: VideoId
    version: Version
    at: Moment
    action: Text
    actor: Text | None
    request_id: Text | None
    before: dict[str, Any] | None
