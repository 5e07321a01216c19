"""find_*: by key, ordered, paged, distinct, with relations."""

from __future__ import annotations

from decimal import Decimal

from oracle.calls import Model
from oracle.cases import cases
from oracle.seeds.days import day

User, Post, Comment, Category = Model("User"), Model("Post"), Model("Comment"), Model("Category")
Profile, Team, Membership = Model("Profile"), Model("Team"), Model("Membership")
Order, Line, Product, Customer = Model("Order"), Model("Line"), Model("Product"), Model("Customer")
Shelf, Invoice = Model("Shelf"), Model("Invoice")

BY_KEY = [
    *cases(
        "blog",
        User.find_unique(where={"id": 1}),
        User.find_unique(where={"id": 999}),
        User.find_unique(where={"email": "bob@example.com"}),
        User.find_unique(where={"email": "BOB@example.com"}),
        User.find_unique(where={"id": 1, "email": "ada@example.com"}),
        User.find_unique(where={"id": 1, "email": "bob@example.com"}),
        User.find_unique(where={"id": 1, "active": True}),
        User.find_unique(where={"id": 1, "active": False}),
        User.find_unique(where={"id": 2, "name": {"contains": "o"}}),
        User.find_unique(where={"id": 2, "OR": [{"name": "x"}, {"age": {"gt": 40}}]}),
        User.find_unique(where={"name": "Ada"}),
        User.find_unique(where={}),
        User.find_unique(where={"id": "1"}),
        User.find_unique(where={"id": None}),
        User.find_unique_or_raise(where={"id": 3}),
        User.find_unique_or_raise(where={"id": 999}),
        User.find_unique_or_raise(where={"email": "no"}, include={"posts": True}),
        Post.find_unique(where={"authorId_title": {"authorId": 1, "title": "Introduction"}}),
        Post.find_unique(where={"authorId_title": {"authorId": 1, "title": "none"}}),
        Post.find_unique(where={"slug": "intro"}, include={"author": True, "editor": True}),
        Post.find_unique(where={"slug": "orphan"}, include={"author": True, "categories": True}),
        Membership.find_unique(where={"userId_teamId": {"userId": 2, "teamId": 1}}),
        Membership.find_unique(where={"userId_teamId": {"userId": 2, "teamId": 3}}),
        Membership.find_unique(where={"userId_teamId": {"userId": 2}}),
        Profile.find_unique(where={"userId": 1}, include={"user": {"include": {"profile": True}}}),
    ),
    *cases(
        "shop",
        Line.find_unique(where={"place": {"customerId": "c1", "orderNumber": 1, "position": 2}}),
        Order.find_unique(
            where={"customerId_number": {"customerId": "c1", "number": 2}}, include={"lines": True}
        ),
        Customer.find_unique(where={"country_taxId": {"country": "FR", "taxId": "1"}}),
        Product.find_unique(
            where={"label": {"name": "Bolt", "brandId": 1}}, include={"supplier": True}
        ),
        Invoice.find_unique(
            where={"id": 9007199254740993}, include={"order": {"include": {"customer": True}}}
        ),
        Invoice.find_unique(
            where={"customerId_orderNumber": {"customerId": "c2", "orderNumber": 1}}
        ),
        Invoice.find_unique(where={"id": 3}, include={"order": True}),
        Shelf.find_unique(where={"hall_rack": {"hall": 2, "rack": "Z"}}, include={"product": True}),
    ),
    *cases(
        "types",
        Model("Unique").find_unique(where={"text": "one"}),
        Model("Unique").find_unique(where={"big": 9007199254740993}),
        Model("Unique").find_unique(where={"moment": day(1)}),
        Model("Unique").find_unique(where={"blob": b"one"}),
        Model("Unique").find_unique(where={"color": "GREEN"}),
        Model("Unique").find_unique(where={"moment_color": {"moment": day(2), "color": "GREEN"}}),
        Model("Mapped").find_unique(where={"key": "k'2"}, include={"parts": True}),
        Model("Part").find_unique(
            where={"id": 1}, include={"whole": {"include": {"parts": {"order_by": {"id": "desc"}}}}}
        ),
        Model("Part").find_unique(where={"id": 4}, include={"whole": True}),
    ),
]

