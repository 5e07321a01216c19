"""Nested writes: every operation on every kind of relation, from both of its ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oracle.calls import Call, Model
from oracle.cases import cases

User, Post, Comment, Category = Model("User"), Model("Post"), Model("Comment"), Model("Category")
Profile, Team, Membership = Model("Profile"), Model("Team"), Model("Membership")
Order, Line, Product, Customer, Invoice = (
    Model("Order"),
    Model("Line"),
    Model("Product"),
    Model("Customer"),
    Model("Invoice"),
)

NEW_POST = {"slug": "fresh", "title": "Fresh"}


def user(data: dict[str, Any], **include: Any) -> Call:
    return User.update(where={"id": 2}, data=data, include=include or None)  # type: ignore[no-any-return]


def new_user(data: dict[str, Any], **include: Any) -> Call:
    return User.create(data={"email": "new@x", **data}, include=include or None)  # type: ignore[no-any-return]


def post(data: dict[str, Any], **include: Any) -> Call:
    return Post.update(where={"id": "p2"}, data=data, include=include or None)  # type: ignore[no-any-return]


ONE_TO_ONE = cases(
    "blog",
    new_user({"profile": {"create": {"bio": "b"}}}, profile=True),
    new_user({"profile": {"connect": {"id": 1}}}, profile=True),
    new_user({"profile": {"connect": {"id": 99}}}),
    new_user(
        {"profile": {"connect_or_create": {"where": {"id": 1}, "create": {"bio": "c"}}}},
        profile=True,
    ),
    new_user(
        {"profile": {"connect_or_create": {"where": {"id": 99}, "create": {"bio": "c"}}}},
        profile=True,
    ),
    user({"profile": {"create": {"bio": "replaces"}}}, profile=True),
    user({"profile": {"connect": {"id": 1}}}, profile=True),
    user({"profile": {"disconnect": True}}, profile=True),
    user({"profile": {"delete": True}}, profile=True),
    user({"profile": {"delete": {"bio": "no"}}}, profile=True),
    user({"profile": {"update": {"bio": "u"}}}, profile=True),
    user({"profile": {"update": {"where": {"bio": None}, "data": {"bio": "u"}}}}, profile=True),
    user({"profile": {"update": {"where": {"bio": "no"}, "data": {"bio": "u"}}}}, profile=True),
    user({"profile": {"upsert": {"create": {"bio": "c"}, "update": {"bio": "u"}}}}, profile=True),
    User.update(
        where={"id": 3},
        data={"profile": {"upsert": {"create": {"bio": "c"}, "update": {"bio": "u"}}}},
        include={"profile": True},
    ),
    User.update(where={"id": 3}, data={"profile": {"update": {"bio": "u"}}}),
    User.update(where={"id": 3}, data={"profile": {"delete": True}}),
    User.update(where={"id": 3}, data={"profile": {"disconnect": True}}),
    User.update(
        where={"id": 3}, data={"profile": {"create": {"bio": "c"}}}, include={"profile": True}
    ),
    User.update(where={"id": 999}, data={"profile": {"create": {"bio": "c"}}}),
    Profile.create(
        data={"bio": "b", "user": {"create": {"email": "new@x"}}}, include={"user": True}
    ),
    Profile.create(data={"bio": "b", "user": {"connect": {"id": 3}}}, include={"user": True}),
    Profile.create(data={"bio": "b", "user": {"connect": {"id": 1}}}),
    Profile.create(data={"bio": "b", "user": {"connect": {"id": 99}}}),
    Profile.create(data={"bio": "b"}),
    Profile.update(
        where={"id": 1}, data={"user": {"update": {"name": "via profile"}}}, include={"user": True}
    ),
    Profile.update(where={"id": 1}, data={"user": {"connect": {"id": 3}}}, include={"user": True}),
    Profile.update(
        where={"id": 1}, data={"user": {"create": {"email": "new@x"}}}, include={"user": True}
    ),
    Profile.update(where={"id": 1}, data={"user": {"disconnect": True}}),
    Profile.update(
        where={"id": 1},
        data={"user": {"upsert": {"create": {"email": "new@x"}, "update": {"name": "u"}}}},
        include={"user": True},
    ),
)

TO_MANY = cases(
    "blog",
    new_user({"posts": {"create": NEW_POST}}, posts=True),
    new_user(
        {"posts": {"create": [NEW_POST, {"slug": "second", "title": "Second"}]}},
        posts={"order_by": {"slug": "asc"}},
    ),
    new_user({"posts": {"create": []}}, posts=True),
    new_user(
        {"posts": {"createMany": {"data": [NEW_POST, {"slug": "second", "title": "Second"}]}}},
        posts={"order_by": {"slug": "asc"}},
    ),
    new_user(
        {
            "posts": {
                "createMany": {
                    "data": [NEW_POST, {"slug": "intro", "title": "dup"}],
                    "skipDuplicates": True,
                }
            }
        },
        posts=True,
    ),
    new_user({"posts": {"create": {"slug": "intro", "title": "dup"}}}),
    new_user({"posts": {"connect": {"id": "p1"}}}, posts=True),
    new_user(
        {"posts": {"connect": [{"id": "p1"}, {"slug": "notes"}]}}, posts={"order_by": {"id": "asc"}}
    ),
    new_user({"posts": {"connect": [{"id": "p1"}, {"slug": "none"}]}}),
    new_user(
        {"posts": {"connect_or_create": {"where": {"slug": "notes"}, "create": NEW_POST}}},
        posts=True,
    ),
    new_user(
        {
            "posts": {
                "connect_or_create": [
                    {"where": {"slug": "fresh"}, "create": NEW_POST},
                    {"where": {"slug": "intro"}, "create": NEW_POST},
                ]
            }
        },
        posts={"order_by": {"slug": "asc"}},
    ),
    new_user(
        {
            "posts": {
                "create": {**NEW_POST, "comments": {"create": {"text": "deep", "authorId": 1}}}
            }
        },
        posts={"include": {"comments": True}},
    ),
    new_user(
        {
            "posts": {
                "create": {
                    **NEW_POST,
                    "comments": {"create": {"text": "deep", "author": {"connect": {"id": 1}}}},
                }
            }
        },
        posts={"include": {"comments": True}},
    ),
    user({"posts": {"create": NEW_POST}}, posts={"order_by": {"slug": "asc"}}),
    user({"posts": {"createMany": {"data": [NEW_POST]}}}, posts={"order_by": {"slug": "asc"}}),
    user({"posts": {"connect": {"id": "p1"}}}, posts={"order_by": {"id": "asc"}}),
    user({"posts": {"disconnect": {"id": "p3"}}}, posts={"order_by": {"id": "asc"}}),
    user(
        {"posts": {"disconnect": [{"id": "p3"}, {"id": "p1"}]}}, posts={"order_by": {"id": "asc"}}
    ),
    user({"posts": {"set": [{"id": "p1"}, {"id": "p3"}]}}, posts={"order_by": {"id": "asc"}}),
    user({"posts": {"set": []}}, posts=True),
    user({"posts": {"set": [{"id": "none"}]}}, posts=True),
    user({"posts": {"delete": {"id": "p3"}}}, posts=True),
    user({"posts": {"delete": [{"id": "p3"}, {"id": "p4"}]}}, posts=True),
    user({"posts": {"delete": {"id": "p1"}}}),
    user({"posts": {"delete": {"id": "none"}}}),
    user({"posts": {"deleteMany": {}}}, posts=True),
    user({"posts": {"deleteMany": {"published": True}}}, posts=True),
    user({"posts": {"deleteMany": [{"published": True}, {"views": 0}]}}, posts=True),
    user(
        {
            "posts": {
                "update": {"where": {"id": "p3"}, "data": {"title": "u", "views": {"increment": 2}}}
            }
        },
        posts={"order_by": {"id": "asc"}},
    ),
    user(
        {
            "posts": {
                "update": [
                    {"where": {"id": "p3"}, "data": {"title": "u"}},
                    {"where": {"slug": "news"}, "data": {"title": "v"}},
                ]
            }
        },
        posts={"order_by": {"id": "asc"}},
    ),
    user({"posts": {"update": {"where": {"id": "p1"}, "data": {"title": "u"}}}}),
    user(
        {"posts": {"updateMany": {"where": {"published": True}, "data": {"views": 5}}}},
        posts={"order_by": {"id": "asc"}},
    ),
    user(
        {
            "posts": {
                "updateMany": [
                    {"where": {}, "data": {"views": {"increment": 1}}},
                    {"where": {"views": 18}, "data": {"title": "eighteen"}},
                ]
            }
        },
        posts={"order_by": {"id": "asc"}},
    ),
    user(
        {
            "posts": {
                "upsert": {"where": {"id": "p3"}, "create": NEW_POST, "update": {"title": "u"}}
            }
        },
        posts={"order_by": {"id": "asc"}},
    ),
    user(
        {
            "posts": {
                "upsert": {"where": {"id": "none"}, "create": NEW_POST, "update": {"title": "u"}}
            }
        },
        posts={"order_by": {"slug": "asc"}},
    ),
    user(
        {
            "posts": {
                "upsert": {"where": {"id": "p1"}, "create": NEW_POST, "update": {"title": "u"}}
            }
        },
        posts={"order_by": {"slug": "asc"}},
    ),
    user(
        {"posts": {"connect_or_create": {"where": {"slug": "intro"}, "create": NEW_POST}}},
        posts={"order_by": {"id": "asc"}},
    ),
    user(
        {
            "name": "both",
            "posts": {
                "create": NEW_POST,
                "disconnect": {"id": "p3"},
                "updateMany": {"where": {}, "data": {"views": 1}},
            },
        },
        posts={"order_by": {"slug": "asc"}},
    ),
    user({"edited": {"set": []}}, edited=True),
    user(
        {"reports": {"connect": {"id": 3}, "disconnect": {"id": 4}}},
        reports={"order_by": {"id": "asc"}},
    ),
    user(
        {"reports": {"create": {"email": "new@x", "reports": {"connect": [{"id": 7}]}}}},
        reports={"order_by": {"id": "asc"}, "include": {"reports": True}},
    ),
    user({"reports": {"delete": {"id": 4}}}, reports=True),
    user({"comments": {"deleteMany": {}}}, comments=True),
    user({"comments": {"set": []}}),
    user({"comments": {"disconnect": {"id": 1}}}),
    Comment.update(
        where={"id": 4}, data={"replies": {"set": [{"id": 1}]}}, include={"replies": True}
    ),
    Comment.update(
        where={"id": 1},
        data={"replies": {"disconnect": [{"id": 2}]}, "replyTo": {"connect": {"id": 4}}},
        include={"replies": True, "replyTo": True},
    ),
)

TO_ONE = cases(
    "blog",
    Post.create(
        data={**NEW_POST, "author": {"create": {"email": "new@x"}}}, include={"author": True}
    ),
    Post.create(
        data={**NEW_POST, "author": {"connect": {"email": "ada@example.com"}}},
        include={"author": True},
    ),
    Post.create(data={**NEW_POST, "author": {"connect": {"id": 99}}}),
    Post.create(
        data={
            **NEW_POST,
            "author": {
                "connect_or_create": {"where": {"email": "new@x"}, "create": {"email": "new@x"}}
            },
        },
        include={"author": True},
    ),
    Post.create(
        data={
            **NEW_POST,
            "author": {"connect_or_create": {"where": {"id": 1}, "create": {"email": "new@x"}}},
        },
        include={"author": True},
    ),
    Post.create(
        data={
            **NEW_POST,
            "author": {"connect": {"id": 1}},
            "editor": {"create": {"email": "new@x", "profile": {"create": {}}}},
        },
        include={"author": True, "editor": {"include": {"profile": True}}},
    ),
    Post.create(data={**NEW_POST, "authorId": 1, "editor": {"connect": {"id": 2}}}),
    post({"author": {"connect": {"id": 3}}}, author=True),
    post({"author": {"connect": {"id": 99}}}),
    post({"author": {"disconnect": True}}, author=True),
    post({"author": {"disconnect": {"name": "nobody"}}}, author=True),
    post({"author": {"create": {"email": "new@x"}}}, author=True),
    post({"author": {"update": {"name": "u"}}}, author=True),
    post({"author": {"update": {"where": {"active": False}, "data": {"name": "u"}}}}, author=True),
    post(
        {"author": {"upsert": {"create": {"email": "new@x"}, "update": {"name": "u"}}}}, author=True
    ),
    post(
        {"editor": {"upsert": {"create": {"email": "new@x"}, "update": {"name": "u"}}}}, editor=True
    ),
    post({"editor": {"update": {"name": "u"}}}),
    post({"editor": {"disconnect": True}}, editor=True),
    post({"editor": {"delete": True}}),
    post({"author": {"delete": True}}, author=True),
    Post.update(where={"id": "p8"}, data={"author": {"delete": True}}, include={"author": True}),
    Post.update(
        where={"id": "p8"}, data={"author": {"delete": {"active": False}}}, include={"author": True}
    ),
    post(
        {
            "author": {
                "update": {
                    "profile": {"update": {"bio": "deep"}},
                    "manager": {"connect": {"id": 3}},
                }
            }
        },
        author={"include": {"profile": True, "manager": True}},
    ),
    Comment.create(
        data={
            "text": "t",
            "post": {"connect": {"id": "p1"}},
            "author": {"create": {"email": "new@x"}},
        },
        include={"post": True, "author": True},
    ),
    Comment.create(
        data={"text": "t", "post": {"create": NEW_POST}, "author": {"connect": {"id": 1}}},
        include={"post": True},
    ),
    Comment.update(
        where={"id": 1},
        data={"post": {"update": {"author": {"update": {"name": "far"}}}}},
        include={"post": {"include": {"author": True}}},
    ),
    Comment.upsert(
        where={"id": 1},
        data={
            "create": {
                "text": "t",
                "post": {"connect": {"id": "p1"}},
                "author": {"connect": {"id": 1}},
            },
            "update": {"author": {"connect": {"id": 3}}},
        },
        include={"author": True},
    ),
    Comment.upsert(
        where={"id": 99},
        data={
            "create": {
                "text": "t",
                "post": {"connect": {"id": "p1"}},
                "author": {"create": {"email": "new@x"}},
            },
            "update": {},
        },
        include={"author": True, "post": True},
    ),
)

MANY_TO_MANY = cases(
    "blog",
    Post.create(
        data={**NEW_POST, "categories": {"create": [{"name": "n1"}, {"name": "n2"}]}},
        include={"categories": {"order_by": {"name": "asc"}}},
    ),
    Post.create(
        data={**NEW_POST, "categories": {"connect": [{"id": 1}, {"name": "Logic"}]}},
        include={"categories": {"order_by": {"id": "asc"}}},
    ),
    Post.create(data={**NEW_POST, "categories": {"connect": [{"id": 1}, {"id": 99}]}}),
    Post.create(
        data={**NEW_POST, "categories": {"connect": [{"id": 1}, {"id": 1}]}},
        include={"categories": True},
    ),
    Post.create(
        data={
            **NEW_POST,
            "categories": {
                "connect_or_create": [
                    {"where": {"name": "Logic"}, "create": {"name": "Logic"}},
                    {"where": {"name": "n"}, "create": {"name": "n"}},
                ]
            },
        },
        include={"categories": {"order_by": {"name": "asc"}}},
    ),
    post({"categories": {"connect": {"id": 4}}}, categories={"order_by": {"id": "asc"}}),
    post({"categories": {"connect": {"id": 1}}}, categories={"order_by": {"id": "asc"}}),
    post(
        {"categories": {"disconnect": [{"id": 1}, {"name": "Logic"}]}},
        categories={"order_by": {"id": "asc"}},
    ),
    post({"categories": {"disconnect": {"id": 5}}}, categories={"order_by": {"id": "asc"}}),
    post({"categories": {"set": [{"id": 4}, {"id": 5}]}}, categories={"order_by": {"id": "asc"}}),
    post({"categories": {"set": []}}, categories=True),
    post({"categories": {"set": [{"id": 99}]}}, categories=True),
    post(
        {"categories": {"create": {"name": "n", "posts": {"connect": {"id": "p1"}}}}},
        categories={"include": {"posts": True}, "order_by": {"id": "asc"}},
    ),
    post({"categories": {"delete": {"id": 3}}}, categories={"order_by": {"id": "asc"}}),
    post({"categories": {"delete": {"id": 4}}}),
    post(
        {"categories": {"deleteMany": {"name": {"startswith": "L"}}}},
        categories={"order_by": {"id": "asc"}},
    ),
    post(
        {"categories": {"update": {"where": {"id": 1}, "data": {"name": "renamed"}}}},
        categories={"order_by": {"id": "asc"}},
    ),
    post({"categories": {"update": {"where": {"id": 4}, "data": {"name": "renamed"}}}}),
    post(
        {"categories": {"updateMany": {"where": {"id": {"gt": 1}}, "data": {"parentId": None}}}},
        categories={"order_by": {"id": "asc"}},
    ),
    post(
        {
            "categories": {
                "upsert": {"where": {"id": 3}, "create": {"name": "c"}, "update": {"name": "u"}}
            }
        },
        categories={"order_by": {"id": "asc"}},
    ),
    post(
        {
            "categories": {
                "upsert": {"where": {"id": 99}, "create": {"name": "c"}, "update": {"name": "u"}}
            }
        },
        categories={"order_by": {"id": "asc"}},
    ),
    post(
        {"categories": {"set": [], "connect": {"id": 4}, "create": {"name": "n"}}},
        categories={"order_by": {"id": "asc"}},
    ),
    user({"follows": {"set": [{"id": 3}]}}, follows=True, followers=True),
    user(
        {"follows": {"connect": {"id": 2}}},
        follows={"order_by": {"id": "asc"}},
        followers={"order_by": {"id": "asc"}},
    ),
    user(
        {"followers": {"disconnect": {"id": 1}}, "follows": {"disconnect": {"id": 1}}},
        follows=True,
        followers=True,
    ),
    user(
        {"followers": {"create": {"email": "new@x", "follows": {"connect": {"id": 1}}}}},
        followers={"order_by": {"id": "asc"}, "include": {"follows": True}},
    ),
    new_user(
        {"memberships": {"create": [{"teamId": 1}, {"team": {"connect": {"id": 2}}}]}},
        memberships=True,
    ),
    new_user(
        {"memberships": {"create": {"team": {"create": {"name": "T"}}}}},
        memberships={"include": {"team": True}},
    ),
    user(
        {"memberships": {"delete": {"userId_teamId": {"userId": 2, "teamId": 1}}}}, memberships=True
    ),
    user(
        {
            "memberships": {
                "update": {
                    "where": {"userId_teamId": {"userId": 2, "teamId": 1}},
                    "data": {"level": 8},
                }
            }
        },
        memberships={"order_by": [{"userId": "asc"}, {"teamId": "asc"}]},
    ),
    user({"memberships": {"set": []}}),
    Membership.update(
        where={"userId_teamId": {"userId": 2, "teamId": 2}}, data={"team": {"update": {"id": 6}}}
    ),
    user(
        {
            "memberships": {
                "upsert": {
                    "where": {"userId_teamId": {"userId": 2, "teamId": 3}},
                    "create": {"teamId": 3},
                    "update": {"level": 8},
                }
            }
        },
        memberships={"order_by": [{"userId": "asc"}, {"teamId": "asc"}]},
    ),
    user(
        {
            "memberships": {
                "connect_or_create": {
                    "where": {"userId_teamId": {"userId": 1, "teamId": 1}},
                    "create": {"teamId": 1},
                }
            }
        },
        memberships=True,
    ),
    user(
        {"memberships": {"createMany": {"data": [{"teamId": 3, "level": 2}]}}},
        memberships={"order_by": [{"userId": "asc"}, {"teamId": "asc"}]},
    ),
    Team.create(
        data={
            "name": "T",
            "memberships": {
                "create": [
                    {"user": {"connect": {"id": 1}}},
                    {"user": {"create": {"email": "new@x"}}},
                ]
            },
        },
        include={"memberships": {"include": {"user": True}}},
    ),
    Category.create(
        data={
            "name": "root",
            "children": {"create": [{"name": "c1", "children": {"create": {"name": "c2"}}}]},
        },
        include={"children": {"include": {"children": True}}},
    ),
    Category.update(
        where={"id": 2},
        data={"parent": {"disconnect": True}, "children": {"set": [{"id": 5}]}},
        include={"children": True, "parent": True},
    ),
    Category.delete(where={"id": 2}, include={"posts": True, "children": True}),
)

TWICE = cases(
    "blog",
    *[
        call
        for operation in ("connect", "disconnect", "set", "delete")
        for call in (
            user({"posts": {operation: [{"id": "p3"}, {"id": "p3"}]}}),
            user({"posts": {operation: [{"id": "p3"}, {"slug": "draft"}]}}),
            user({"follows": {operation: [{"id": 1}, {"id": 1}]}}),
            post({"categories": {operation: [{"id": 1}, {"id": 1}]}}),
            post({"categories": {operation: [{"id": 1}, {"name": "Science"}]}}),
        )
    ],
)

COMPOUND = cases(
    "shop",
    Customer.create(
        data={
            "name": "N",
            "country": "SE",
            "taxId": "1",
            "orders": {
                "create": {
                    "number": 1,
                    "lines": {"create": [{"position": 1, "price": Decimal("2"), "sku": "saw"}]},
                }
            },
        },
        include={"orders": {"include": {"lines": True}}},
    ),
    Customer.create(
        data={
            "name": "N",
            "country": "SE",
            "taxId": "1",
            "orders": {"connect": {"customerId_number": {"customerId": "c1", "number": 1}}},
        },
        include={"orders": True},
    ),
    Order.create(
        data={
            "number": 5,
            "customer": {"connect": {"country_taxId": {"country": "DE", "taxId": "2"}}},
            "invoice": {"create": {"id": 50, "text": "t"}},
        },
        include={"customer": True, "invoice": True},
    ),
    # Its key is changed by the foreign key that cascades.
    Line.upsert(
        where={"place": {"customerId": "c1", "orderNumber": 1, "position": 1}},
        data={
            "create": {"position": 1, "price": Decimal("1"), "orderNumber": 1, "customerId": "c1"},
            "update": {"quantity": 1, "order": {"update": {"number": 7}}},
        },
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 1}},
        data={
            "lines": {
                "update": {
                    "where": {"place": {"customerId": "c1", "orderNumber": 1, "position": 2}},
                    "data": {"quantity": {"increment": 1}},
                }
            }
        },
        include={
            "lines": {
                "order_by": [{"customerId": "asc"}, {"orderNumber": "asc"}, {"position": "asc"}]
            }
        },
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 1}},
        data={"invoice": {"disconnect": True}},
        include={"invoice": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c3", "number": 7}},
        data={"invoice": {"connect": {"id": 3}}},
        include={"invoice": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c3", "number": 7}},
        data={"invoice": {"connect": {"id": 2}}},
        include={"invoice": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 1}},
        data={"invoice": {"connect": {"id": 3}}},
        include={"invoice": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 1}},
        data={"customer": {"connect": {"id": "c2"}}},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 2}},
        data={"customer": {"connect": {"id": "c2"}}},
        include={"lines": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 1}},
        data={
            "lines": {"deleteMany": {"quantity": {"gt": 1}}},
            "invoice": {"upsert": {"create": {"id": 60, "text": "c"}, "update": {"text": "u"}}},
        },
        include={"lines": True, "invoice": True},
    ),
    Order.update(
        where={"customerId_number": {"customerId": "c1", "number": 2}},
        data={
            "lines": {
                "createMany": {"data": [{"position": 7, "price": Decimal("1"), "sku": "saw"}]}
            }
        },
        include={"lines": True},
    ),
    Invoice.update(
        where={"id": 3},
        data={"order": {"connect": {"customerId_number": {"customerId": "c1", "number": 2}}}},
        include={"order": True},
    ),
    Invoice.update(where={"id": 2}, data={"order": {"disconnect": True}}, include={"order": True}),
    Invoice.update(
        where={"id": 2},
        data={
            "order": {"update": {"total": Decimal("7"), "customer": {"update": {"name": "deep"}}}}
        },
        include={"order": {"include": {"customer": True}}},
    ),
    Product.update(
        where={"sku": "glue"},
        data={"shelves": {"set": [{"hall_rack": {"hall": 2, "rack": "Z"}}]}},
        include={"shelves": True},
    ),
    Product.update(
        where={"sku": "saw"},
        data={"brand": {"connect": {"name": "Idle"}}, "supplier": {"disconnect": True}},
        include={"brand": True, "supplier": True},
    ),
    Product.update(
        where={"sku": "saw"}, data={"supplier": {"delete": True}}, include={"supplier": True}
    ),
    Product.create(
        data={
            "sku": "n",
            "name": "N",
            "price": Decimal("1"),
            "brand": {"create": {"id": 9, "name": "B9"}},
            "supplier": {"connect_or_create": {"where": {"id": 99}, "create": {"name": "S"}}},
        },
        include={"brand": True, "supplier": True},
    ),
    Line.create(
        data={
            "position": 9,
            "price": Decimal("1"),
            "order": {"connect": {"customerId_number": {"customerId": "c1", "number": 2}}},
            "product": {"connect": {"label": {"name": "Saw", "brandId": 2}}},
        },
        include={"order": True, "product": True},
    ),
    Line.update(
        where={"place": {"customerId": "c1", "orderNumber": 2, "position": 1}},
        data={"order": {"connect": {"customerId_number": {"customerId": "c1", "number": 1}}}},
    ),
)

CASES = [*ONE_TO_ONE, *TO_MANY, *TO_ONE, *MANY_TO_MANY, *TWICE, *COMPOUND]
