"""Opaque marks of a position in an ordered result. They hold no secret and need no signature: one
that is made up or altered either is refused or names another position in the same result. Each is
of one owner, and refused to others."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from hashlib import sha256
from typing import Any

import orjson

from backend.core.caller import DEFAULT_OWNER, owner
from backend.core.errors import FieldError, InvalidRequest

LONGEST = 8_000
EXAMPLE = "eJwlyrEKwjAQANBfkVuNkKSXpnEVF3f34EkvGGgupYmDiP9uwfHBe3_gkUXgCBw"
_FORMAT = 1
_SHORT = 300


def encode(query: str, position: list[Any]) -> str:
    """`query` says to what the position belongs: decode() with another one refuses it."""
    text = orjson.dumps([_FORMAT, _own(query), *position])
    if len(text) > _SHORT:
        text = zlib.compress(text, 6)
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def decode(cursor: str, query: str) -> list[Any]:
    """Raises InvalidRequest."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = json.loads(packed if packed.startswith(b"[") else _unpacked(packed))
        if not isinstance(parts, list) or len(parts) < 2 or parts[0] != _FORMAT:
            raise ValueError
    except (ValueError, binascii.Error, zlib.error, RecursionError) as error:
        raise refused("This is no cursor that an answer gave as next_cursor") from error
    if parts[1] != _own(query):
        raise refused("This cursor belongs to another query, with other filters or order")
    return parts[2:]


def _own(query: str) -> str:
    name = owner.get()
    return query if name == DEFAULT_OWNER else f"{sha256(name.encode()).hexdigest()[:12]} {query}"


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, 16 * LONGEST)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError
    return text


def refused(reason: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("query", "cursor"), reason, "cursor")])
