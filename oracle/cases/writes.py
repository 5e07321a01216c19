"""create, update, upsert, delete, and their forms for many, without nested writes."""

from __future__ import annotations

from decimal import Decimal

from oracle.calls import Call, Json, Model
from oracle.cases import cases
from oracle.seeds.days import day

User, Post, Comment, Category = Model("User"), Model("Post"), Model("Comment"), Model("Category")
Profile, Team, Membership = Model("Profile"), Model("Team"), Model("Membership")
Order, Line, Product, Customer = Model("Order"), Model("Line"), Model("Product"), Model("Customer")
Shelf, Invoice, Brand, Supplier = (
    Model("Shelf"),
    Model("Invoice"),
    Model("Brand"),
    Model("Supplier"),
)
Scalars, Defaults, Unique = Model("Scalars"), Model("Defaults"), Model("Unique")
Mapped, Part = Model("Mapped"), Model("Part")

FULL = {
    "text": "new", "number": -1, "big": 2**62, "ratio": 0.1, "amount": Decimal("0.05"),
    "flag": False, "moment": day(40, ms=999), "data": Json({"k": [1.5, True, "é"]}),
    "blob": b"\xf0\x00", "color": "RED",
}  # fmt: skip
ADDRESS = {"customerId": "c1", "orderNumber": 2}

