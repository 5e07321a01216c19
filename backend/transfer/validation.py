"""What is given for a record, checked as the endpoint for one record does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from backend.core.errors import FieldError, InvalidRequest

ModelT = TypeVar("ModelT", bound=BaseModel)

OF_THE_SERVICE = ("id", "created_at", "updated_at", "version", "sources")
"""Members of a record that nobody gives: what was exported has them, and is imported without,
unless its history is taken over."""


def valid(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Raises InvalidRequest."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise InvalidRequest(
            [FieldError(("body", *one["loc"]), one["msg"], one["type"]) for one in found]
        ) from error
