"""The seam between query plans and databases: what every driver offers.

A plan, lowered by `plan/`, is a *program*: a generator that yields `(statement, args)` and is
sent back the statement's answer, until it returns the plan's result. The program does no I/O
and does not know whether its driver blocks or awaits, so one lowering serves both databases:
SQLite drives it synchronously in the thread that owns the connection, PostgreSQL awaits
between its steps.

    Driver            one database: connect, run a program, begin a transaction, close
    Transaction       one interactive transaction on one connection
    Statement         SQL text and what is known of its arguments before they exist
    Rows              what a query answers; an `execute` statement answers its row count (int)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Provider = Literal["sqlite", "postgresql"]
IsolationLevel = Literal[
    "ReadUncommitted", "ReadCommitted", "RepeatableRead", "Snapshot", "Serializable"
]

ArgType = Mapping[str, Any]
"""`{"arity": "scalar" | "list", "scalarType": ..., "dbType": ... | None}`, as the plan has it."""

FieldType = Mapping[str, Any]
"""`{"arity": "required" | "optional" | "list", "type": ..., ...}`, as the plan's dataMap has it."""

Decoder = Callable[[Any], Any]
"""From a column's value, as the driver fetched it (never None), to the value for the client."""

LEFT_AS_THEY_ARE: dict[Decoder, type] = {}
"""By decoder, the class of the values that it gives back as they are: most need no call."""


def leaves(kind: type) -> Callable[[Decoder], Decoder]:
    """Of a decoder that gives back values of this class as they are."""

    def noted(decoder: Decoder) -> Decoder:
        LEFT_AS_THEY_ARE[decoder] = kind
        return decoder

    return noted


@dataclass(eq=False, slots=True)
class Statement:
    """One SQL statement of a plan. Kept as long as its plan, so a driver may keep with it what
    it derives from it (`prepared`)."""

    sql: str
    arg_types: Sequence[ArgType]
    returns_rows: bool
    """True: the driver answers `Rows`; False: the number of affected rows."""
    raw: bool = False
    """From query_raw or execute_raw: errors become P2010, `Rows.types` is wanted."""
    prepared: Any = field(default=None, repr=False)


class Rows(NamedTuple):
    columns: tuple[str, ...]
    records: Sequence[Sequence[Any]]
    types: tuple[str, ...] = ()
    """Raw queries only: Prisma's name of each column's type ("int", "bigint", "datetime", ...;
    the `PrismaType` literals of Prisma Client Python's `_raw_query.py`)."""


SessionSettings = Mapping[str, str]
"""By name what `current_setting` answers to a statement: see `scope.py`."""

NO_SETTINGS: SessionSettings = MappingProxyType({})


def no_settings() -> SessionSettings:
    return NO_SETTINGS


Program = Generator[tuple[Statement, Sequence[Any]], Any, Any]
"""Yields a statement with its arguments (flat, one per placeholder), receives `Rows` or int.
A driver throws `DriverError` into it."""

Start = Callable[[], Program]
"""Begins a fresh run of a program. A driver calls it again where it has undone the first run
(a group of writes whose commit failed), never after a run that may have taken effect."""


class Transaction(ABC):
    """An open interactive transaction. Not safe for use by two tasks at once: the caller
    (`transactions.py`) serialises."""

    @abstractmethod
    async def run(self, start: Start) -> Any:
        """Run a program on the transaction's connection and return its result.

        A program that fails leaves the transaction usable where the database allows it."""

    @abstractmethod
    async def commit(self) -> None: ...

    @abstractmethod
    async def rollback(self) -> None:
        """Undo and give the connection back. May be called after a failed commit, and twice."""


class Driver(ABC):
    provider: Provider
    max_bind_values: int
    """The most placeholders that one statement may carry; longer IN lists are split."""

    @abstractmethod
    async def connect(self) -> None:
        """Open what is needed to answer at once. Raises DriverError (P1xxx kinds)."""

    @abstractmethod
    async def close(self) -> None:
        """Release every connection, thread and descriptor. May be called more than once."""

    @abstractmethod
    def decoder(self, field_type: FieldType) -> Decoder | None:
        """How to turn this column's values into the client's; None: they need no change.

        The client's values are: str, int, float, bool, decimal.Decimal, datetime (aware, UTC,
        milliseconds), JSON text for Json, base64 text for Bytes, and lists of these."""

    def json_decoder(self, field_type: FieldType) -> Decoder | None:
        """The same, to a value that JSON can hold: dates are RFC 3339 text in UTC with
        milliseconds, decimals text, as in Prisma's JSON protocol."""
        decode = self.decoder(field_type)
        write = _JSON_WRITERS.get(field_type["type"])
        if write is None:
            return decode
        if field_type["arity"] == "list":
            return lambda items: [
                None if item is None else write(item)
                for item in (items if decode is None else decode(items))
            ]
        return write if decode is None else lambda value: write(decode(value))

    @abstractmethod
    async def run(self, start: Start, *, reads_only: bool, atomic: bool) -> Any:
        """Run a program outside any interactive transaction and return its result.

        `reads_only`: no statement writes. `atomic`: several statements, all or nothing: they
        run in one transaction, rolled back when one fails or the caller is cancelled."""

    async def execute(
        self, statement: Statement, args: Sequence[Any], *, reads_only: bool
    ) -> Rows | int:
        """Run a program of this one statement, and return its answer."""

        def start() -> Program:
            return (yield statement, args)

        answer: Rows | int = await self.run(start, reads_only=reads_only, atomic=False)
        return answer

    @abstractmethod
    async def begin(
        self, *, isolation_level: IsolationLevel | None, max_wait: float
    ) -> Transaction:
        """Open an interactive transaction. Waits at most `max_wait` seconds for the right to do
        so, then raises TimeoutError.

        `Snapshot`: it only reads, sees the database as it was at its begin, and has a connection
        of its own: however long it lasts, it takes none from the others and keeps no writer
        waiting. (Prisma knows the name on SQL Server only.)"""

    @abstractmethod
    def describe(self) -> Mapping[str, float]:
        """Gauges of the pool, by Prisma's metric names without their prefix:
        connections_open, connections_busy, connections_idle."""


def _json_datetime(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"  # without +00:00


_JSON_WRITERS: Mapping[str, Callable[[Any], str]] = {"datetime": _json_datetime, "decimal": str}