CREATE = [
    *cases(
        "blog",
        User.create(data={"email": "new@example.com"}),
        User.create(
            data={
                "email": "new@example.com",
                "name": "New",
                "role": "ADMIN",
                "age": 3,
                "score": 2,
                "active": False,
            }
        ),
        User.create(
            data={"id": 50, "email": "new@example.com", "createdAt": day(3), "updatedAt": day(4)}
        ),
        User.create(data={"email": "new@example.com", "name": None, "age": None}),
        User.create(data={"email": "new@example.com", "managerId": 1}, include={"manager": True}),
        User.create(data={"email": "new@example.com", "managerId": 999}),
        User.create(
            data={"email": "new@example.com"},
            include={"posts": True, "profile": True, "manager": True},
        ),
        User.create(data={"email": "ada@example.com"}),
        User.create(data={"id": 1, "email": "new@example.com"}),
        User.create(data={}),
        User.create(data={"email": None}),
        User.create(data={"email": 5}),
        User.create(data={"email": "new@example.com", "nothing": 1}),
        User.create(data={"email": "new@example.com", "role": "NOBODY"}),
        User.create(data={"email": "new@example.com", "age": 2**40}),
        User.create(data={"email": ""}),
        User.create(data={"email": "ünï 😀 'q' \"d\" \\ % _ \n\t"}),
        User.create(data={"email": "x" * 70000}),
        Post.create(data={"slug": "new", "title": "New"}),
        Post.create(
            data={
                "id": "given",
                "slug": "new",
                "title": "New",
                "rating": Decimal("9.99"),
                "extra": Json({"a": None}),
            }
        ),
        Post.create(data={"slug": "new", "title": "New", "extra": Json(None)}),
        Post.create(
            data={"slug": "new", "title": "New", "authorId": 1, "editorId": 2},
            include={"author": True, "editor": True},
        ),
        Post.create(data={"slug": "new", "title": "Introduction", "authorId": 1}),
        Post.create(data={"slug": "intro", "title": "New"}),
        Comment.create(data={"text": "t", "postId": "p1", "authorId": 1}),
        Comment.create(data={"text": "t", "postId": "none", "authorId": 1}),
        Comment.create(data={"text": "t", "authorId": 1}),
        Profile.create(data={"userId": 1}),
        Profile.create(
            data={"userId": 3, "bio": "b"}, include={"user": {"include": {"reports": True}}}
        ),
        Membership.create(data={"userId": 3, "teamId": 3}),
        Membership.create(data={"userId": 1, "teamId": 1}),
        Membership.create(data={"userId": 3, "teamId": 99}),
        [
            User.create(data={"email": "one@x"}),
            User.create(data={"email": "two@x"}),
            User.find_many(where={"email": {"endswith": "@x"}}, order={"id": "asc"}),
        ],
    ),
    *cases(
        "shop",
        Customer.create(data={"name": "N", "country": "SE", "taxId": "1"}),
        Customer.create(data={"name": "N", "country": "DE", "taxId": "1"}),
        Order.create(data={"customerId": "c2", "number": 2}),
        Order.create(data={"customerId": "c1", "number": 1}),
        Line.create(
            data={**ADDRESS, "position": 2, "price": Decimal("1.005"), "sku": "saw"},
            include={"order": True, "product": True},
        ),
        Line.create(data={**ADDRESS, "position": 2, "price": Decimal("1"), "sku": "none"}),
        Product.create(data={"sku": "new", "name": "New", "price": Decimal("1")}),
        Product.create(data={"sku": "new", "name": "Bolt", "price": Decimal("1")}),
        Invoice.create(data={"id": 2**60, "text": "t", **ADDRESS}),
        Invoice.create(data={"id": 4, "text": "t", "customerId": "c1"}),
        Invoice.create(data={"id": 4, "text": "t", "customerId": "c1", "orderNumber": 1}),
    ),
    *cases(
        "types",
        Scalars.create(data=FULL),
        Scalars.create(data={**FULL, **{f"{name}Opt": value for name, value in FULL.items()}}),
        Scalars.create(data={**FULL, **{f"{name}Opt": None for name in FULL if name != "data"}}),
        Scalars.create(data={**FULL, "ratio": 3}),
        Scalars.create(data={**FULL, "number": 1.5}),
        Scalars.create(data={**FULL, "big": 2**63}),
        Scalars.create(data={**FULL, "amount": 5}),
        Scalars.create(data={**FULL, "amount": 0.5}),
        Scalars.create(data={**FULL, "amount": Decimal("1e-10")}),
        Scalars.create(data={**FULL, "flag": "yes"}),
        Scalars.create(data={**FULL, "data": Json([])}),
        Scalars.create(data={**FULL, "data": Json("")}),
        Scalars.create(data={**FULL, "data": Json(0)}),
        Scalars.create(data={**FULL, "data": Json(True)}),
        Scalars.create(data={**FULL, "data": Json({"": {"deep": [[[]]]}, "ü": "😀", "q": '"\\'})}),
        Scalars.create(data={**FULL, "data": Json([1, 2.5, -0.0, 1e20, 123456789])}),
        Scalars.create(data={**FULL, "blob": b""}),
        Scalars.create(data={**FULL, "ratio": 1e308}),
        Scalars.create(data={**FULL, "ratio": 1 / 3}),
        Scalars.create(data={**FULL, "text": "\u2028\u0001"}),
        Defaults.create(data={}),
        [Defaults.create(data={}), Defaults.create(data={}), Defaults.count()],
        Defaults.create(
            data={
                "text": "",
                "number": 0,
                "flag": False,
                "color": "RED",
                "made": 9,
                "touched": day(0),
                "note": "n",
            }
        ),
        Unique.create(data={"id": 9, "text": "one"}),
        Unique.create(data={"id": 9, "big": 10}),
        Unique.create(data={"id": 9, "amount": Decimal("1.50")}),
        Unique.create(data={"id": 9, "moment": day(1)}),
        Unique.create(data={"id": 9, "blob": b"one"}),
        Unique.create(data={"id": 9, "color": "RED"}),
        Unique.create(data={"id": 3}),
        Unique.create(data={"id": 9, "text": None}),
        Mapped.create(data={"key": "new", "select": 5}),
        Mapped.create(data={"key": "k1", "select": 5}),
        Part.create(data={"owner": "k1"}, include={"whole": True}),
        Part.create(data={"owner": "none"}),
    ),
]

