"""What a caller has used of a limit."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from backend.core.errors import RateLimited


class Limit(NamedTuple):
    name: str
    amount: int
    seconds: int


class StoreDown(Exception):
    """The counters cannot be asked now; says why."""


class Window(NamedTuple):
    """It begins with the first request that is counted."""

    limit: Limit
    used: int
    seconds_left: float

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them, and as clients of today read them:
        there the end of the window is a time, in seconds since 1970."""
        name, amount, seconds = self.limit
        quoted = b'"%b"' % name.encode()
        remaining = max(amount - self.used, 0)
        left = math.ceil(self.seconds_left)
        return [
            (b"ratelimit-policy", b"%b;q=%d;w=%d" % (quoted, amount, seconds)),
            (b"ratelimit", b"%b;r=%d;t=%d" % (quoted, remaining, left)),
            (b"x-ratelimit-limit", b"%d" % amount),
            (b"x-ratelimit-remaining", b"%d" % remaining),
            (b"x-ratelimit-reset", b"%d" % math.ceil(time.time() + self.seconds_left)),
        ]

    def refusal(self) -> RateLimited:
        name, amount, seconds = self.limit
        return RateLimited(
            f"The limit of {name} is {amount} in {seconds} seconds.",
            retry_after=max(math.ceil(self.seconds_left), 1),
        )
