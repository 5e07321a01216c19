"""What is asked of the index each day (UTC), and whether there is room for more: the table
`twelvelabs_usage`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.core.owners import OWNER, owned
from backend.engine import Provider
from backend.records import Conditions
from backend.twelvelabs.sql import TODAY

if TYPE_CHECKING:
    from prisma import Prisma

_NO_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class Budget:
    """Of a day: minutes of video and tokens; 0: any number."""

    minutes: float = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Used:
    analyses: int = 0
    seconds: float = 0
    tokens: int = 0


class Usage:
    """Of the owner that is acted for, by all processes together."""

    def __init__(self, client: Prisma, provider: Provider, budget: Budget) -> None:
        self._client = client
        self._provider: Provider = provider
        self._today = TODAY[provider]
        self.budget = budget

    def is_too_long(self, seconds: float) -> bool:
        """Whether one video takes more than a whole day may have."""
        return seconds > self._most_seconds

    async def take(self, seconds: float) -> bool:
        """Room for one more analysis, of a video of this length; false: there is none today. How
        many tokens it takes is known only when it is done."""
        query = Conditions(self._provider)
        taken = await self._client.execute_raw(
            "INSERT INTO twelvelabs_usage AS u (owner, day, analyses, seconds)"
            f" VALUES ({OWNER}, {self._today}, 1, {query.bind(float(seconds))})"
            " ON CONFLICT (owner, day) DO UPDATE SET analyses = u.analyses + 1,"
            " seconds = u.seconds + excluded.seconds"
            f" WHERE u.seconds + excluded.seconds <= {query.bind(self._most_seconds)}"
            f" AND u.tokens < {query.bind(self.budget.tokens or _NO_LIMIT)}",
            *query.args,
        )
        return taken > 0

    async def add(
        self,
        *,
        analyses: int = 0,
        seconds: float = 0,
        tokens: int = 0,
        within: Prisma | None = None,
    ) -> None:
        """To what was used today; less than 0: what was taken and not used."""
        query = Conditions(self._provider)
        values = ", ".join(query.bind(value) for value in (analyses, float(seconds), tokens))
        await (within or self._client).execute_raw(
            "INSERT INTO twelvelabs_usage AS u (owner, day, analyses, seconds, tokens)"
            f" VALUES ({OWNER}, {self._today}, {values}) ON CONFLICT (owner, day) DO UPDATE SET"
            " analyses = u.analyses + excluded.analyses,"
            " seconds = u.seconds + excluded.seconds, tokens = u.tokens + excluded.tokens",
            *query.args,
        )

    async def today(self) -> Used:
        row: Any = await self._client.query_first(
            "SELECT analyses, seconds, tokens FROM twelvelabs_usage AS u"
            f" WHERE {owned('u')} AND day = {self._today}"
        )
        if row is None:
            return Used()
        return Used(int(row["analyses"]), float(row["seconds"]), int(row["tokens"]))

    async def has_room(self) -> bool:
        used = await self.today()
        return used.seconds < self._most_seconds and used.tokens < (self.budget.tokens or _NO_LIMIT)

    @property
    def _most_seconds(self) -> float:
        return self.budget.minutes * 60 or float(_NO_LIMIT)
