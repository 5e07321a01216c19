"""The types of a generated package that wrap a value of a call."""

from __future__ import annotations

from typing import Any, NamedTuple


class Fields(NamedTuple):
    """The wrapper types of a generated package's `fields` module."""

    Json: type[Any]
    Base64: type[Any]
