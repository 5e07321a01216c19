"""query_raw, query_first and execute_raw, on the client and through its models."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pydantic
import pytest

from backend.engine import JsonForm, fetch, fetch_records, fetch_written

pytestmark = pytest.mark.anyio


@pytest.fixture
def mark(database: str) -> Any:
    """The placeholder of the n-th parameter."""
    return (lambda n: "?") if database == "sqlite" else (lambda n: f"${n}")


async def test_query_raw(db: Any, mark: Any) -> None:
    sql = f"SELECT id, name, age FROM users WHERE age = {mark(1)} AND id < {mark(2)}"
    assert await db.query_raw(sql, 36, 4) == [{"id": 1, "name": "Ada", "age": 36}]
    assert await db.query_raw("SELECT id FROM users WHERE id > 99") == []


async def test_query_raw_of_booleans_dates_and_json(db: Any, mark: Any) -> None:
    [user] = await db.query_raw("SELECT active, created_at AS at FROM users WHERE id = 3")
    assert user["active"] is False
    assert datetime.fromisoformat(user["at"]) == datetime(2024, 1, 3, tzinfo=UTC)
    sql = f"WITH p AS (SELECT * FROM posts) SELECT extra, published FROM p WHERE id = {mark(1)}"
    assert await db.query_first(sql, "p1") == {"extra": {"tags": ["a", "b"]}, "published": True}


async def test_query_raw_with_parameters_of_every_kind(db: Any, mark: Any) -> None:
    cases: list[tuple[str, Any, int]] = [
        ("name", "Ada", 1),
        ("score", 9.5, 1),
        ("age", 41, 1),
        ("active", False, 1),
        ("created_at", datetime(2024, 1, 3, tzinfo=UTC), 1),
    ]
    for column, value, expected in cases:
        sql = f"SELECT id FROM users WHERE {column} = {mark(1)}"
        assert len(await db.query_raw(sql, value)) == expected, column


async def test_rows_as_the_driver_has_them(db: Any, package: Any, database: str, mark: Any) -> None:
    kind = "" if database == "sqlite" else "::bytea"
    rows = await fetch(db, f"SELECT {mark(1)}{kind}, id FROM users WHERE id < 3", b"\0\xff")
    assert sorted(tuple(row) for row in rows) == [(b"\0\xff", 1), (b"\0\xff", 2)]
    with pytest.raises(package.errors.DataError, match="nowhere"):
        await fetch(db, "SELECT id FROM nowhere")


async def test_rows_of_sql_that_writes(db: Any, package: Any, mark: Any) -> None:
    rename = f"UPDATE users SET name = {mark(1)} WHERE id = {mark(2)} RETURNING id, name"
    first, nobody, last = await fetch_written(db, rename, [("Eve", 1), ("Nobody", 99), ("Mia", 2)])
    assert [tuple(row) for row in (*first, *last)] == [(1, "Eve"), (2, "Mia")]
    assert list(nobody) == []
    [once] = await fetch_written(db, rename, [("Zoe", 1)])
    assert [tuple(row) for row in once] == [(1, "Zoe")]
    add = f"INSERT INTO users (id, email) VALUES ({mark(1)}, {mark(2)}) RETURNING id"
    with pytest.raises(package.errors.PrismaError):
        await fetch_written(db, add, [(70, "a@x"), (70, "b@x")])
    assert await db.user.count(where={"id": 70}) == 0, "all of them, or none"
    with suppress(LookupError):
        async with db.tx() as transaction:
            [[joined]] = await fetch_written(transaction, rename, [("Ann", 1)])
            assert tuple(joined) == (1, "Ann")
            raise LookupError
    assert await db.user.count(where={"name": "Ann"}) == 0, "it joins the transaction"


async def test_rows_as_records_of_json(db: Any, mark: Any) -> None:
    types = {
        "id": "int",
        "score": "float",
        "active": "boolean",
        "at": "datetime",
        "name": "string",
        "more": "string",
        "less": "string",
    }
    form = JsonForm(
        {"id": "number", **{name: name for name in types if name != "id"}, "posts": "posts"},
        objects=("more", "less"),
        lists=("posts",),
    )
    sql = (
        "SELECT id, score, active, created_at AS at, name, '{\"a\": 1}' AS more, NULL AS less"
        f" FROM users WHERE id = {mark(1)}"
    )
    expected = {
        "number": 3,
        "score": 0.0,
        "active": False,
        "at": "2024-01-03T00:00:00.000Z",
        "name": None,
        "more": {"a": 1},
        "less": {},
        "posts": [],
    }
    for _ in range(2):
        assert await fetch_records(db, form, types, sql, 3) == [expected]
    assert await fetch_records(db, form, types, sql, 99) == []


async def test_rows_in_a_transaction(db: Any, mark: Any) -> None:
    sql = f"SELECT name FROM users WHERE id = {mark(1)}"
    async with db.tx() as transaction:
        await transaction.user.update(where={"id": 1}, data={"name": "Changed"})
        assert [tuple(row) for row in await fetch(transaction, sql, 1)] == [("Changed",)]
        assert [tuple(row) for row in await fetch(db, sql, 1)] == [("Ada",)]


async def test_query_raw_into_a_model(db: Any, package: Any) -> None:
    class Name(pydantic.BaseModel):
        id: int
        name: str | None

    found = await db.query_raw("SELECT id, name FROM users ORDER BY id LIMIT 2", model=Name)
    assert found == [Name(id=1, name="Ada"), Name(id=2, name="Bob")]
    [team] = await db.query_raw(
        'SELECT id, name FROM "Team" WHERE id = 1', model=package.models.Team
    )
    assert (type(team), team.name) == (package.models.Team, "Core")


async def test_query_raw_through_a_model(db: Any, package: Any, mark: Any) -> None:
    found = await db.team.query_raw(f'SELECT * FROM "Team" WHERE id = {mark(1)}', 2)
    assert found == [package.models.Team(id=2, name="Docs")]
    sql = f"""SELECT id, slug, title, views, published, created_at AS "createdAt",
        author_id AS "authorId" FROM posts WHERE id = {mark(1)}"""
    post = await db.post.query_first(sql, "p1")
    assert (post.published, post.authorId) == (True, 1)
    assert post.createdAt == datetime(2024, 2, 1, tzinfo=UTC)


async def test_query_first(db: Any) -> None:
    assert await db.query_first("SELECT id FROM users ORDER BY id DESC") == {"id": 4}
    assert await db.query_first("SELECT id FROM users WHERE id > 99") is None


async def test_query_raw_that_writes(db: Any, stored: Any) -> None:
    sql = "UPDATE users SET age = 1 WHERE id = 1 RETURNING id, age, active"
    [row] = await db.query_raw(sql)
    assert row == {"id": 1, "age": 1, "active": True}
    assert row["active"] is True  # 1 == True
    assert await stored("SELECT age FROM users WHERE id = 1") == [(1,)]


async def test_execute_raw(db: Any, mark: Any, stored: Any) -> None:
    sql = f"UPDATE users SET name = {mark(1)} WHERE active = {mark(2)}"
    assert await db.execute_raw(sql, "raw", True) == 3
    assert await db.execute_raw("DELETE FROM users WHERE id > 99") == 0
    assert await stored("SELECT count(*) FROM users WHERE name = 'raw'") == [(3,)]


async def test_an_error_in_raw_sql(db: Any, errors: Any) -> None:
    with pytest.raises(errors.RawQueryError) as raised:
        await db.query_raw("SELECT nonsense FROM users")
    assert raised.value.code == "P2010"
    assert "nonsense" in raised.value.meta["message"]
    with pytest.raises(errors.RawQueryError):
        await db.execute_raw("""INSERT INTO "Team" (name) VALUES ('Core')""")