CREATE_MANY = [
    *cases(
        "blog",
        Team.create_many(data=[{"name": "a"}, {"name": "b"}]),
        Team.create_many(data=[]),
        Team.create_many(data=[{"name": "a"}, {"name": "Core"}]),
        Team.create_many(data=[{"name": "a"}, {"name": "a"}]),
        User.create_many(
            data=[{"email": "a@x", "role": "ADMIN"}, {"email": "b@x", "role": "READER"}]
        ),
        Comment.create_many(
            data=[
                {"text": "a", "postId": "p1", "authorId": 1},
                {"text": "b", "postId": "none", "authorId": 1},
            ]
        ),
        Post.create_many(
            data=[{"slug": f"s{n}", "title": "t", "authorId": None} for n in range(5)]
        ),
        Team.create_many(data=[{"name": f"team {n}"} for n in range(1500)]),
        Comment.create_many(
            data=[{"text": f"t{n}", "postId": "p1", "authorId": 1, "likes": n} for n in range(700)]
        ),
    ),
    *cases(
        "blog",
        Team.create_many(data=[{"name": "a"}, {"name": "Core"}], skip_duplicates=True),
        Team.create_many(
            data=[{"id": 1, "name": "y"}, {"id": 80, "name": "z"}, {"id": 81, "name": "z"}],
            skip_duplicates=True,
        ),
        Membership.create_many(
            data=[{"userId": 1, "teamId": 1}, {"userId": 1, "teamId": 2}], skip_duplicates=True
        ),
    ),
    *cases(
        "types",
        Scalars.create_many(
            data=[
                {**FULL, "id": 51},
                {**FULL, "id": 52, "textOpt": "t"},
                {**FULL, "id": 53, "dataOpt": Json([1])},
            ]
        ),
        Defaults.create_many(data=[{}, {"note": "x"}, {"text": "given"}]),
    ),
]