FIRST = cases(
    "blog",
    User.find_first(order={"id": "asc"}),
    User.find_first(order={"id": "desc"}),
    User.find_first(where={"active": False}, order={"id": "asc"}),
    User.find_first(where={"active": False}, order={"id": "asc"}, skip=1),
    User.find_first(where={"active": False}, order={"id": "asc"}, skip=5),
    User.find_first(where={"name": "nobody"}),
    User.find_first(cursor={"id": 4}, order={"id": "asc"}),
    User.find_first(cursor={"id": 4}, order={"id": "asc"}, skip=1),
    User.find_first(order=[{"age": "desc"}, {"id": "asc"}], distinct=["age"]),
    User.find_first(
        where={"id": 2}, include={"posts": {"order_by": {"id": "asc"}}, "profile": True}
    ),
    User.find_first_or_raise(where={"name": "Ada"}),
    User.find_first_or_raise(where={"name": "nobody"}),
    User.find_first_or_raise(where={"name": "nobody"}, include={"profile": True}),
    Post.find_first(where={"author": {"is": {"name": "Ada"}}}, order={"views": "desc"}),
)

ORDER = cases(
    "blog",
    User.find_many(order={"name": "asc"}),
    User.find_many(order=[{"name": "desc"}, {"id": "asc"}]),
    User.find_many(order=[{"age": "asc"}, {"id": "desc"}]),
    User.find_many(order=[{"age": {"sort": "asc", "nulls": "first"}}, {"id": "asc"}]),
    User.find_many(order=[{"age": {"sort": "desc", "nulls": "last"}}, {"id": "asc"}]),
    User.find_many(order=[{"age": {"sort": "asc", "nulls": "last"}}, {"id": "asc"}]),
    User.find_many(order=[{"role": "asc"}, {"id": "asc"}]),
    User.find_many(order=[{"active": "asc"}, {"score": "desc"}, {"id": "asc"}]),
    User.find_many(order=[{"manager": {"name": "asc"}}, {"id": "asc"}]),
    User.find_many(order=[{"manager": {"manager": {"email": "desc"}}}, {"id": "asc"}]),
    User.find_many(order=[{"profile": {"bio": "asc"}}, {"id": "asc"}]),
    User.find_many(order=[{"posts": {"_count": "desc"}}, {"id": "asc"}]),
    User.find_many(order=[{"follows": {"_count": "asc"}}, {"id": "asc"}]),
    User.find_many(
        order=[{"reports": {"_count": "desc"}}, {"followers": {"_count": "desc"}}, {"id": "asc"}]
    ),
    Post.find_many(order=[{"author": {"profile": {"website": "desc"}}}, {"id": "asc"}]),
    Post.find_many(order=[{"comments": {"_count": "desc"}}, {"id": "desc"}], take=3),
    Post.find_many(order=[{"rating": "desc"}, {"id": "asc"}]),
    Post.find_many(order=[{"createdAt": "desc"}, {"slug": "asc"}]),
    Post.find_many(order=[{"body": "asc"}, {"id": "asc"}]),
    Comment.find_many(order=[{"text": "asc"}, {"id": "asc"}]),
    Comment.find_many(order=[{"post": {"author": {"email": "asc"}}}, {"id": "asc"}]),
    Comment.find_many(order={"id": "sideways"}),
    Comment.find_many(order={"nothing": "asc"}),
    Comment.find_many(order={"text": "asc", "id": "asc"}),
    Membership.find_many(order=[{"userId": "asc"}, {"teamId": "desc"}]),
    Membership.find_many(
        order=[
            {"user": {"name": "asc"}},
            {"team": {"name": "asc"}},
            {"userId": "asc"},
            {"teamId": "asc"},
        ]
    ),
)

