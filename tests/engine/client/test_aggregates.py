"""count and group_by."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_count(db: Any) -> None:
    assert await db.user.count() == 4
    assert await db.user.count(where={"age": 36}) == 2
    assert await db.user.count(where={"posts": {"some": {}}}) == 2


async def test_count_of_fields(db: Any) -> None:
    assert await db.user.count(select={"_all": True, "name": True}) == {"_all": 4, "name": 3}
    assert await db.user.count(select={"age": True}, where={"active": False}) == {"age": 0}


async def test_count_with_take_skip_and_cursor(db: Any) -> None:
    assert await db.user.count(take=3) == 3
    assert await db.user.count(skip=3) == 1
    assert await db.user.count(cursor={"id": 3}) == 2


async def test_group_by(db: Any) -> None:
    found = await db.user.group_by(by=["role"], count=True, order={"role": "asc"})
    assert sorted((row["role"], row["_count"]["_all"]) for row in found) == [
        ("ADMIN", 1),
        ("EDITOR", 1),
        ("READER", 2),
    ]


async def test_group_by_with_aggregates(db: Any) -> None:
    found = await db.user.group_by(
        by=["active"],
        count={"_all": True, "age": True},
        sum={"age": True},
        avg={"score": True},
        min={"email": True},
        max={"score": True},
        order={"active": "asc"},
    )
    assert found == [
        {
            "active": False,
            "_count": {"_all": 1, "age": 0},
            "_sum": {"age": None},
            "_avg": {"score": 0},
            "_min": {"email": "cleo@x.org"},
            "_max": {"score": 0},
        },
        {
            "active": True,
            "_count": {"_all": 3, "age": 3},
            "_sum": {"age": 113},
            "_avg": {"score": pytest.approx(14.5 / 3)},
            "_min": {"email": "ada@x.org"},
            "_max": {"score": 9.5},
        },
    ]


async def test_group_by_with_where_having_order_and_take(db: Any) -> None:
    found = await db.user.group_by(
        by=["age"],
        where={"id": {"lt": 4}},
        having={"age": {"gt": 30}},
        order={"age": "desc"},
        take=1,
    )
    assert found == [{"age": 41}]
    found = await db.user.group_by(
        by=["age"], having={"score": {"_sum": {"gt": 2.5}}}, sum={"score": True}
    )
    assert found == [{"age": 36, "_sum": {"score": 12.0}}]


async def test_group_by_several_fields_in_the_order_of_a_count(db: Any) -> None:
    found = await db.user.group_by(
        by=["age", "active"], count=True, order=[{"_count": {"id": "desc"}}, {"age": "asc"}], take=1
    )
    assert found == [{"age": 36, "active": True, "_count": {"_all": 2}}]