UPDATE = [
    *cases(
        "blog",
        User.update(where={"id": 1}, data={"name": "Lovelace"}),
        User.update(where={"id": 1}, data={"name": None, "age": None}),
        User.update(
            where={"id": 1},
            data={
                "name": {"set": "x"},
                "age": {"set": None},
                "active": {"set": False},
                "role": {"set": "READER"},
            },
        ),
        User.update(where={"id": 1}, data={}),
        User.update(where={"id": 999}, data={"name": "x"}),
        User.update(where={"id": 999}, data={}),
        User.update(where={"email": "bob@example.com"}, data={"email": "robert@example.com"}),
        User.update(where={"email": "bob@example.com"}, data={"email": "ada@example.com"}),
        User.update(where={"id": 2, "active": True}, data={"age": {"increment": 1}}),
        User.update(where={"id": 2, "active": False}, data={"age": {"increment": 1}}),
        User.update(where={"id": 1}, data={"age": {"increment": 5}, "score": {"multiply": 2}}),
        User.update(where={"id": 1}, data={"age": {"decrement": 5}, "score": {"divide": 2}}),
        User.update(where={"id": 3}, data={"age": {"increment": 5}}),
        User.update(where={"id": 1}, data={"age": {"multiply": 3}}),
        User.update(where={"id": 2}, data={"age": {"divide": 2}}),
        User.update_many(where={"id": 1}, data={"age": {"divide": 5}}),
        User.update(where={"id": 1}, data={"age": {"increment": 1, "decrement": 1}}),
        User.update(where={"id": 1}, data={"age": "x"}),
        User.update(where={"id": 1}, data={"nothing": "x"}),
        User.update(where={"id": 1}, data={"email": None}),
        User.update(
            where={"id": 1},
            data={"id": 100},
            include={"posts": True, "profile": True, "follows": True},
        ),
        User.update(where={"id": 1}, data={"id": 2}),
        User.update(where={"id": 4}, data={"managerId": 1}, include={"manager": True}),
        User.update(where={"id": 4}, data={"managerId": None}, include={"manager": True}),
        User.update(where={"id": 4}, data={"managerId": 999}),
        User.update(where={"id": 4}, data={"managerId": {"set": 4}}),
        User.update(where={"id": 1}, data={"updatedAt": day(1)}),
        User.update(
            where={"id": 2},
            data={"active": False},
            include={"memberships": {"include": {"team": True}}, "posts": True},
        ),
        Post.update(
            where={"id": "p1"},
            data={"id": "p1-renamed"},
            include={"comments": True, "categories": True},
        ),
        Post.update(
            where={"id": "p1"},
            data={"rating": {"increment": Decimal("0.25")}, "views": {"decrement": 1}},
        ),
        Post.update(
            where={"id": "p1"}, data={"rating": Decimal("1"), "extra": Json({"x": 1}), "body": None}
        ),
        Post.update(where={"id": "p1"}, data={"extra": Json(None)}),
        Post.update(
            where={"authorId_title": {"authorId": 1, "title": "Introduction"}},
            data={"title": "Changed"},
        ),
        Membership.update(
            where={"userId_teamId": {"userId": 1, "teamId": 1}},
            data={"level": {"increment": 1}, "title": None},
        ),
        Membership.update(where={"userId_teamId": {"userId": 1, "teamId": 1}}, data={"teamId": 2}),
        Membership.update(where={"userId_teamId": {"userId": 2, "teamId": 1}}, data={"teamId": 2}),
        Profile.update(where={"userId": 1}, data={"userId": 3}),
        Profile.update(where={"userId": 1}, data={"userId": 2}),
    ),
    *cases(
        "shop",
        Customer.update(
            where={"id": "c1"},
            data={"id": "c9"},
            include={"orders": {"include": {"lines": True, "invoice": True}}},
        ),
        Order.update(
            where={"customerId_number": {"customerId": "c1", "number": 1}},
            data={"number": 9},
            include={"lines": True, "invoice": True},
        ),
        Order.update(
            where={"customerId_number": {"customerId": "c1", "number": 1}},
            data={"total": {"multiply": Decimal("1.1")}, "state": "SHIPPED"},
        ),
        Product.update(
            where={"sku": "glue"}, data={"sku": "glue-2"}, include={"lines": True, "shelves": True}
        ),
        Product.update(
            where={"sku": "glue"}, data={"stock": {"decrement": 41}, "weight": {"divide": 4}}
        ),
        Product.update(where={"label": {"name": "Bolt", "brandId": 2}}, data={"brandId": 3}),
        Product.update(where={"label": {"name": "Bolt", "brandId": 2}}, data={"brandId": 1}),
        Brand.update(where={"id": 2}, data={"id": 20}, include={"products": True}),
        Invoice.update_many(where={"id": 9007199254740993}, data={"id": {"increment": 2}}),
        Invoice.update(
            where={"id": 3}, data={"customerId": "c3", "orderNumber": 7}, include={"order": True}
        ),
        Invoice.update(
            where={"id": 2}, data={"customerId": None, "orderNumber": None}, include={"order": True}
        ),
        Shelf.update(
            where={"hall_rack": {"hall": 1, "rack": "A"}}, data={"rack": "AA", "sku": None}
        ),
    ),
    *cases(
        "types",
        Scalars.update(
            where={"id": 2}, data={**FULL, **{f"{name}Opt": value for name, value in FULL.items()}}
        ),
        Scalars.update(
            where={"id": 1}, data={f"{name}Opt": None for name in FULL if name != "data"}
        ),
        Scalars.update(where={"id": 1}, data={"big": {"increment": 1}, "bigOpt": {"multiply": -1}}),
        Scalars.update(where={"id": 3}, data={"number": {"increment": 1}}),
        Scalars.update(where={"id": 3}, data={"big": {"increment": 1}}),
        Scalars.update(
            where={"id": 1}, data={"amount": {"divide": Decimal("2")}, "ratio": {"decrement": 0.5}}
        ),
        Scalars.update(where={"id": 1}, data={"dataOpt": Json([1, {"a": None}])}),
        Scalars.update(
            where={"id": 1},
            data={"blob": {"set": b"set"}, "moment": {"set": day(9)}, "color": {"set": "BLUE"}},
        ),
        Defaults.update(where={"id": "d1"}, data={"note": "changed"}),
        Mapped.update(
            where={"key": "k1"}, data={"key": "k9", "group": None}, include={"parts": True}
        ),
    ),
]

