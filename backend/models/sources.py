"""Where the value of a field came from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

SourceKind = Literal["human", "machine", "import"]


def _check_label(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul_character", "A text has no NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("lone_surrogate", "A text has no lone surrogate") from None
    return value


Label = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=100), AfterValidator(_check_label)
]


class Source(BaseModel):
    """Where a value came from: said by whoever writes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: SourceKind = Field(description="Who made it.", examples=["machine"])
    model: Label | None = Field(
        None, description="The model that made it.", examples=["pegasus1.2"]
    )
    prompt_version: Label | None = Field(
        None, description="The version of the prompt.", examples=["3"]
    )


HUMAN = Source(kind="human")


def stored(source: Source, at: str) -> dict[str, Any]:
    """As a record keeps it. `at`: RFC 3339."""
    said = {name: value for name, value in source.__dict__.items() if value is not None}
    return {**said, "at": at}
