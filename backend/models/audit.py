"""The change log as the audit shows it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backend.models.schemas import Timestamp


class Change(BaseModel):
    """One row of the change log."""

    number: int = Field(description="Of the row; later ones are higher.", examples=[1042])
    owner: str = Field(description="Whose it is.", examples=["default"])
    at: Timestamp
    actor: str | None = Field(
        description="Who did it; null: a program that writes to the database by itself.",
        examples=["anonymous"],
    )
    action: str = Field(
        description="`create`, `update`, `delete` or `restore` of a video; `rename`, `merge` or "
        "`delete` of a tag or a person; `create`, `rotate` or `revoke` of a key; `read`, and "
        "`lost` for reads that were not written down.",
        examples=["update"],
    )
    kind: str = Field(description="`video`, `tag`, `person`, `key` or `read`.", examples=["video"])
    name: str = Field(
        description="Of a video or a key its id, of a tag or a person the name that went, of a "
        "read the path.",
        examples=["6789abcd-beach-day"],
    )
    version: int | None = Field(description="Of a video: that it then had.", examples=[2])
    request_id: str | None = Field(
        description="The request's `X-Request-ID`.", examples=["4f0c2a9e7d1b4c55a3f6e8d2b1907c3a"]
    )


class AuditPage(BaseModel):
    changes: list[Change] = Field(description="The newest first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        None,
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )
