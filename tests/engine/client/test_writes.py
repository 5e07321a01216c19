"""create, update, upsert, delete and their forms for many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_create(db: Any, stored: Any) -> None:
    made = await db.user.create({"email": "eve@x.org", "name": "Eve", "role": "EDITOR", "age": 5})
    assert (made.id, made.name, made.role, made.age, made.active) == (101, "Eve", "EDITOR", 5, True)
    rows = await stored("SELECT id, email, name, role, age, score, active FROM users WHERE id > 4")
    assert rows == [(101, "eve@x.org", "Eve", "editor", 5, 0, True)]


async def test_create_with_explicit_nulls_and_ids(db: Any, stored: Any) -> None:
    made = await db.user.create({"id": 7, "email": "e", "name": None, "managerId": None})
    assert (made.id, made.name, made.managerId) == (7, None, None)
    assert await stored("SELECT name, manager_id FROM users WHERE id = 7") == [(None, None)]


async def test_create_sets_now_and_updated_at(db: Any) -> None:
    made = await db.user.create({"email": "eve@x.org"})
    assert abs(datetime.now(UTC) - made.createdAt) < timedelta(minutes=1)
    assert made.updatedAt == made.createdAt
    assert made.createdAt.microsecond % 1000 == 0


async def test_create_with_include(db: Any) -> None:
    made = await db.post.create(
        {"slug": "s", "title": "t", "authorId": 1}, include={"author": True, "comments": True}
    )
    assert made.author.name == "Ada"
    assert made.comments == []


async def test_create_that_breaks_a_unique_key(db: Any, errors: Any, stored: Any) -> None:
    with pytest.raises(errors.UniqueViolationError) as raised:
        await db.user.create({"email": "ada@x.org"})
    assert raised.value.code == "P2002"
    assert raised.value.meta["target"] == ["email"]
    with pytest.raises(errors.UniqueViolationError) as raised:
        await db.post.create({"slug": "s", "title": "Notes", "authorId": 1})
    assert raised.value.meta["target"] == ["author_id", "title"]
    assert await stored("SELECT count(*) FROM users") == [(4,)]


async def test_create_that_breaks_a_foreign_key(db: Any, errors: Any) -> None:
    with pytest.raises(errors.ForeignKeyViolationError) as raised:
        await db.user.create({"email": "e", "managerId": 99})
    assert raised.value.code == "P2003"


async def test_create_without_what_is_required(db: Any, errors: Any) -> None:
    with pytest.raises(errors.MissingRequiredValueError):
        await db.user.create({"name": "no email"})


async def test_create_many(db: Any, stored: Any) -> None:
    assert await db.team.create_many([{"name": "a"}, {"name": "b"}]) == 2
    assert await stored('SELECT id, name FROM "Team" WHERE id > 2 ORDER BY id') == [
        (101, "a"),
        (102, "b"),
    ]
    assert await db.team.create_many([]) == 0


async def test_create_many_is_all_or_nothing(db: Any, errors: Any, stored: Any) -> None:
    with pytest.raises(errors.UniqueViolationError):
        await db.team.create_many([{"name": "a"}, {"name": "Core"}])
    assert await stored('SELECT count(*) FROM "Team"') == [(2,)]


async def test_create_many_of_more_than_a_statement_may_carry(db: Any, stored: Any) -> None:
    comments = [{"text": f"t{n}", "postId": "p1", "authorId": 1} for n in range(700)]
    assert await db.comment.create_many(comments) == 700
    assert await stored("""SELECT count(*) FROM "Comment" WHERE text LIKE 't_%' AND id > 3""") == [
        (700,)
    ]


async def test_create_many_skip_duplicates(
    db: Any, database: str, errors: Any, stored: Any
) -> None:
    teams = [{"name": "a"}, {"name": "Core"}, {"name": "a"}]
    if database == "sqlite":  # as Prisma Client Python has it
        with pytest.raises(errors.UnsupportedDatabaseError):
            await db.team.create_many(teams, skip_duplicates=True)
        return
    assert await db.team.create_many(teams, skip_duplicates=True) == 1
    assert await stored('SELECT name FROM "Team" ORDER BY name') == [("Core",), ("Docs",), ("a",)]


async def test_update(db: Any, stored: Any) -> None:
    updated = await db.user.update(
        where={"id": 1}, data={"name": "Lovelace", "age": None, "role": {"set": "READER"}}
    )
    assert (updated.name, updated.age, updated.role) == ("Lovelace", None, "READER")
    assert updated.updatedAt > updated.createdAt
    rows = await stored("SELECT name, age, role FROM users WHERE id = 1")
    assert rows == [("Lovelace", None, "reader")]


async def test_update_of_none(db: Any) -> None:
    assert await db.user.update(where={"id": 9}, data={"name": "x"}) is None
    assert await db.user.update(where={"id": 1, "active": False}, data={"name": "x"}) is None


async def test_update_of_the_key_and_by_a_compound_key(db: Any, stored: Any) -> None:
    updated = await db.user.update(where={"id": 1}, data={"id": 50}, include={"posts": True})
    assert updated.id == 50
    assert {post.authorId for post in updated.posts} == {50}  # ON UPDATE CASCADE
    await db.membership.update(
        where={"userId_teamId": {"userId": 2, "teamId": 1}}, data={"teamId": 2}
    )
    assert await stored('SELECT team_id FROM "Membership" WHERE user_id = 2') == [(2,)]


async def test_increment_decrement_multiply_and_divide(db: Any, stored: Any) -> None:
    ada = await db.user.update(
        where={"id": 1}, data={"age": {"increment": 4}, "score": {"divide": 2}}
    )
    assert (ada.age, ada.score) == (40, 4.75)
    ada = await db.user.update(
        where={"id": 1}, data={"age": {"decrement": 10}, "score": {"multiply": 4}}
    )
    assert (ada.age, ada.score) == (30, 19.0)
    post = await db.post.update(
        where={"id": "p1"}, data={"rating": {"increment": Decimal("0.25")}, "views": {"set": 3}}
    )
    assert (post.rating, post.views) == (Decimal("4.75"), 3)
    assert await stored("SELECT age, score FROM users WHERE id = 1") == [(30, 19)]


async def test_update_many(db: Any, stored: Any) -> None:
    assert await db.user.update_many(where={"age": 36}, data={"age": {"increment": 1}}) == 2
    assert await db.user.update_many(where={"name": "nobody"}, data={"age": 1}) == 0
    assert await db.user.update_many(where={}, data={"active": False}) == 4
    rows = await stored("SELECT id, age FROM users WHERE NOT active ORDER BY id")
    assert rows == [(1, 37), (2, 41), (3, None), (4, 37)]


async def test_update_many_over_a_relation(db: Any, stored: Any) -> None:
    where = {"author": {"is": {"name": "Ada"}}}
    assert await db.post.update_many(where=where, data={"views": 0}) == 2
    assert await stored("SELECT sum(views) FROM posts") == [(5,)]


async def test_upsert_that_creates(db: Any, stored: Any) -> None:
    made = await db.user.upsert(
        where={"email": "eve@x.org"},
        data={"create": {"email": "eve@x.org", "name": "Eve"}, "update": {"name": "no"}},
    )
    assert (made.id, made.name) == (101, "Eve")
    assert await stored("SELECT name FROM users WHERE id = 101") == [("Eve",)]


async def test_upsert_that_updates(db: Any, stored: Any) -> None:
    found = await db.user.upsert(
        where={"email": "ada@x.org"},
        data={"create": {"email": "ada@x.org"}, "update": {"age": {"increment": 1}}},
    )
    assert (found.id, found.age) == (1, 37)
    assert await stored("SELECT count(*), max(id) FROM users") == [(4, 4)]


async def test_upsert_with_include_and_nested_writes(db: Any) -> None:
    """Not one statement, as those above are, but a read and a write in a transaction."""
    data = {
        "create": {"email": "eve@x.org", "profile": {"create": {"bio": "new"}}},
        "update": {"profile": {"upsert": {"create": {"bio": "c"}, "update": {"bio": "u"}}}},
    }
    for where, bio in (({"id": 99}, "new"), ({"id": 1}, "u"), ({"id": 3}, "c")):
        found = await db.user.upsert(where=where, data=data, include={"profile": True})
        assert found.profile.bio == bio


async def test_delete(db: Any, stored: Any) -> None:
    deleted = await db.post.delete(where={"slug": "orphan"}, include={"comments": True})
    assert (deleted.id, deleted.comments) == ("p4", [])
    assert await db.post.delete(where={"slug": "orphan"}) is None
    assert await stored("SELECT id FROM posts ORDER BY id") == [("p1",), ("p2",), ("p3",)]


async def test_delete_many(db: Any, stored: Any) -> None:
    assert await db.comment.delete_many(where={"likes": {"lt": 1}}) == 1
    assert await db.comment.delete_many(where={"author": {"is": {"name": "Bob"}}}) == 1
    assert await db.comment.delete_many() == 1
    assert await stored('SELECT count(*) FROM "Comment"') == [(0,)]


async def test_referential_action_cascade(db: Any, stored: Any) -> None:
    await db.post.delete(where={"id": "p1"})
    assert await stored('SELECT id FROM "Comment"') == [(3,)]
    assert await stored('SELECT "A", "B" FROM "_CategoryToPost"') == [(2, "p2")]


async def test_referential_action_set_null(db: Any, stored: Any) -> None:
    await db.comment.delete(where={"id": 1})
    assert await stored('SELECT reply_to_id FROM "Comment" WHERE id = 2') == [(None,)]


async def test_referential_action_restrict(db: Any, errors: Any, stored: Any) -> None:
    with pytest.raises(errors.ForeignKeyViolationError):
        await db.team.delete(where={"id": 1})
    with pytest.raises(errors.ForeignKeyViolationError):
        await db.user.delete_many(where={"id": 2})  # edits p1
    assert await stored('SELECT count(*) FROM "Team"') == [(2,)]


async def test_referential_action_no_action(db: Any, errors: Any) -> None:
    with pytest.raises(errors.ForeignKeyViolationError):
        await db.category.delete(where={"id": 1})
    assert (await db.category.delete(where={"id": 3})).name == "Arts"


@pytest.mark.parametrize("world", ["shop"])
async def test_referential_action_set_default(db: Any, stored: Any) -> None:
    await db.brand.delete(where={"id": 2})
    assert await stored("""SELECT brand_id FROM "Product" WHERE sku = 'saw'""") == [(1,)]


@pytest.mark.parametrize("world", ["shop"])
async def test_referential_action_cascade_over_compound_keys(db: Any, stored: Any) -> None:
    order = {"customerId_number": {"customerId": "c1", "number": 1}}
    await db.order.update(where=order, data={"number": 9})
    lines = 'SELECT order_number, position FROM "Line" ORDER BY order_number, position'
    assert await stored(lines) == [(2, 1), (9, 1), (9, 2)]
    await db.order.delete(where={"customerId_number": {"customerId": "c1", "number": 9}})
    assert await stored(lines) == [(2, 1)]
    assert await stored('SELECT customer_id, order_number FROM "Invoice"') == [(None, None)] * 2
