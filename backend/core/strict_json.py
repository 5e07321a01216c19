"""JSON that is the same to every reader: in UTF-8, and no key twice in one object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backend.core.errors import FieldError, InvalidRequest


def parse_json(body: bytes) -> Any:
    """Raises InvalidRequest for what is not JSON, or not the same JSON to every reader."""
    try:
        return _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise _not_json(f"The body is not UTF-8, at byte {error.start}") from error
    except RecursionError as error:
        raise _not_json("The body is nested too deeply") from error
    except ValueError as error:  # json's own errors, and integers of thousands of digits
        raise _not_json(f"The body is not JSON: {error}") from error


def _not_json(reason: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body",), reason, "json_invalid")])


MOST_NAMES = 10_000
"""Of one object. Each that is unknown is an error of its own: so many take some 50 ms."""


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise ValueError(f"an object has more than {MOST_NAMES} names")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)