PAGES = [
    *cases(
        "blog",
        User.find_many(),
        User.find_many(take=3),
        User.find_many(take=0),
        User.find_many(take=3, skip=2),
        User.find_many(skip=6),
        User.find_many(skip=99),
        User.find_many(skip=-1),
        User.find_many(take=-2),
        User.find_many(take=-2, skip=1),
        User.find_many(take=-3, order={"email": "asc"}),
        User.find_many(take=-3, order=[{"age": "desc"}, {"id": "asc"}], skip=2),
        User.find_many(cursor={"id": 3}),
        User.find_many(cursor={"id": 3}, take=2),
        User.find_many(cursor={"id": 3}, take=2, skip=1),
        User.find_many(cursor={"id": 3}, take=-2),
        User.find_many(cursor={"id": 3}, take=-2, skip=1),
        User.find_many(cursor={"id": 999}, take=2),
        User.find_many(cursor={"email": "dan@example.com"}, order={"email": "desc"}, take=3),
        User.find_many(cursor={"id": 5}, order=[{"score": "desc"}, {"id": "asc"}], take=3),
        User.find_many(cursor={"id": 3}, order=[{"age": "asc"}, {"id": "asc"}], take=4),
        User.find_many(cursor={"id": 3}, order=[{"name": "asc"}, {"id": "asc"}], take=4),
        User.find_many(cursor={"id": 4}, where={"active": True}, order={"id": "asc"}),
        User.find_many(cursor={"id": 5}, where={"active": True}, order={"id": "asc"}, take=2),
        Post.find_many(
            cursor={"authorId_title": {"authorId": 2, "title": "Draft"}},
            order={"id": "asc"},
            take=3,
        ),
        Post.find_many(
            cursor={"slug": "notes"}, order=[{"author": {"name": "asc"}}, {"id": "asc"}], take=3
        ),
        Membership.find_many(
            cursor={"userId_teamId": {"userId": 2, "teamId": 1}},
            order=[{"userId": "asc"}, {"teamId": "asc"}],
        ),
        Membership.find_many(
            cursor={"userId_teamId": {"userId": 2, "teamId": 2}},
            order=[{"userId": "desc"}, {"teamId": "desc"}],
            take=2,
        ),
    ),
    *cases(
        "shop",
        Line.find_many(
            cursor={"place": {"customerId": "c1", "orderNumber": 1, "position": 2}}, take=2
        ),
        Order.find_many(
            order=[{"placedAt": "desc"}, {"customerId": "asc"}, {"number": "asc"}], take=2, skip=1
        ),
        Product.find_many(order=[{"price": "asc"}], cursor={"sku": "glue"}, take=2),
        Shelf.find_many(order=[{"hall": "desc"}, {"rack": "asc"}], take=3),
    ),
]

DISTINCT = cases(
    "blog",
    User.find_many(distinct=["role"], order={"id": "asc"}),
    User.find_many(distinct=["age"], order={"id": "desc"}),
    User.find_many(distinct=["age", "active"], order={"id": "asc"}),
    User.find_many(distinct=["role"], order=[{"score": "desc"}, {"id": "asc"}], take=2),
    User.find_many(distinct=["age"], order={"id": "asc"}, take=2, skip=1),
    User.find_many(distinct=["age"], order={"id": "asc"}, take=-2),
    User.find_many(distinct=["managerId"], order={"id": "asc"}, cursor={"id": 3}),
    User.find_many(
        distinct=["role"], order={"id": "asc"}, include={"posts": {"order_by": {"id": "asc"}}}
    ),
    Post.find_many(distinct=["views"], order={"id": "asc"}, where={"published": True}),
    Post.find_many(distinct=["title"], order=[{"createdAt": "desc"}, {"id": "asc"}]),
    Post.find_many(distinct=["rating"], order={"id": "asc"}),
    Comment.find_many(distinct=["postId", "likes"], order={"id": "asc"}),
)

