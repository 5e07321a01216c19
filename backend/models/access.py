"""Keys and callers, as requests and answers have them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from backend.core.caller import ALL_OWNERS, MOST_OWNERS, SCOPES, Scope, is_owner_name
from backend.models.schemas import Timestamp
from backend.models.times import time_of_text

LONGEST_NAME = 100


def _check_name(value: str) -> str:
    if value.isspace() or not value.isprintable():
        raise PydanticCustomError("key_name", "A name is not blank and has no control characters")
    return value


def _check_owner(value: str) -> str:
    if value != ALL_OWNERS and not is_owner_name(value):
        raise PydanticCustomError(
            "owner", "An owner is 1 to 255 visible ASCII characters without a comma, or *"
        )
    return value


KeyName = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=LONGEST_NAME),
    AfterValidator(_check_name),
    Field(
        description="Who uses the key, or what for.",
        examples=["frontend"],
        json_schema_extra={"pattern": r"^[ -~]*[!-~][ -~]*$"},
    ),
]

KeyOwner = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=255),
    AfterValidator(_check_owner),
    Field(
        description="For whom the key acts; `*`: for each owner.",
        examples=["default"],
        json_schema_extra={"pattern": r"^[!-+\--~]+$"},
    ),
]

KeyOwners = Annotated[
    list[KeyOwner],
    Field(
        min_length=1,
        max_length=MOST_OWNERS,
        description="For whom the key acts: for the first, where a request has no `X-Owner`.",
        examples=[["default"]],
    ),
]

KeyScopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=len(SCOPES),
        description="What the key may do. `admin` holds all the others.",
        examples=[["records:read", "search"]],
    ),
]


def _check_moment(value: object) -> object:
    # By itself pydantic also takes days, and numbers for seconds since 1970.
    if isinstance(value, str) and len(value) > len("2027-03-01"):
        return time_of_text(value, last=False)
    if not isinstance(value, datetime):
        raise PydanticCustomError("moment", "A time is RFC 3339 such as 2027-03-01T00:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_check_moment)]


class KeyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: KeyName
    owners: KeyOwners
    scopes: KeyScopes
    expires_at: Annotated[
        Moment | None,
        Field(
            description="Until then it opens. Absent: as long as the key that makes it.",
            examples=["2027-03-01T00:00:00Z"],
        ),
    ] = None


class AccessKey(BaseModel):
    """A key, without its secret."""

    id: str = Field(description="The key's id, which is a part of it.", examples=["5Kd3NBUAdUnh"])
    name: str = Field(description="Who uses it, or what for.", examples=["frontend"])
    owners: list[str] = Field(description="For whom it acts.", examples=[["default"]])
    scopes: list[Scope] = Field(
        description="What it may do.", examples=[["records:read", "search"]]
    )
    created_at: Timestamp
    created_by: str = Field(
        description="The key or token that made it, or the command.",
        examples=["memory-mirror keys (root)"],
    )
    expires_at: Timestamp | None = Field(None, examples=["2027-03-01T00:00:00.000Z"])
    last_used_at: Timestamp | None = Field(None, description="To the minute.", examples=[None])
    revoked_at: Timestamp | None = Field(None, examples=[None])


class NewKey(AccessKey):
    key: str = Field(
        description="The key itself: shown now, and never again.",
        examples=["mm_5Kd3NBUAdUnh_0000000000000000000000000000000000000000000000000"],
    )


class KeyPage(BaseModel):
    keys: list[AccessKey] = Field(description="The newest first.")
    count: int = Field(description="How many this answer holds.", examples=[1])
    next_cursor: str | None = Field(
        None,
        description="Given as `cursor`, it asks for what follows; null at the end.",
        examples=[None],
    )


class WhoAmI(BaseModel):
    """Who sent the request."""

    kind: Literal["key", "token", "anonymous"] = Field(
        description="By what it is known.", examples=["key"]
    )
    id: str = Field(description="A key's id, a token's subject.", examples=["5Kd3NBUAdUnh"])
    name: str = Field(description="A key's name.", examples=["frontend"])
    owner: str = Field(description="The owner that this request acts for.", examples=["default"])
    owners: list[str] = Field(
        description="Those that it may act for; `*`: each.", examples=[["default"]]
    )
    scopes: list[Scope] = Field(
        description="What it may do.", examples=[["records:read", "search"]]
    )
    expires: Timestamp | None = Field(None, examples=["2027-03-01T00:00:00.000Z"])
