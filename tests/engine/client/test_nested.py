"""Nested writes: every operation, on relations of every kind, from both ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

NEW = {"slug": "new", "title": "New"}
POSTS_OF = "SELECT id FROM posts WHERE author_id = {} ORDER BY id"
CATEGORIES = """SELECT "A", "B" FROM "_CategoryToPost" ORDER BY "A", "B" """


async def update_ada(db: Any, **data: Any) -> Any:
    return await db.user.update(where={"id": 1}, data=data)


async def test_nested_create(db: Any, stored: Any) -> None:
    made = await db.user.create(
        {
            "email": "eve@x.org",
            "profile": {"create": {"bio": "new"}},
            "posts": {"create": [NEW, {"slug": "newer", "title": "Newer"}]},
            "manager": {"create": {"email": "boss@x.org"}},
        },
        include={"profile": True, "posts": {"order_by": {"slug": "asc"}}, "manager": True},
    )
    assert made.profile.userId == made.id
    assert [post.slug for post in made.posts] == ["new", "newer"]
    assert made.manager.email == "boss@x.org"
    rows = await stored(f"SELECT slug, author_id FROM posts WHERE author_id = {made.id}")
    assert sorted(rows) == [("new", made.id), ("newer", made.id)]


async def test_nested_create_is_undone_with_its_parent(db: Any, errors: Any, stored: Any) -> None:
    with pytest.raises(errors.UniqueViolationError):
        await db.user.create({"email": "e", "posts": {"create": [NEW, NEW]}})
    assert await stored("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM posts)") == [
        (4, 4)
    ]


async def test_nested_create_many(db: Any, stored: Any) -> None:
    await update_ada(db, posts={"createMany": {"data": [NEW, {"slug": "n", "title": "N"}]}})
    assert await stored("SELECT count(*) FROM posts WHERE author_id = 1") == [(4,)]


async def test_nested_connect(db: Any, stored: Any) -> None:
    await update_ada(db, posts={"connect": [{"id": "p3"}, {"slug": "orphan"}]})
    assert await stored(POSTS_OF.format(1)) == [("p1",), ("p2",), ("p3",), ("p4",)]
    await db.post.update(where={"id": "p1"}, data={"author": {"connect": {"email": "bob@x.org"}}})
    assert await stored(POSTS_OF.format(2)) == [("p1",)]
    await db.user.update(where={"id": 3}, data={"profile": {"connect": {"id": 1}}})
    assert await stored('SELECT user_id FROM "Profile" ORDER BY id') == [(3,), (2,)]


async def test_nested_connect_of_none(db: Any, errors: Any, stored: Any) -> None:
    with pytest.raises(errors.DataError) as raised:
        await db.user.create({"email": "e", "posts": {"connect": [{"id": "none"}]}})
    assert raised.value.code == "P2018"
    assert await stored("SELECT count(*) FROM users") == [(4,)]


async def test_nested_connect_or_create(db: Any, stored: Any) -> None:
    where_create = [
        {"where": {"slug": "new"}, "create": NEW},
        {"where": {"slug": "draft"}, "create": {"slug": "draft", "title": "no"}},
    ]
    await update_ada(db, posts={"connect_or_create": where_create})
    rows = await stored("SELECT slug, title FROM posts WHERE author_id = 1 ORDER BY slug")
    assert ("draft", "Draft") in rows
    assert ("new", "New") in rows
    post = {"author": {"connect_or_create": {"where": {"id": 2}, "create": {"email": "e"}}}}
    await db.post.update(where={"id": "p4"}, data=post)
    assert await stored("SELECT author_id FROM posts WHERE id = 'p4'") == [(2,)]


async def test_nested_disconnect(db: Any, stored: Any) -> None:
    await update_ada(db, posts={"disconnect": [{"id": "p1"}, {"id": "p3"}]})
    assert await stored(POSTS_OF.format(1)) == [("p2",)]
    assert await stored(POSTS_OF.format(2)) == [("p3",)]
    await db.post.update(where={"id": "p3"}, data={"author": {"disconnect": True}})
    assert await stored("SELECT author_id FROM posts WHERE id = 'p3'") == [(None,)]


async def test_nested_set(db: Any, stored: Any) -> None:
    await update_ada(db, posts={"set": [{"id": "p2"}, {"id": "p4"}]})
    assert await stored(POSTS_OF.format(1)) == [("p2",), ("p4",)]
    await update_ada(db, posts={"set": []})
    assert await stored(POSTS_OF.format(1)) == []


async def test_nested_update(db: Any, errors: Any, stored: Any) -> None:
    change = {"where": {"id": "p1"}, "data": {"title": "Changed", "views": {"increment": 1}}}
    await update_ada(db, posts={"update": [change]}, profile={"update": {"bio": "changed"}})
    assert await stored("SELECT title, views FROM posts WHERE id = 'p1'") == [("Changed", 11)]
    assert await stored('SELECT bio FROM "Profile" WHERE id = 1') == [("changed",)]
    await db.comment.update(
        where={"id": 1}, data={"post": {"update": {"author": {"update": {"name": "far"}}}}}
    )
    assert await stored("SELECT name FROM users WHERE id = 1") == [("far",)]


async def test_nested_update_many(db: Any, stored: Any) -> None:
    change = {"where": {"views": {"gt": 10}}, "data": {"views": 0}}
    await update_ada(db, posts={"updateMany": [change]})
    assert await stored("SELECT id, views FROM posts ORDER BY id") == [
        ("p1", 10),
        ("p2", 0),
        ("p3", 0),
        ("p4", 5),
    ]


async def test_nested_upsert(db: Any, stored: Any) -> None:
    def upsert(post: str) -> dict[str, Any]:
        return {"where": {"id": post}, "create": NEW, "update": {"title": "Changed"}}

    await update_ada(db, posts={"upsert": [upsert("p1"), upsert("none")]})
    titles = "SELECT title FROM posts WHERE author_id = 1 ORDER BY title"
    assert await stored(titles) == [("Changed",), ("New",), ("Notes",)]
    profile = {"upsert": {"create": {"bio": "c"}, "update": {"bio": "u"}}}
    for user in (1, 3):
        await db.user.update(where={"id": user}, data={"profile": profile})
    bios = 'SELECT user_id, bio FROM "Profile" WHERE user_id IN (1, 3) ORDER BY user_id'
    assert await stored(bios) == [(1, "u"), (3, "c")]


async def test_nested_delete(db: Any, errors: Any, stored: Any) -> None:
    await update_ada(db, posts={"delete": [{"id": "p1"}]}, profile={"delete": True})
    assert await stored(POSTS_OF.format(1)) == [("p2",)]
    assert await stored('SELECT id FROM "Profile"') == [(2,)]
    with pytest.raises(errors.DataError) as raised:
        await update_ada(db, posts={"delete": [{"id": "p3"}]})  # it is Bob's
    assert raised.value.code == "P2017"
    assert await stored(POSTS_OF.format(2)) == [("p3",)]


async def test_nested_delete_many(db: Any, stored: Any) -> None:
    await update_ada(db, posts={"deleteMany": {"views": {"lt": 15}}})
    assert await stored(POSTS_OF.format(1)) == [("p2",)]
    await update_ada(db, posts={"deleteMany": [{"views": 0}, {"title": "Notes"}]})
    assert await stored(POSTS_OF.format(1)) == []


async def test_nested_writes_over_implicit_many_to_many(db: Any, stored: Any) -> None:
    async def update(**categories: Any) -> list[tuple[Any, ...]]:
        await db.post.update(where={"id": "p1"}, data={"categories": categories})
        rows = await stored(CATEGORIES)
        return [category for category, post in rows if post == "p1"]

    assert await update(connect=[{"id": 3}, {"id": 3}]) == [1, 2, 3]
    assert await update(connect={"id": 3}) == [1, 2, 3]
    assert await update(disconnect=[{"name": "Science"}]) == [2, 3]
    assert await update(set=[{"id": 1}]) == [1]
    assert await update(create={"name": "New"}) == [1, 101]
    assert await update(delete={"id": 101}) == [1]
    either = {"where": {"name": "Arts"}, "create": {"name": "Arts"}}
    assert await update(connect_or_create=[either]) == [1, 3]
    assert await update(updateMany={"where": {"id": 3}, "data": {"name": "Fine arts"}}) == [1, 3]
    assert await stored('SELECT name FROM "Category" WHERE id = 3') == [("Fine arts",)]


async def test_nested_writes_over_explicit_many_to_many(db: Any, stored: Any) -> None:
    made = await db.user.create(
        {
            "email": "e",
            "memberships": {
                "create": [
                    {"team": {"connect": {"id": 1}}},
                    {"level": 2, "team": {"create": {"name": "New"}}},
                ]
            },
        },
        include={"memberships": {"order_by": {"level": "asc"}, "include": {"team": True}}},
    )
    assert [(m.level, m.team.name) for m in made.memberships] == [(1, "Core"), (2, "New")]
    key = {"userId_teamId": {"userId": 1, "teamId": 1}}
    change = {"update": {"where": key, "data": {"level": {"increment": 1}}}}
    await update_ada(db, memberships=change)
    assert await stored('SELECT level FROM "Membership" WHERE user_id = 1') == [(4,)]


async def test_nested_writes_over_self_relations(db: Any, stored: Any) -> None:
    await update_ada(db, reports={"set": [{"id": 4}]}, follows={"connect": [{"id": 1}]})
    managers = "SELECT id, manager_id FROM users ORDER BY id"
    assert await stored(managers) == [(1, None), (2, None), (3, None), (4, 1)]
    assert (1, 1) in await stored('SELECT "A", "B" FROM _follows')
    tree = {
        "name": "a",
        "children": {"create": [{"name": "b", "children": {"create": {"name": "c"}}}]},
    }
    made = await db.category.create(tree, include={"children": {"include": {"children": True}}})
    assert made.children[0].children[0].name == "c"


@pytest.mark.parametrize("world", ["shop"])
async def test_nested_writes_over_compound_keys(db: Any, stored: Any) -> None:
    order = {"customerId_number": {"customerId": "c1", "number": 1}}
    place = {"place": {"customerId": "c1", "orderNumber": 1, "position": 2}}
    new_line = {"position": 3, "price": Decimal("1.5"), "sku": "glue"}
    await db.order.update(
        where=order,
        data={
            "lines": {
                "update": {"where": place, "data": {"quantity": {"increment": 2}}},
                "create": [new_line],
            },
            "invoice": {"disconnect": True},
        },
    )
    lines = 'SELECT position, quantity FROM "Line" WHERE order_number = 1 ORDER BY position'
    assert await stored(lines) == [(1, 1), (2, 3), (3, 1)]
    invoices = 'SELECT id, customer_id, order_number FROM "Invoice" ORDER BY id'
    assert await stored(invoices) == [(2, None, None), (9007199254740993, None, None)]
    await db.order.update(where=order, data={"invoice": {"connect": {"id": 2}}})
    assert (2, "c1", 1) in await stored(invoices)


async def test_several_nested_writes_in_one_call(db: Any, stored: Any) -> None:
    await update_ada(
        db,
        name="all",
        posts={"create": [NEW], "disconnect": [{"id": "p1"}], "connect": [{"id": "p4"}]},
        profile={"update": {"website": None}},
        memberships={"deleteMany": {}},
    )
    slugs = "SELECT slug FROM posts WHERE author_id = 1 ORDER BY slug"
    assert await stored(slugs) == [("new",), ("notes",), ("orphan",)]
    assert await stored('SELECT count(*) FROM "Membership" WHERE user_id = 1') == [(0,)]
