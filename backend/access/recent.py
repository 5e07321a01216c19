"""Who sent a key or a token a moment ago: a request with it costs no look into the database."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from backend.core.caller import Caller

MOST = 4_096
"""So much is kept at most: some 4 MB."""


class Found(NamedTuple):
    """`caller` None: the credential opens nothing. `until`: of the clock that the cache has."""

    caller: Caller | None
    until: float


class Recent:
    """By the hash of what was sent, so that no secret stays in memory, and none is compared."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._found: dict[bytes, Found] = {}

    def get(self, credential: bytes) -> Found | None:
        found = self._found.get(sha256(credential).digest())
        return found if found is not None and self._clock() < found.until else None

    def put(self, credential: bytes, found: Found) -> None:
        name = sha256(credential).digest()
        self._found.pop(name, None)
        if len(self._found) >= MOST:
            del self._found[next(iter(self._found))]  # the one put first
        self._found[name] = found
