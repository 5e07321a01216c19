"""So many in so much time, as settings say it."""

from __future__ import annotations

import re
from typing import NamedTuple

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"([0-9]+) *(?:/| per ) *([0-9]*) *(second|minute|hour|day)s?", re.IGNORECASE)


class Rate(NamedTuple):
    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Rate | None:
        """Of `300/minute` or `10 per 5 seconds`, as the package limits writes it. Nothing or 0 is
        no limit. Raises ValueError."""
        if text in ("", "0"):
            return None
        match = _RATE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a limit such as 300/minute")
        rate = cls(int(match[1]), int(match[2] or 1) * _SECONDS[match[3].lower()])
        if not (1 <= rate.amount <= 1_000_000_000 and 1 <= rate.seconds <= 31 * 86_400):
            raise ValueError(f"{text!r} is not between 1 and 1000000000 in up to 31 days")
        return rate
