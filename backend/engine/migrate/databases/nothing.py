"""The database of a comparison that needs none: of schema files and migrations folders only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any

from ...drivers.driver import Provider
from .database import Database, Rows


class NoDatabase(Database):
    """The engine wants a connection when it starts, and asks it for its version at most."""

    name = "none"
    schema = "public"

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def query(self, sql: str, args: Sequence[Any] = ()) -> Rows:
        if "server_version_num" in sql:
            columns = ("exists", "version", "numeric_version")
            return Rows(columns, (16, 25, 23), [(True, "PostgreSQL 16.0", 160000)])
        raise _refusal(sql)

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        raise _refusal(sql)

    async def run_script(self, script: str) -> None:
        raise _refusal(script)

    def all_or_nothing(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def undoes(self, script: str) -> bool:
        return True

    async def lock(self, timeout: float, waiting: Callable[[], None]) -> None:
        pass

    async def close(self) -> None:
        pass

    def parameter(self, number: int) -> str:
        return "?"

    def moment(self, when: datetime) -> Any:
        return when

    def parse_moment(self, value: Any) -> datetime | None:
        return None

    async def has_history(self) -> bool:
        return False

    async def create_history(self) -> None:
        raise _refusal("CREATE TABLE _prisma_migrations")

    async def foreign_objects(self) -> list[str]:
        return []

    async def virtual_tables(self) -> list[str]:
        return []


def _refusal(sql: str) -> RuntimeError:
    return RuntimeError(f"There is no database here to run this: {sql}")
