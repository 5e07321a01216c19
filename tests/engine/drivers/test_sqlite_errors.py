"""SQLite's errors as the classes, codes and facts that Prisma Client Python's users catch."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from tests.engine.sqlite_types import make_database, stored

pytestmark = pytest.mark.anyio

Call = Callable[[Any], Awaitable[Any]]

# what is done, the error's class, code, a part of its message, facts in its meta
ERRORS: dict[str, tuple[Call, str, str, str, dict[str, Any]]] = {
    "unique": (
        lambda db: db.everything.create({"name": "taken"}),
        "UniqueViolationError",
        "P2002",
        "Unique constraint failed on the fields: (`name`)",
        {"target": ["name"], "table": "everything"},
    ),
    "primary key": (
        lambda db: db.everything.create({"id": 1}),
        "UniqueViolationError",
        "P2002",
        "(`id`)",
        {"target": ["id"]},
    ),
    "foreign key": (
        lambda db: db.everything.create({"above": 99}),
        "ForeignKeyViolationError",
        "P2003",
        "Foreign key constraint violated",
        {"constraint": "foreign key"},
    ),
    "foreign key on delete": (
        lambda db: db.everything.delete_many(where={"id": 1}),
        "ForeignKeyViolationError",
        "P2003",
        "Foreign key constraint violated",
        {},
    ),
    "not null, raw": (
        lambda db: db.execute_raw("INSERT INTO strict_one (a) VALUES (NULL)"),
        "RawQueryError",
        "P2010",
        "NOT NULL constraint failed: strict_one.a",
        {"code": "1299"},
    ),
    "unknown field": (
        lambda db: db.everything.find_many(where={"nope": 1}),
        "FieldNotFoundError",
        "P2009",
        "nope",
        {"kind": "UnknownInputField"},
    ),
    "value of a wrong type": (
        lambda db: db.everything.find_many(where={"whole": "three"}),
        "FieldNotFoundError",
        "P2009",
        "whole",
        {},
    ),
    "too large for an Int": (
        lambda db: db.everything.create({"whole": 2**40}),
        "DataError",
        "P2009",
        "`whole` should be of any of the following types: `Int`",
        {},
    ),
    "too large for a BigInt": (
        lambda db: db.everything.create({"big": 2**63}),
        "DataError",
        "P2033",
        "64 bit",
        {},
    ),
    "raw, syntax": (
        lambda db: db.query_raw("SELEC 1"),
        "RawQueryError",
        "P2010",
        'near "SELEC": syntax error',
        {"code": "1"},
    ),
    "raw, missing table": (
        lambda db: db.query_raw("SELECT * FROM nope"),
        "RawQueryError",
        "P2010",
        "no such table: nope",
        {},
    ),
    "raw, missing argument": (
        lambda db: db.query_raw("SELECT ?"),
        "RawQueryError",
        "P2010",
        "bindings",
        {},
    ),
    "raw, write in a read": (
        lambda db: db.query_raw("SELECT 1; DROP TABLE everything"),
        "RawQueryError",
        "P2010",
        "one statement",
        {},
    ),
    "lone surrogate": (
        lambda db: db.everything.create({"text": "\ud800"}),
        "DataError",
        "P2007",
        "lone surrogate",
        {},
    ),
    "record that must be there": (
        lambda db: db.everything.find_unique_or_raise(where={"id": 99}),
        "RecordNotFoundError",
        "P2025",
        "No record was found",
        {},
    ),
}


@pytest.fixture
async def filled(db: Any, sqlite_file: Path) -> Any:
    with contextlib.closing(sqlite3.connect(sqlite_file)) as connection:
        connection.executescript("CREATE TABLE strict_one (a INTEGER NOT NULL)")
    await db.everything.create({"id": 1, "name": "taken"})
    await db.everything.create({"id": 2, "above": 1})
    return db


@pytest.mark.parametrize(
    ("call", "name", "code", "text", "meta"),
    [pytest.param(*row, id=name) for name, row in ERRORS.items()],
)
async def test_error(
    filled: Any,
    everything: Any,
    sqlite_file: Path,
    call: Call,
    name: str,
    code: str,
    text: str,
    meta: dict[str, Any],
) -> None:
    before = stored(sqlite_file, "SELECT * FROM everything")
    with pytest.raises(getattr(everything.errors, name)) as raised:
        await call(filled)
    assert type(raised.value).__name__ == name
    assert raised.value.code == code
    assert text in str(raised.value)
    assert raised.value.meta.items() >= meta.items()
    assert stored(sqlite_file, "SELECT * FROM everything") == before


async def test_a_missing_table_is_named(everything: Any, tmp_path: Path) -> None:
    url = make_database(tmp_path / "empty.db", "SELECT 1")
    async with in_process(everything.Prisma)(datasource={"url": url}) as db:
        with pytest.raises(everything.errors.TableNotFoundError) as raised:
            await db.everything.find_many()
    assert raised.value.table == "main.everything"


async def test_a_missing_column_is_named(everything: Any, tmp_path: Path) -> None:
    url = make_database(tmp_path / "old.db", "CREATE TABLE everything (id INTEGER)")
    async with in_process(everything.Prisma)(datasource={"url": url}) as db:
        with pytest.raises(everything.errors.DataError) as raised:
            await db.everything.create({"text": "x"})
    assert raised.value.code == "P2022"
    assert "text" in raised.value.meta["column"]


async def test_a_database_that_is_not_there_is_not_created(everything: Any, tmp_path: Path) -> None:
    path = tmp_path / "absent.db"
    client = in_process(everything.Prisma)(datasource={"url": f"file:{path}"})
    with pytest.raises(
        everything.engine.errors.EngineConnectionError, match=r"absent\.db"
    ) as raised:
        await client.connect()
    assert raised.value.code == "P1003"
    assert not client.is_connected()
    assert not path.exists()


async def test_a_file_that_is_no_database_is_refused(everything: Any, tmp_path: Path) -> None:
    path = tmp_path / "poem.db"
    path.write_text("Shall I compare thee to a summer's day?" * 50)
    client = in_process(everything.Prisma)(datasource={"url": f"file:{path}"})
    with pytest.raises(everything.engine.errors.EngineConnectionError) as raised:
        await client.connect()
    assert raised.value.code == "P1001"
    assert path.read_text().startswith("Shall I")


async def test_a_writer_of_another_process_makes_ours_wait_and_then_fail(
    everything: Any, sqlite_file: Path
) -> None:
    url = f"file:{sqlite_file}?socket_timeout=0.1"
    with contextlib.closing(sqlite3.connect(sqlite_file, isolation_level=None)) as other:
        async with in_process(everything.Prisma)(datasource={"url": url}) as db:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(everything.errors.DataError) as raised:
                await db.everything.create({"text": "x"})
            assert raised.value.code == "P1008"
            other.execute("ROLLBACK")
            await db.everything.create({"text": "y"})
    assert stored(sqlite_file, "SELECT text FROM everything") == [("y",)]
