"""Many rows of one table by few statements, for programs that write thousands.

Prisma's createMany makes a plan for each number of rows, and a dict of each row. Here the SQL says
how many rows it takes by a parameter (PostgreSQL: an array for each column), or for a few numbers
of them (SQLite).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from .drivers.driver import Program, Statement
from .provider import Provider

ColumnType = Literal["string", "int", "float", "boolean", "datetime"]

_MOST_ROWS: Mapping[Provider, int] = {"sqlite": 64, "postgresql": 128}
"""Of one statement. SQLite takes 32,766 values. PostgreSQL's are written on the event loop: so many
take a millisecond, and others have their turn."""
_ARRAYS: Mapping[ColumnType, str] = {
    "string": "text[]",
    "int": "bigint[]",
    "float": "double precision[]",
    "boolean": "boolean[]",
    "datetime": "timestamp[]",
}

Row = Sequence[Any]
"""A value for each column."""


def unnested(types: Iterable[ColumnType]) -> str:
    """PostgreSQL's rows of the arrays that are a statement's parameters, one for each column."""
    arrays = [f"${n}::{_ARRAYS[each]}" for n, each in enumerate(types, start=1)]
    return f"unnest({', '.join(arrays)})"


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """`columns`: by their names in the database."""

    name: str
    columns: Mapping[str, ColumnType]
    _statements: dict[tuple[Provider, int], Statement] = field(default_factory=dict, repr=False)

    def statement(self, provider: Provider, rows: int) -> Statement:
        """Of so many rows on SQLite; of any number on PostgreSQL."""
        key = provider, rows if provider == "sqlite" else 0
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = self._made(provider, rows)
        return statement

    def _made(self, provider: Provider, rows: int) -> Statement:
        names = ", ".join(f'"{name}"' for name in self.columns)
        into = f'INSERT INTO "{self.name}" ({names})'
        types = [{"arity": "scalar", "scalarType": each, "dbType": None} for each in self._types]
        if provider == "sqlite":
            row = f"({', '.join('?' * len(types))})"
            return Statement(f"{into} VALUES {', '.join([row] * rows)}", types * rows, False)
        return Statement(f"{into} SELECT * FROM {unnested(self._types)}", types, False)

    @property
    def _types(self) -> Sequence[ColumnType]:
        return list(self.columns.values())


def insertion(provider: Provider, rows: Sequence[tuple[Table, Sequence[Row]]]) -> Program:
    """Of all rows of each table, in this order."""
    most = _MOST_ROWS[provider]
    for table, of_table in rows:
        start = 0
        while start < len(of_table):
            count = min(len(of_table) - start, most)
            if provider == "sqlite":  # few statements, each prepared once
                count = 1 << (count.bit_length() - 1)
            part = of_table[start : start + count]
            args = (
                list(chain.from_iterable(part))
                if provider == "sqlite"
                else list(map(list, zip(*part, strict=True)))
            )
            yield table.statement(provider, count), args
            start += count
