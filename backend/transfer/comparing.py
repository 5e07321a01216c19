"""Whether two databases have the same rows.

Of each table the SHA-256 of its rows are added up, in many parts by their keys: the databases may
read them in different orders. Where a sum differs, only the rows of its parts are looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from backend.transfer.archive import Row
from backend.transfer.tables import Table

_MODULUS = 2**256
_PARTS = 2**16
"""Of a table of a million rows one has fifteen."""

Portions = AsyncIterator[list[Row]]


class Summed(NamedTuple):
    """A row."""

    part: int
    key: bytes
    """As JSON."""
    hash: int


class Compared(NamedTuple):
    """What is said of a table."""

    rows: int
    hash: str


class Sums:
    """Of the rows of a table, in the columns that it has in the database that is written to."""

    def __init__(self, table: Table) -> None:
        # The databases have them in different orders.
        self.columns = sorted(table.columns, key=lambda column: column.name)
        names = [column.name for column in self.columns]
        self._key = [names.index(column.name) for column in table.key]
        self._values: Callable[[Row], Sequence[Any]] = (
            itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        )
        self._parts: defaultdict[int, int] = defaultdict(int)
        self.rows = 0

    def add(self, rows: Sequence[Row]) -> None:
        self.add_values(map(self._values, rows))

    def add_values(self, rows: Iterable[Sequence[Any]]) -> int:
        """In the order of `columns`. How many bytes they have."""
        parts, key, size, number = self._parts, self._key, 0, 0
        for values in rows:
            text = orjson.dumps(values)
            part = crc32(orjson.dumps([values[place] for place in key])) % _PARTS
            parts[part] += int.from_bytes(sha256(text).digest(), "big")
            size += len(text)
            number += 1
        self.rows += number
        return size

    def of(self, rows: Sequence[Row]) -> Iterator[Summed]:
        for values in map(self._values, rows):
            key = orjson.dumps([values[place] for place in self._key])
            hash_ = sha256(orjson.dumps(values)).digest()
            yield Summed(crc32(key) % _PARTS, key, int.from_bytes(hash_, "big"))

    @property
    def compared(self) -> Compared:
        return Compared(self.rows, f"{sum(self._parts.values()) % _MODULUS:064x}")

    def differing(self, other: Sums) -> set[int]:
        """Parts."""
        parts = self._parts.keys() | other._parts.keys()
        return {part for part in parts if self._parts.get(part) != other._parts.get(part)}


@dataclass(frozen=True, slots=True)
class Differences:
    """Of a table."""

    wanted: list[list[Any]]
    """Keys of rows that are to be brought from the source, as the source has them."""
    extra: list[list[Any]]
    """Keys of rows that the target has more."""

    @classmethod
    async def of(
        cls,
        sums: Sums,
        parts: set[int],
        *,
        there: Portions,
        here: AsyncIterator[tuple[list[list[Any]], list[Row]]],
    ) -> Differences:
        """`there`: the rows of the target; `here`: those of the source, with their keys there."""
        found: dict[bytes, int] = {}
        async for rows in there:
            found.update((each.key, each.hash) for each in sums.of(rows) if each.part in parts)
        wanted = []
        async for keys, rows in here:
            for key, each in zip(keys, sums.of(rows), strict=True):
                if each.part in parts and found.pop(each.key, None) != each.hash:
                    wanted.append(key)
        return cls(wanted, [orjson.loads(key) for key in found])
