"""The seam between Migrate and a database: one connection that runs queries and scripts.

    Database           open, query, execute, run a script, lock, close
    Rows               what a query answers
    ScriptError       a script failed: which statement, on which line, and whether it is undone

`sqlite.py` and `postgresql.py` have the same classes in the same order. These connections are
apart from the drivers of the service: they hold no pool, run scripts, and answer the schema
engine with the types that it asks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, NamedTuple

from ...drivers.driver import Provider
from ...errors import DriverError, EngineError, user_facing

Log = Callable[[str], None]
"""Takes one line of progress for the person who waits."""


class Rows(NamedTuple):
    columns: tuple[str, ...]
    types: tuple[Any, ...]
    """What the database says of each column's type (PostgreSQL: its oid), None if nothing."""
    records: Sequence[Sequence[Any]]


class ScriptError(Exception):
    """One statement of a script failed.

    `line` is None when the database did not say where and it cannot be derived. `undone`: the
    statements before it left nothing behind."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        statement: str | None,
        line: int | None,
        undone: bool,
        applied: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.statement = statement
        self.line = line
        self.undone = undone
        self.applied = applied
        """How many statements before it took effect and stay, where `undone` is false."""


def explained(error: DriverError) -> EngineError:
    """The user-facing error, with the database's own words, which Prisma's often leave out."""
    facing = user_facing(error)
    said = error.original_message
    if said is None or said in facing.message:
        return facing
    return EngineError(facing.code, f"{facing.message}\n\n{said}", facing.meta)


class Database(ABC):
    provider: Provider
    name: str
    """For people: the database's name, or the file's."""
    schema: str = ""
    """PostgreSQL: the schema in the database."""

    @abstractmethod
    async def query(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        """Raises DriverError."""

    @abstractmethod
    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """The number of affected rows. Raises DriverError."""

    @abstractmethod
    async def run_script(self, script: str) -> None:
        """Run a script of any number of statements, undone as a whole where the database can.
        Raises ScriptError. Cancelled, it stops the database's work before it returns."""

    @abstractmethod
    def all_or_nothing(self) -> AbstractAsyncContextManager[None]:
        """Where the schema engine changes the database step by step: the steps inside are one
        transaction, where the database can have it so."""

    @abstractmethod
    def undoes(self, script: str) -> bool:
        """Whether `run_script`, when it fails or is cancelled, leaves nothing of the script."""

    @abstractmethod
    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        """Become the only one that migrates this database, until `close`. Calls `waiting` once if
        somebody else is. Raises EngineError P1002 after `timeout` seconds."""

    @abstractmethod
    async def close(self) -> None:
        """May be called more than once."""

    @abstractmethod
    def parameter(self, number: int) -> str:
        """The placeholder of an argument, from 1."""

    @abstractmethod
    def moment(self, when: datetime) -> Any:
        """A time as the argument that Prisma's native engine would write."""

    @abstractmethod
    def parse_moment(self, value: Any) -> datetime | None:
        """The reverse of `moment`, for whatever stands in the column."""

    @abstractmethod
    async def has_history(self) -> bool:
        """Whether there is a table `_prisma_migrations`."""

    @abstractmethod
    async def create_history(self) -> None:
        """Create `_prisma_migrations` as Prisma does."""

    @abstractmethod
    async def foreign_objects(self) -> list[str]:
        """Names of what stands in the schema besides `_prisma_migrations`: tables, views, enums.
        What the database itself or its extensions put there does not count."""

    @abstractmethod
    async def virtual_tables(self) -> list[str]:
        """SQLite's virtual tables: no schema of Prisma's can describe one."""
