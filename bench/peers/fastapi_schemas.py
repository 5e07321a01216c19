"""What goes in and out of the FastAPI peers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

VideoId = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._~:-]+$")]
Description = Annotated[str, Field(min_length=1, max_length=65_535)]


class Create(BaseModel):
    video_id: VideoId
    description: Description


class Update(BaseModel):
    description: Description


class Record(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    video_id: str
    description: str
    created_at: datetime
    updated_at: datetime


class Latest(BaseModel):
    analyses: list[Record]
    count: int