INCLUDE = [
    *cases(
        "blog",
        User.find_many(include={"posts": True}, order={"id": "asc"}),
        User.find_many(include={"profile": True}, order={"id": "asc"}),
        User.find_many(include={"profile": False, "posts": True}, order={"id": "asc"}),
        User.find_many(include={"manager": True, "reports": True}, order={"id": "asc"}),
        User.find_many(include={"follows": True, "followers": True}, order={"id": "asc"}),
        User.find_many(include={"memberships": {"include": {"team": True}}}, order={"id": "asc"}),
        User.find_many(include={"posts": {"where": {"published": True}}}, order={"id": "asc"}),
        User.find_many(include={"posts": {"where": {"views": {"gt": 10**6}}}}, order={"id": "asc"}),
        User.find_many(include={"posts": {"order_by": {"views": "desc"}}}, order={"id": "asc"}),
        User.find_many(
            include={"posts": {"order_by": {"id": "desc"}, "take": 1}}, order={"id": "asc"}
        ),
        User.find_many(
            include={"posts": {"order_by": {"id": "asc"}, "take": 1, "skip": 1}},
            order={"id": "asc"},
        ),
        User.find_many(
            include={"posts": {"order_by": {"id": "asc"}, "take": -1}}, order={"id": "asc"}
        ),
        User.find_many(
            include={"posts": {"order_by": {"id": "asc"}, "cursor": {"id": "p2"}}},
            order={"id": "asc"},
        ),
        User.find_many(
            include={
                "posts": {"order_by": {"id": "asc"}, "cursor": {"id": "p2"}, "take": -1, "skip": 1}
            },
            order={"id": "asc"},
        ),
        User.find_many(
            include={"comments": {"order_by": {"id": "asc"}, "distinct": ["likes"]}},
            order={"id": "asc"},
        ),
        User.find_many(
            include={"comments": {"order_by": {"id": "asc"}, "distinct": ["postId"], "take": 1}},
            order={"id": "asc"},
        ),
        User.find_many(include={"posts": {"take": 0}}, order={"id": "asc"}),
        User.find_many(
            include={"follows": {"order_by": {"id": "desc"}, "take": 2}}, order={"id": "asc"}
        ),
        User.find_many(
            include={"follows": {"where": {"active": True}, "order_by": {"id": "asc"}, "skip": 1}},
            order={"id": "asc"},
        ),
        User.find_many(
            include={"posts": {"include": {"comments": {"include": {"author": True}}}}},
            order={"id": "asc"},
        ),
        User.find_many(
            include={
                "posts": {
                    "where": {"comments": {"some": {}}},
                    "order_by": {"id": "asc"},
                    "include": {
                        "comments": {"order_by": [{"likes": "desc"}, {"id": "asc"}], "take": 2},
                        "categories": True,
                    },
                }
            },
            order={"id": "asc"},
        ),
        User.find_many(
            include={"manager": {"include": {"manager": {"include": {"manager": True}}}}},
            order={"id": "asc"},
        ),
        User.find_many(include={"nothing": True}),
        Category.find_many(
            include={"children": {"include": {"children": True}}, "parent": True},
            order={"id": "asc"},
        ),
        Category.find_many(
            include={"posts": {"order_by": [{"views": "asc"}, {"id": "asc"}], "take": 2}},
            order={"id": "asc"},
        ),
        Category.find_many(
            include={"posts": {"include": {"categories": {"order_by": {"id": "asc"}}}}},
            order={"id": "asc"},
        ),
        Post.find_many(
            include={"author": {"include": {"profile": True}}, "editor": True}, order={"id": "asc"}
        ),
        Post.find_many(include={"categories": {"order_by": {"name": "desc"}}}, order={"id": "asc"}),
        Comment.find_many(
            include={"replyTo": {"include": {"replyTo": True}}, "replies": True},
            order={"id": "asc"},
        ),
        Comment.find_many(
            where={"id": {"gt": 99}}, include={"post": {"include": {"author": True}}}
        ),
        Team.find_many(
            include={"memberships": {"order_by": {"userId": "asc"}, "include": {"user": True}}},
            order={"id": "asc"},
        ),
    ),
    *cases(
        "shop",
        Order.find_many(
            include={"customer": True, "lines": {"include": {"product": True}}, "invoice": True}
        ),
        Customer.find_many(
            include={
                "orders": {
                    "order_by": [{"customerId": "asc"}, {"number": "desc"}],
                    "include": {"lines": True},
                }
            }
        ),
        Customer.find_many(
            include={"orders": {"order_by": [{"customerId": "asc"}, {"number": "asc"}], "take": 1}},
            order={"id": "asc"},
        ),
        Product.find_many(
            include={
                "shelves": True,
                "brand": {"include": {"products": True}},
                "lines": {"include": {"order": True}},
            }
        ),
        Line.find_many(include={"order": {"include": {"invoice": {"include": {"order": True}}}}}),
        Invoice.find_many(
            include={
                "order": {
                    "include": {
                        "lines": {
                            "order_by": [
                                {"customerId": "asc"},
                                {"orderNumber": "asc"},
                                {"position": "desc"},
                            ]
                        }
                    }
                }
            }
        ),
    ),
]

DECIMAL_CURSOR = cases(
    "types",
    Model("Unique").find_many(cursor={"amount": Decimal("1.5")}, order={"id": "asc"}),
    Model("Unique").find_many(
        cursor={"amount": Decimal("1.5")}, order={"id": "asc"}, distinct=["id"]
    ),
)

CASES = [*BY_KEY, *FIRST, *ORDER, *PAGES, *DISTINCT, *INCLUDE, *DECIMAL_CURSOR]
