"""Raw queries on SQLite give booleans, dates and Json where the column is declared as such."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from backend.engine.datasource import make_driver
from backend.engine.drivers.sqlite.declared_types import TablesInMemory
from tests.engine.drivers.programs import execute, query, sequence
from tests.engine.generated import generated_package
from tests.engine.sqlite_types import SCHEMA

pytestmark = pytest.mark.anyio

AT = "2026-11-23T04:05:06.789+00:00"

ROW = f"""
INSERT INTO everything (id, text, yes, moment, data) VALUES (1, 'a', 1, '{AT}', '{{"b":2}}');
CREATE VIEW seen AS SELECT yes AS it, upper(text) AS loud FROM everything;
CREATE TABLE "odd one" ("is it?" boolean, day DATE, at TIMESTAMP, tick TIME, size VARCHAR(9));
INSERT INTO "odd one" VALUES (0, '2026-11-23', 1795406706789, '04:05:06', '12');
CREATE TABLE quoted ("a ""b"" c" BOOLEAN);
INSERT INTO quoted VALUES (1);
CREATE TABLE made (n INTEGER, is_made BOOLEAN AS (n > 0));
INSERT INTO made VALUES (1);
CREATE VIEW broken AS SELECT * FROM gone;
CREATE VIRTUAL TABLE words USING fts5 (text);
INSERT INTO words VALUES ('true words');
"""


@pytest.fixture
def change(sqlite_file: Path) -> Any:
    """Runs SQL as another program does."""

    def run(script: str) -> None:
        with contextlib.closing(sqlite3.connect(sqlite_file)) as connection, connection:
            connection.executescript(script)

    run(ROW)
    return run


# what is asked, its arguments, the values of the only row
ASKED: list[tuple[str, list[Any], list[Any]]] = [
    ("SELECT yes, moment, data, text FROM everything", [], [True, AT, {"b": 2}, "a"]),
    ("SELECT yes AS text, text AS yes FROM everything;", [], [True, "a"]),
    ("SELECT id, everything.yes FROM everything WHERE id IN (?, ?2, 3)", [1, 2], [1, True]),
    ("SELECT yes /* ? */ FROM everything WHERE text <> '?''' -- :no", [], [True]),
    ('SELECT ? AS a, yes AS "?", 1 AS [@b], 2 AS c$d FROM everything', [7], [7, True, 1, 2]),
    ("SELECT yes, yes AS also, (SELECT yes FROM everything) AS n FROM everything", [], [True] * 3),
    ("WITH q(b) AS (SELECT yes FROM everything) SELECT b FROM q LIMIT ?", [5], [True]),
    ("SELECT b FROM (SELECT yes AS b FROM everything)", [], [True]),
    ("SELECT yes FROM everything UNION ALL SELECT 0 WHERE 0", [], [True]),
    ("SELECT IT, loud FROM seen", [], [True, "A"]),
    ('SELECT loud, "a ""b"" c" FROM seen, quoted', [], ["A", True]),
    ("SELECT n, is_made FROM made", [], [1, True]),
    ('SELECT * FROM "odd one"', [], [False, "2026-11-23", AT, "04:05:06", "12"]),
    ("SELECT yes FROM everything JOIN words ON words MATCH ?", ["words"], [True]),
    # Not columns, so without a type, as in Prisma.
    ("SELECT max(yes) AS a, +yes AS b, CAST(yes AS BOOLEAN) AS c FROM everything", [], [1, 1, 1]),
    ("SELECT count(*) AS n, max(moment) AS m FROM everything", [], [1, AT]),
    ("VALUES (1, 'x')", [], [1, "x"]),
    ("SELECT value FROM json_each(?)", ["[1]"], [1]),
    # What is written and returned.
    ("UPDATE everything SET text = ? WHERE id = 1 RETURNING yes, moment", ["b"], [True, AT]),
    ("INSERT INTO \"odd one\" VALUES (?, 'a', 0, 'RETURNING', 1) RETURNING *", [1], ...),
    ("WITH w AS (SELECT 1) INSERT INTO everything (yes) SELECT * FROM w RETURNING yes", [], [True]),
    ("REPLACE INTO main.everything (id, yes) VALUES (1, 0) RETURNING yes, yes + 1", [], [False, 1]),
    ("DELETE FROM everything RETURNING data ;", [], [{"b": 2}]),
]


@pytest.mark.parametrize(("sql", "args", "values"), ASKED)
async def test_types_of_columns(
    db: Any, change: Any, sql: str, args: list[Any], values: Any
) -> None:
    if values is ...:
        values = [True, "a", "1970-01-01T00:00:00.000+00:00", "RETURNING", "1"]
    for _ in range(1 if sql.startswith(("INSERT", "WITH w", "DELETE")) else 2):
        [row] = await db.query_raw(sql, *args)
        assert list(row.values()) == values
        assert [type(value) for value in row.values()] == [type(value) for value in values]


@pytest.mark.parametrize("value", [2, 0, "0", "false", "maybe", 1.5])
async def test_only_1_and_true_are_true(db: Any, change: Any, value: Any) -> None:
    await db.execute_raw("UPDATE everything SET yes = ?", value)
    assert await db.query_first("SELECT yes FROM everything") == {"yes": False}
    await db.execute_raw("UPDATE everything SET yes = 'true'")
    assert await db.query_first("SELECT yes FROM everything") == {"yes": True}


@pytest.mark.parametrize(
    ("column", "held", "given"),
    [
        ("moment", 1_795_406_706_789, AT),
        ("moment", "2026-11-23 04:05:06", "2026-11-23T04:05:06.000+00:00"),
        ("moment", "2026-11-23T06:05:06.789123+02:00", AT),
        ("moment", "soon", "soon"),
        ("moment", 2**62, 2**62),
        ("moment", None, None),
        ("data", "12", 12),
        ("data", "[1, null]", [1, None]),
        ("data", '"text"', "text"),
        ("data", "no json", "no json"),
    ],
)
async def test_values_as_they_are_stored(
    db: Any, sqlite_file: Path, change: Any, column: str, held: Any, given: Any
) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute(f"UPDATE everything SET {column} = ?", [held])
    assert await db.query_first(f"SELECT {column} FROM everything") == {column: given}


async def test_a_raw_row_fills_a_model(db: Any, everything: Any, change: Any) -> None:
    model = everything.models.Everything
    raw = await db.query_first("SELECT * FROM everything", model=model)
    through_the_model = await db.everything.query_first("SELECT * FROM everything")
    assert raw == through_the_model == await db.everything.find_first()


async def test_a_raw_date_can_be_given_back(db: Any, change: Any) -> None:
    row = await db.query_first("SELECT moment FROM everything")
    sql = "SELECT id FROM everything WHERE moment = ?"
    assert await db.query_first(sql, row["moment"]) == {"id": 1}


async def test_a_changed_schema_is_noticed(db: Any, change: Any) -> None:
    change("CREATE TABLE flag (it BOOLEAN); INSERT INTO flag VALUES (1)")
    sql = "SELECT * FROM flag"
    assert (await db.query_first(sql))["it"] is True
    change("DROP TABLE flag; CREATE TABLE flag (it INTEGER); INSERT INTO flag VALUES (1)")
    assert (await db.query_first(sql))["it"] is not True
    change("ALTER TABLE flag ADD also DATETIME DEFAULT 0")
    row = await db.query_first(sql)
    assert row == {"it": 1, "also": "1970-01-01T00:00:00.000+00:00"}


async def test_a_schema_that_is_changed_in_a_transaction(db: Any, change: Any) -> None:
    sql = "SELECT * FROM flag"

    async def type_in_transaction(declared: str) -> type:
        async with db.tx() as tx:
            await tx.execute_raw(f"CREATE TABLE flag (it {declared})")
            await tx.execute_raw("INSERT INTO flag VALUES (1)")
            row = await tx.query_first(sql)
            raise _UndoneError(type(row["it"]))

    # Both have the same number of the schema.
    for declared, expected in (("BOOLEAN", bool), ("INTEGER", int), ("BOOLEAN", bool)):
        with pytest.raises(_UndoneError) as undone:
            await type_in_transaction(declared)
        assert undone.value.args == (expected,)


class _UndoneError(Exception):
    pass


async def test_temporary_tables_and_databases_in_memory(tmp_path: Path) -> None:
    driver = make_driver("file::memory:", folder=tmp_path)
    await driver.connect()
    try:
        asked = query("SELECT it FROM flag", raw=True)
        script = sequence(
            execute("CREATE TABLE flag (it BOOLEAN)"),
            execute("INSERT INTO flag VALUES (1)"),
            asked,
            execute("CREATE TEMP TABLE flag (it DATETIME)"),
            execute("INSERT INTO flag VALUES (0)"),
            asked,
        )
        answers = await driver.run(script, reads_only=False, atomic=True)
        _, _, in_main, _, _, in_temp = answers
        assert (in_main.types, in_main.records) == (("bool",), [[True]])
        assert (in_temp.types, in_temp.records) == (
            ("datetime",),
            [["1970-01-01T00:00:00.000+00:00"]],
        )
    finally:
        await driver.close()


async def test_what_has_no_view_keeps_its_values(db: Any, change: Any) -> None:
    assert len(await db.query_raw("PRAGMA table_info(everything)")) == 13
    assert await db.query_raw("EXPLAIN SELECT yes FROM everything")
    change("ANALYZE")  # makes a table that nobody else may make
    assert (await db.query_first("SELECT tbl, yes FROM sqlite_stat1, everything"))["yes"] == 1


async def test_virtual_tables_may_stand_behind_those_that_they_make(db: Any, change: Any) -> None:
    change("VACUUM")
    row = await db.query_first("SELECT yes FROM everything JOIN words ON words MATCH 'true'")
    assert row["yes"] is True


async def test_a_statement_is_looked_up_once(
    db: Any, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look_up = TablesInMemory.declared_types

    def noted(self: TablesInMemory, schema: Any, sql: str) -> list[str]:
        asked.append(sql)
        return look_up(self, schema, sql)

    monkeypatch.setattr(TablesInMemory, "declared_types", noted)
    for _ in range(3):
        assert (await db.query_first("SELECT yes FROM everything WHERE id = ?", 1))["yes"] is True
    assert len(asked) == 1
    for n in range(1000):  # many more than are kept
        assert (await db.query_first(f"SELECT {n} AS n, yes FROM everything"))["yes"] is True
    assert len(asked) == 1001


def test_only_statements_that_may_have_types_are_made_views() -> None:
    tables = TablesInMemory()
    schema = ("CREATE TABLE t (id INTEGER, yes BOOLEAN)",)
    try:
        assert tables.declared_types(schema, "SELECT id, count(*) FROM t") == []
        assert tables.declared_types(schema, "SELECT id, YES FROM t") == ["INTEGER", "BOOLEAN"]
        assert tables.declared_types(schema, "SELECT * FROM t") == ["INTEGER", "BOOLEAN"]
    finally:
        tables.close()
        tables.close()


def test_the_sync_client(sqlite_file: Path, change: Any) -> None:
    package: Any = generated_package(SCHEMA.replace('"asyncio"', '"sync"'))
    with in_process(package.Prisma)(datasource={"url": f"file:{sqlite_file}"}) as db:
        row = db.query_first("SELECT yes, moment FROM everything")
        assert (row["yes"], row["moment"]) == (True, AT)
        assert row["yes"] is True
