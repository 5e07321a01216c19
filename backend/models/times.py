"""Times as people give them: a day, or RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic_core import PydanticCustomError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
_MILLISECOND = timedelta(milliseconds=1)
_LAST = time(23, 59, 59, 999_000)


def time_of_text(value: str, *, last: bool) -> datetime:
    """In whole milliseconds, in UTC. Of a day its first or last one; of a finer time the next or
    the last one. Raises PydanticCustomError, which is a ValueError."""
    try:
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
            return datetime.combine(day, _LAST if last else time.min, UTC)
        if _MOMENT.fullmatch(value):
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
            whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
            return whole if last or whole == moment else whole + _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("moment", "There is no such time") from error
    raise PydanticCustomError(
        "moment",
        "A time is a day such as 2026-03-01, or RFC 3339 such as 2026-03-01T09:30:00Z "
        "(in a URL, a + is written %2B)",
    )


def moment_of(value: Any, *, last: bool) -> Any:
    """Of what is not a text, the same."""
    return time_of_text(value, last=last) if isinstance(value, str) else value
