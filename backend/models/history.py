"""Versions of a record, and what differs between them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from backend.models.schemas import Timestamp

_NEXT = Field(
    None,
    description="Given as `cursor`, it asks for what follows; null at the end.",
    examples=[None],
)


class Version(BaseModel):
    """Who made one version of a record, and how."""

    version: int = Field(examples=[2])
    at: Timestamp
    action: str = Field(
        description="`create`, `update`, `delete` or `restore`.", examples=["update"]
    )
    actor: str | None = Field(
        description="Who did it; null: a program that writes to the database by itself.",
        examples=["anonymous"],
    )
    request_id: str | None = Field(description="The request's `X-Request-ID`.", examples=[None])
    is_kept: bool = Field(
        description="Whether what it said can still be read. Of a deletion there is nothing.",
        examples=[True],
    )


class VersionPage(BaseModel):
    versions: list[Version] = Field(description="The newest first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = _NEXT


class DiffPart(BaseModel):
    op: Literal["equal", "delete", "insert"]
    text: str


class FieldDiff(BaseModel):
    """`from` and `to` are the field's values; of a description, `words` is how one becomes the
    other."""

    model_config = {"populate_by_name": True}

    from_: Any = Field(alias="from")
    to: Any
    words: list[DiffPart] | None = None


class VersionDiff(BaseModel):
    video_id: str = Field(examples=["6789abcd-beach-day"])
    from_: int = Field(alias="from", examples=[1])
    to: int = Field(examples=[2])
    fields: dict[str, FieldDiff] = Field(
        description="Those that differ.",
        examples=[{"title": {"from": None, "to": "Beach day"}}],
    )


class Deleted(BaseModel):
    """A video whose record was deleted."""

    video_id: str = Field(examples=["6789abcd-beach-day"])
    version: int = Field(description="The last with a description: restore this one.", examples=[2])
    at: Timestamp
    actor: str | None = Field(examples=["anonymous"])


class DeletedPage(BaseModel):
    deleted: list[Deleted] = Field(description="Those deleted last come first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = _NEXT
