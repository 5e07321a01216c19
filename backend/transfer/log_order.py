"""The order of the change log, kept from one database to another.

It is that of its numbers on SQLite, and of (xid, number) on PostgreSQL. The numbers stay, because
the seals hold them; the xids are of the PostgreSQL that made them, and worth nothing in another.
Rows that are brought there get the smallest that keep their order, so that they come before
whatever is written later.
"""

from __future__ import annotations

from bisect import bisect_right

from backend.engine import Provider
from backend.transfer.archive import Row

LOG = "change_log"

_POSITIONS = {
    LOG: (("xid", "number"),),
    "change_seal": (("first_xid", "first_number"), ("last_xid", "last_number")),
    "change_follower": (("xid", "number"),),
}


class LogOrder:
    """In the xids that rows get in a `target`: one more wherever a number follows upon a greater
    one."""

    def __init__(self, target: Provider) -> None:
        self._keeps_xid = target == "postgresql"
        self._begins: list[tuple[int, int]] = []
        """The first (xid, number) of each xid but 0, as the source has them."""
        self._last = 0

    @property
    def descents(self) -> int:
        return len(self._begins)

    def goes_on(self, xid: int, number: int) -> None:
        """The next row of the log."""
        if number < self._last:
            self._begins.append((xid, number))
        self._last = number

    def settle(self, table: str, row: Row) -> None:
        """Of rows of the log, in their order, and then of those that name one."""
        if table == LOG:
            self.goes_on(row.get("xid") or 0, row["number"])
        self.translate(table, row)

    def translate(self, table: str, row: Row) -> None:
        """Of rows that the log had already."""
        for xid, number in _POSITIONS.get(table, ()):
            at = (row.get(xid) or 0, row[number])
            row[xid] = bisect_right(self._begins, at) if self._keeps_xid else 0


def is_of_log(table: str) -> bool:
    """Whether its rows have positions in the log, which are others in another database."""
    return table in _POSITIONS
