"""Tags and people of all videos together."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from backend.models.metadata import MOST_NAMES, Name


class NameCount(BaseModel):
    name: str = Field(examples=["beach"])
    count: int = Field(description="How many videos have it.", examples=[3])


class NamePage(BaseModel):
    names: list[NameCount] = Field(description="The commonest first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Rename(_Body):
    name: Name = Field(description="The new name.", examples=["seaside"])


class Merge(_Body):
    names: Annotated[
        list[Name],
        Field(min_length=1, max_length=MOST_NAMES, examples=[["beach", "Beach"]]),
    ]
    into: Name = Field(description="One of them, or another.", examples=["seaside"])
