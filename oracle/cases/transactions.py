"""batch_() and tx(): what is kept and what is undone."""

from __future__ import annotations

from oracle.calls import Call, Model, execute_raw
from oracle.cases import cases

User, Post, Team, Membership = Model("User"), Model("Post"), Model("Team"), Model("Membership")

STEPS: list[list[Call]] = [
    [Team.create(data={"name": "a"}), Team.create(data={"name": "b"})],
    [Team.create(data={"name": "a"}), Team.create(data={"name": "a"})],
    [Team.update(where={"id": 1}, data={"name": "x"}), Team.delete(where={"id": 3})],
    [Team.create(data={"name": "a"}), Team.update(where={"id": 99}, data={"name": "x"})],
    [
        User.update_many(where={"active": True}, data={"age": {"increment": 1}}),
        User.delete_many(where={"id": {"in": [6, 8]}}),
    ],
    [Membership.delete_many(where={"teamId": 1}), Team.delete(where={"id": 1})],
    [
        Team.create_many(data=[{"name": "a"}, {"name": "b"}]),
        Team.upsert(where={"name": "a"}, data={"create": {"name": "a"}, "update": {"name": "c"}}),
    ],
    [
        User.create(data={"email": "a@x", "posts": {"create": {"slug": "s", "title": "t"}}}),
        Post.delete(where={"id": "p6"}),
    ],
    [
        execute_raw("UPDATE users SET age = 1 WHERE id = 1"),
        User.update(where={"id": 2}, data={"age": 2}),
    ],
    [User.create(data={"email": "a@x", "managerId": 99}), Team.create(data={"name": "a"})],
]

READING: list[list[Call]] = [
    [Team.create(data={"name": "a"}), Team.find_many(order={"id": "asc"}), Team.count()],
    [User.delete(where={"id": 8}), User.find_unique(where={"id": 8}), User.count()],
    [
        User.update(
            where={"id": 1},
            data={"posts": {"create": {"slug": "s", "title": "t"}}},
            include={"posts": {"order_by": {"slug": "asc"}}},
        ),
        Post.count(),
    ],
    [Team.find_many(order={"id": "asc"}), Team.find_unique_or_raise(where={"id": 99})],
]

CASES = [
    *cases("blog", *STEPS, mode="batch"),
    *cases("blog", *STEPS, *READING, mode="commit"),
    *cases("blog", *STEPS, *READING, mode="rollback"),
]