UPDATE_MANY = [
    *cases(
        "blog",
        User.update_many(where={}, data={"active": False}),
        User.update_many(where={"active": True}, data={"score": {"increment": 1.5}}),
        User.update_many(where={"name": "nobody"}, data={"active": False}),
        User.update_many(where={"posts": {"some": {"published": False}}}, data={"name": "drafter"}),
        User.update_many(where={"id": {"in": [1, 2]}}, data={"email": "same@x"}),
        User.update_many(where={"id": {"in": [1, 2]}}, data={"managerId": None}),
        User.update_many(where={"id": 3}, data={"managerId": 999}),
        User.update_many(where={"id": 3}, data={"id": {"divide": 2}}),
        User.update_many(where={"id": 3}, data={"id": {"divide": 0}}),
        User.update_many(where={"id": {"in": list(range(3000))}}, data={"age": {"set": 1}}),
        User.update_many(where={"id": 1}, data={}),
        Post.update_many(where={"author": {"is": None}}, data={"authorId": 3}),
        Comment.update_many(
            where={"OR": [{"likes": {"lt": 1}}, {"text": ""}]},
            data={"likes": {"multiply": 2}, "text": "t"},
        ),
    ),
    *cases(
        "shop",
        Order.update_many(where={"customer": {"is": {"country": "DE"}}}, data={"state": "SHIPPED"}),
    ),
]

UPSERT = [
    *cases(
        "blog",
        User.upsert(
            where={"email": "ada@example.com"},
            data={"create": {"email": "ada@example.com"}, "update": {"name": "Up"}},
        ),
        User.upsert(
            where={"email": "new@x"},
            data={"create": {"email": "new@x", "name": "N"}, "update": {"name": "Up"}},
        ),
        User.upsert(
            where={"email": "new@x"},
            data={"create": {"email": "other@x", "name": "N"}, "update": {"name": "Up"}},
        ),
        User.upsert(
            where={"email": "new@x"},
            data={"create": {"email": "ada@example.com"}, "update": {"name": "Up"}},
        ),
        User.upsert(
            where={"email": "ada@example.com"},
            data={"create": {"email": "ada@example.com"}, "update": {}},
        ),
        User.upsert(
            where={"id": 1},
            data={"create": {"email": "new@x"}, "update": {"age": {"increment": 1}}},
        ),
        User.upsert(
            where={"id": 70},
            data={"create": {"id": 70, "email": "new@x"}, "update": {"age": {"increment": 1}}},
        ),
        User.upsert(
            where={"id": 1, "active": False},
            data={"create": {"email": "new@x"}, "update": {"age": 1}},
        ),
        User.upsert(
            where={"id": 1},
            data={"create": {"email": "new@x"}, "update": {"name": "Up"}},
            include={"posts": True, "profile": True},
        ),
        User.upsert(
            where={"id": 71},
            data={"create": {"email": "new@x"}, "update": {"name": "Up"}},
            include={"posts": True, "profile": True},
        ),
        User.upsert(
            where={"email": "ada@example.com"},
            data={"create": {"email": "ada@example.com"}, "update": {"email": "bob@example.com"}},
        ),
        User.upsert(
            where={"email": "new@x"}, data={"create": {"email": "new@x"}, "update": {"nothing": 1}}
        ),
        Membership.upsert(
            where={"userId_teamId": {"userId": 1, "teamId": 1}},
            data={"create": {"userId": 1, "teamId": 1}, "update": {"level": 9}},
        ),
        Membership.upsert(
            where={"userId_teamId": {"userId": 3, "teamId": 1}},
            data={"create": {"userId": 3, "teamId": 1, "level": 4}, "update": {"level": 9}},
        ),
        Post.upsert(
            where={"slug": "intro"},
            data={"create": {"slug": "intro", "title": "t"}, "update": {"views": {"increment": 1}}},
        ),
        Post.upsert(
            where={"slug": "fresh"},
            data={"create": {"slug": "fresh", "title": "t"}, "update": {"views": {"increment": 1}}},
        ),
    ),
    *cases(
        "types",
        Unique.upsert(
            where={"text": "one"}, data={"create": {"id": 8, "text": "one"}, "update": {"big": 11}}
        ),
        Unique.upsert(
            where={"text": "eight"},
            data={"create": {"id": 8, "text": "eight"}, "update": {"big": 11}},
        ),
        Unique.upsert(
            where={"moment": day(1)},
            data={"create": {"id": 8, "moment": day(1)}, "update": {"blob": b"two"}},
        ),
        Unique.upsert(
            where={"amount": Decimal("7")},
            data={"create": {"id": 8, "amount": Decimal("7")}, "update": {}},
        ),
    ),
]

