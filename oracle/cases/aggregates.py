"""count and group_by."""

from __future__ import annotations

from decimal import Decimal

from oracle.calls import Model
from oracle.cases import cases

User, Post, Comment, Membership = (
    Model("User"),
    Model("Post"),
    Model("Comment"),
    Model("Membership"),
)
Order, Line, Product, Customer = Model("Order"), Model("Line"), Model("Product"), Model("Customer")
Scalars = Model("Scalars")

COUNT = [
    *cases(
        "blog",
        User.count(),
        User.count(where={"active": True}),
        User.count(where={"name": "nobody"}),
        User.count(where={"posts": {"some": {"published": True}}}),
        User.count(take=3),
        User.count(skip=2),
        User.count(take=3, skip=7),
        User.count(take=-3),
        User.count(take=0),
        User.count(cursor={"id": 5}),
        User.count(cursor={"id": 5}, take=2),
        User.count(select={"_all": True}),
        User.count(select={"name": True}),
        User.count(select={"_all": True, "name": True, "age": True, "managerId": True}),
        User.count(select={"name": True, "age": False}),
        User.count(select={"name": True}, where={"active": False}),
        User.count(select={"name": True}, take=3),
        User.count(select={}),
        Post.count(where={"author": {"is": {"name": "Ada"}}}),
        Post.count(select={"rating": True, "extra": True, "body": True}),
        Membership.count(select={"_all": True, "title": True}),
    ),
    *cases(
        "types",
        Scalars.count(
            select={
                "_all": True,
                "dataOpt": True,
                "blobOpt": True,
                "colorOpt": True,
                "flagOpt": True,
            }
        ),
    ),
]

GROUP = [
    *cases(
        "blog",
        User.group_by(by=["role"]),
        User.group_by(by=["role"], count=True),
        User.group_by(by=["role"], count={"_all": True, "name": True, "age": True}),
        User.group_by(
            by=["role", "active"], count=True, order=[{"role": "asc"}, {"active": "desc"}]
        ),
        User.group_by(
            by=["active"], avg={"age": True, "score": True}, sum={"age": True, "score": True}
        ),
        User.group_by(
            by=["active"],
            min={"age": True, "name": True, "createdAt": True},
            max={"email": True, "score": True},
        ),
        User.group_by(by=["managerId"], count=True, order={"managerId": "asc"}),
        User.group_by(by=["age"], count=True, where={"active": True}, order={"age": "asc"}),
        User.group_by(by=["role"], order={"role": "desc"}, take=1),
        User.group_by(by=["role"], order={"role": "desc"}, take=1, skip=1),
        User.group_by(by=["role"], order={"role": "desc"}, skip=2),
        User.group_by(by=["role"], order=[{"_count": {"id": "desc"}}, {"role": "asc"}], count=True),
        User.group_by(
            by=["role"], order=[{"_avg": {"age": "asc"}}, {"role": "asc"}], avg={"age": True}
        ),
        User.group_by(by=["role"], having={"role": {"not": "ADMIN"}}, count=True),
        User.group_by(by=["role"], having={"age": {"_avg": {"gt": 36}}}, avg={"age": True}),
        User.group_by(by=["role"], having={"age": {"_count": {"gte": 2}}}, count={"age": True}),
        User.group_by(by=["role"], having={"score": {"_sum": {"lt": 20}}}, sum={"score": True}),
        User.group_by(
            by=["role"],
            having={"score": {"_max": {"gt": 8}, "_min": {"lt": 8}}},
            max={"score": True},
        ),
        User.group_by(
            by=["role"],
            having={"OR": [{"age": {"_min": {"lt": 19}}}, {"role": "ADMIN"}]},
            min={"age": True},
        ),
        User.group_by(
            by=["role"], having={"NOT": [{"age": {"_max": {"gt": 60}}}]}, max={"age": True}
        ),
        User.group_by(by=["name"], where={"posts": {"some": {}}}, count=True),
        User.group_by(by=["nothing"]),
        User.group_by(by=[]),
        User.group_by(by=["role"], order={"name": "asc"}),
        User.group_by(by=["role"], having={"name": "x"}),
        Post.group_by(
            by=["published"],
            sum={"views": True, "rating": True},
            avg={"rating": True, "views": True},
        ),
        Post.group_by(
            by=["authorId"],
            max={"rating": True, "createdAt": True, "title": True},
            count={"rating": True},
        ),
        Post.group_by(by=["title"], count=True, having={"title": {"startswith": "Intro"}}),
        Comment.group_by(
            by=["postId", "likes"], count=True, order=[{"postId": "asc"}, {"likes": "asc"}]
        ),
        Comment.group_by(
            by=["postId"],
            sum={"likes": True},
            order=[{"_sum": {"likes": "desc"}}, {"postId": "asc"}],
            take=2,
        ),
    ),
    *cases(
        "shop",
        Order.group_by(by=["state"], sum={"total": True}, min={"placedAt": True}, count=True),
        Order.group_by(by=["customerId"], avg={"number": True, "total": True}),
        Customer.group_by(by=["country"], sum={"credit": True}, where={"id": {"not": "c1"}}),
        Line.group_by(
            by=["sku"],
            sum={"quantity": True, "price": True},
            having={"quantity": {"_sum": {"gt": 1}}},
        ),
        Product.group_by(
            by=["brandId", "supplierId"],
            avg={"weight": True, "price": True},
            count={"weight": True},
        ),
        Product.group_by(by=["price"], count=True, having={"price": {"gt": Decimal("0.2")}}),
    ),
    *cases(
        "types",
        Scalars.group_by(
            by=["color"],
            sum={"big": True, "number": True},
            min={"moment": True, "big": True, "amount": True},
        ),
        Scalars.group_by(
            by=["flag"],
            max={"ratio": True, "moment": True, "text": True, "color": True},
            count={"amountOpt": True},
        ),
        Scalars.group_by(by=["moment"], count=True),
        Scalars.group_by(by=["big", "color"], count=True),
    ),
]

CASES = [*COUNT, *GROUP]
