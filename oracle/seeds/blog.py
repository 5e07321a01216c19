"""Rows for blog.prisma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle.calls import Call, Json, Model
from oracle.seeds.days import day


def _connect(
    model: Model, where: Mapping[str, Any], field: str, ids: Sequence[Mapping[str, Any]]
) -> Call:
    return model.update(where=where, data={field: {"connect": list(ids)}})  # type: ignore[no-any-return]


def blog() -> list[Call]:
    users = [
        # id, email, name, role, age, score, active, manager
        (1, "ada@example.com", "Ada", "ADMIN", 36, 9.5, True, None),
        (2, "bob@example.com", "Bob", "EDITOR", 41, 7.25, True, 1),
        (3, "cleo@example.com", None, "READER", None, 0.0, True, 1),
        (4, "dan@example.com", "dan", "READER", 19, -1.5, False, 2),
        (5, "eve@example.org", "Eve 100%", "EDITOR", 36, 7.25, True, 2),
        (6, "fay_o'neil@example.org", "Fay_O'Neil", "READER", 64, 3.0, False, 3),
        (7, "gül@example.org", "Gül 😀", "READER", 0, 1e-7, True, None),
        (8, "hal@example.com", "", "READER", 41, 12345.678, True, 5),
    ]
    posts = [
        # id, slug, title, body, views, published, rating, extra, author, editor
        (
            "p1",
            "intro",
            "Introduction",
            "Hello, world",
            100,
            True,
            "4.50",
            {"tags": ["a", "b"], "n": 1},
            1,
            2,
        ),
        (
            "p2",
            "notes",
            "Notes on engines",
            "The Analytical Engine",
            250,
            True,
            "4.75",
            None,
            1,
            None,
        ),
        (
            "p3",
            "draft",
            "Draft",
            None,
            0,
            False,
            None,
            {"n": 2, "deep": {"x": [1, 2, {"y": "z"}]}},
            2,
            1,
        ),
        ("p4", "news", "News", "", 17, True, "3", [1, 2, 3], 2, 5),
        ("p5", "untitled", "", "50% off_now", 17, False, "0.1", "text", 5, None),
        ("p6", "orphan", "Orphan", "nobody's", 3, True, "-2.5", {"n": None}, None, None),
        ("p7", "introduction", "Introduction", "another", 100, True, None, False, 5, 1),
        (
            "p8",
            "emoji",
            "😀 ünï",
            'back\\slash "quote"',
            2147483647,
            True,
            "1234567.89",
            7,
            7,
            None,
        ),
    ]
    comments = [
        # id, text, likes, post, author, reply to
        (1, "First!", 3, "p1", 2, None),
        (2, "Thanks", 0, "p1", 1, 1),
        (3, "You are welcome", 1, "p1", 2, 2),
        (4, "nice", 5, "p2", 3, None),
        (5, "Nice", 5, "p2", 4, None),
        (6, "NICE", -1, "p2", 5, 4),
        (7, "", 0, "p4", 6, None),
        (8, "100% agree", 10, "p4", 7, None),
        (9, "a_b", 2, "p7", 1, None),
        (10, "aXb", 2, "p7", 8, 9),
    ]
    team, category, user = Model("Team"), Model("Category"), Model("User")
    return [
        user.create_many(
            data=[
                {
                    "id": i,
                    "email": email,
                    "name": name,
                    "role": role,
                    "age": age,
                    "score": score,
                    "active": active,
                    "createdAt": day(i),
                    "updatedAt": day(30 + i % 3),
                    "managerId": manager,
                }
                for i, email, name, role, age, score, active, manager in users
            ]
        ),
        Model("Profile").create_many(
            data=[
                {"id": 1, "bio": "Countess", "website": "https://ada.example", "userId": 1},
                {"id": 2, "bio": None, "website": None, "userId": 2},
                {"id": 3, "bio": "builds", "website": "https://bob.example", "userId": 5},
                {"id": 4, "bio": "", "website": None, "userId": 7},
            ]
        ),
        Model("Post").create_many(
            data=[
                {
                    "id": i,
                    "slug": slug,
                    "title": title,
                    "body": body,
                    "views": views,
                    "published": published,
                    "rating": rating and Decimal(rating),
                    "createdAt": day(n // 2),
                    "authorId": author,
                    "editorId": editor,
                    **({} if extra is None else {"extra": Json(extra)}),
                }
                for n, (
                    i,
                    slug,
                    title,
                    body,
                    views,
                    published,
                    rating,
                    extra,
                    author,
                    editor,
                ) in enumerate(posts)
            ]
        ),
        category.create_many(
            data=[
                {"id": 1, "name": "Science", "parentId": None},
                {"id": 2, "name": "Mathematics", "parentId": 1},
                {"id": 3, "name": "Logic", "parentId": 2},
                {"id": 4, "name": "Arts", "parentId": None},
                {"id": 5, "name": "empty", "parentId": 4},
            ]
        ),
        Model("Comment").create_many(
            data=[
                {
                    "id": i,
                    "text": text,
                    "likes": likes,
                    "postId": post,
                    "authorId": author,
                    "replyToId": reply,
                }
                for i, text, likes, post, author, reply in comments
            ]
        ),
        team.create_many(
            data=[{"id": 1, "name": "Core"}, {"id": 2, "name": "Docs"}, {"id": 3, "name": "Nobody"}]
        ),
        Model("Membership").create_many(
            data=[
                {"userId": 1, "teamId": 1, "level": 3, "title": "Lead", "joinedAt": day(1)},
                {"userId": 2, "teamId": 1, "level": 2, "title": None, "joinedAt": day(2)},
                {"userId": 2, "teamId": 2, "level": 1, "title": "Writer", "joinedAt": day(2)},
                {"userId": 5, "teamId": 2, "level": 3, "title": "Lead", "joinedAt": day(9)},
                {"userId": 7, "teamId": 1, "level": 1, "title": None, "joinedAt": day(0)},
            ]
        ),
        _connect(user, {"id": 1}, "follows", [{"id": 2}, {"id": 3}]),
        _connect(user, {"id": 2}, "follows", [{"id": 1}, {"id": 5}, {"id": 7}]),
        _connect(user, {"id": 5}, "follows", [{"id": 5}]),
        _connect(category, {"id": 1}, "posts", [{"id": "p1"}, {"id": "p2"}, {"id": "p4"}]),
        _connect(category, {"id": 2}, "posts", [{"id": "p2"}]),
        _connect(category, {"id": 3}, "posts", [{"id": "p2"}, {"id": "p8"}]),
        _connect(category, {"id": 4}, "posts", [{"id": "p6"}]),
        user.update_many(where={"id": {"gt": 0}}, data={"updatedAt": day(31)}),
    ]