DELETE = [
    *cases(
        "blog",
        User.delete(where={"id": 8}),
        User.delete(where={"id": 999}),
        User.delete(where={"id": 4}, include={"comments": True, "manager": True}),
        User.delete(where={"id": 2}),
        User.delete(where={"id": 1}),
        User.delete(where={"id": 3}),
        User.delete(where={"id": 8, "active": False}),
        Team.delete(where={"id": 3}),
        Team.delete(where={"id": 1}),
        Category.delete(where={"id": 5}),
        Category.delete(where={"id": 1}),
        Category.delete(where={"id": 3}, include={"posts": True}),
        Post.delete(where={"id": "p1"}, include={"comments": {"include": {"replies": True}}}),
        Post.delete(where={"authorId_title": {"authorId": 1, "title": "Notes on engines"}}),
        Comment.delete(where={"id": 1}, include={"replies": True}),
        Membership.delete(
            where={"userId_teamId": {"userId": 1, "teamId": 1}}, include={"team": True}
        ),
        User.delete_many(where={"id": {"in": [4, 6, 8]}}),
        User.delete_many(where={"id": 999}),
        User.delete_many(),
        User.delete_many(where={"posts": {"none": {}}, "reports": {"none": {}}}),
        Comment.delete_many(),
        Comment.delete_many(where={"author": {"is": {"name": "Ada"}}}),
        Comment.delete_many(where={"id": {"in": list(range(2500))}, "likes": {"gt": 0}}),
        Category.delete_many(),
        Team.delete_many(where={"memberships": {"none": {}}}),
    ),
    *cases(
        "shop",
        Customer.delete(where={"id": "c1"}),
        Order.delete(
            where={"customerId_number": {"customerId": "c1", "number": 1}},
            include={"lines": True, "invoice": True},
        ),
        Brand.delete(where={"id": 2}),
        Brand.delete(where={"id": 3}),
        Brand.delete(where={"id": 1}),
        Supplier.delete(where={"id": 1}),
        Product.delete(where={"sku": "saw"}),
        Product.delete(where={"sku": "glue"}),
        Order.delete_many(where={"state": "OPEN"}),
        Customer.delete_many(),
        Shelf.delete_many(where={"product": {"is": None}}),
        [Line.delete_many(), Product.delete(where={"sku": "glue"}), Shelf.find_many()],
    ),
]


def _steps(*calls: Call) -> list[Call]:
    return list(calls)


SEVERAL = cases(
    "blog",
    _steps(
        User.create(data={"email": "a@x", "managerId": 1}),
        User.update(where={"email": "a@x"}, data={"name": "A"}),
        User.find_unique(where={"email": "a@x"}, include={"manager": True}),
        User.delete(where={"email": "a@x"}),
        User.find_unique(where={"email": "a@x"}),
    ),
    _steps(
        Team.create(data={"name": "new"}),
        Team.create(data={"name": "new"}),
        Team.create(data={"name": "newer"}),
        Team.find_many(order={"id": "asc"}),
    ),
)

CASES = [*CREATE, *CREATE_MANY, *UPDATE, *UPDATE_MANY, *UPSERT, *DELETE, *SEVERAL]
