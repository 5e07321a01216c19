"""include: every kind of relation, its arguments, and relations within relations."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

BY_ID = {"id": "asc"}


async def test_include_one_to_one(db: Any) -> None:
    users = await db.user.find_many(include={"profile": True}, order=BY_ID)
    assert [user.profile and user.profile.id for user in users] == [1, 2, None, None]
    profile = await db.profile.find_unique(where={"id": 1}, include={"user": True})
    assert profile.user.name == "Ada"


async def test_include_one_to_many(db: Any) -> None:
    users = await db.user.find_many(include={"posts": {"order_by": BY_ID}}, order=BY_ID)
    assert [[post.id for post in user.posts] for user in users] == [["p1", "p2"], ["p3"], [], []]
    posts = await db.post.find_many(include={"author": True, "editor": True}, order=BY_ID)
    assert [post.author and post.author.id for post in posts] == [1, 1, 2, None]
    assert [post.editor and post.editor.id for post in posts] == [2, None, None, None]


async def test_include_implicit_many_to_many(db: Any) -> None:
    posts = await db.post.find_many(include={"categories": {"order_by": BY_ID}}, order=BY_ID)
    names = [[category.name for category in post.categories] for post in posts]
    assert names == [["Science", "Logic"], ["Logic"], [], []]


async def test_include_explicit_many_to_many(db: Any) -> None:
    team = await db.team.find_unique(
        where={"id": 1},
        include={"memberships": {"order_by": {"userId": "asc"}, "include": {"user": True}}},
    )
    assert [(m.user.name, m.level) for m in team.memberships] == [("Ada", 3), ("Bob", 1)]


async def test_include_self_relations(db: Any) -> None:
    ada = await db.user.find_unique(
        where={"id": 1},
        include={
            "manager": True,
            "reports": {"order_by": BY_ID},
            "follows": True,
            "followers": True,
        },
    )
    assert ada.manager is None
    assert [user.id for user in ada.reports] == [2, 3]
    assert [user.id for user in ada.follows] == [4]
    assert [user.id for user in ada.followers] == [2]


async def test_include_with_where_order_take_and_skip(db: Any) -> None:
    async def posts_of_ada(**arguments: Any) -> list[str]:
        ada = await db.user.find_unique(where={"id": 1}, include={"posts": arguments})
        return [post.id for post in ada.posts]

    assert await posts_of_ada(where={"views": {"gt": 10}}) == ["p2"]
    assert await posts_of_ada(order_by={"views": "desc"}) == ["p2", "p1"]
    assert await posts_of_ada(order_by=BY_ID, take=1) == ["p1"]
    assert await posts_of_ada(order_by=BY_ID, take=-1) == ["p2"]
    assert await posts_of_ada(order_by=BY_ID, skip=1) == ["p2"]
    assert await posts_of_ada(order_by=BY_ID, cursor={"id": "p2"}) == ["p2"]


async def test_include_takes_and_skips_for_each_parent(db: Any) -> None:
    users = await db.user.find_many(
        include={"comments": {"order_by": BY_ID, "take": 1}, "follows": {"take": 1}}, order=BY_ID
    )
    assert [[comment.id for comment in user.comments] for user in users] == [[2], [1], [3], []]
    assert [len(user.follows) for user in users] == [1, 1, 1, 0]


async def test_include_with_distinct(db: Any) -> None:
    await db.comment.create({"text": "again", "likes": 9, "postId": "p1", "authorId": 2})
    bob = await db.user.find_unique(
        where={"id": 2}, include={"comments": {"distinct": ["postId"], "order_by": BY_ID}}
    )
    assert [comment.id for comment in bob.comments] == [1]


async def test_include_relations_within_relations(db: Any) -> None:
    comment = await db.comment.find_unique(
        where={"id": 2},
        include={
            "replyTo": {"include": {"replies": True, "author": {"include": {"manager": True}}}},
            "post": {"include": {"author": {"include": {"posts": {"order_by": BY_ID}}}}},
        },
    )
    assert comment.replyTo.author.manager.name == "Ada"
    assert [reply.id for reply in comment.replyTo.replies] == [2]
    assert [post.id for post in comment.post.author.posts] == ["p1", "p2"]


async def test_include_false_includes_nothing(db: Any) -> None:
    ada = await db.user.find_unique(where={"id": 1}, include={"posts": False})
    assert ada.posts is None


@pytest.mark.parametrize("world", ["shop"])
async def test_include_over_compound_keys(db: Any) -> None:
    customer = await db.customer.find_unique(
        where={"country_taxId": {"country": "DE", "taxId": "1"}},
        include={
            "orders": {
                "order_by": [{"customerId": "asc"}, {"number": "asc"}],
                "include": {"lines": {"include": {"product": True}}, "invoice": True},
            }
        },
    )
    first, second = customer.orders
    assert sorted(line.product.name for line in first.lines) == ["Glue", "Saw"]
    assert first.invoice.id == 9007199254740993
    assert [line.sku for line in second.lines] == ["glue"]
    assert second.invoice is None
