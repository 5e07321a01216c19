"""find_unique, find_first and find_many, with order, pages and distinct."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


def ids(records: list[Any]) -> list[Any]:
    return [record.id for record in records]


async def test_find_unique(db: Any) -> None:
    ada = await db.user.find_unique(where={"email": "ada@x.org"})
    assert ada.model_dump(exclude_none=True) == {
        "id": 1,
        "email": "ada@x.org",
        "name": "Ada",
        "role": "ADMIN",
        "age": 36,
        "score": 9.5,
        "active": True,
        "createdAt": datetime(2024, 1, 1, tzinfo=UTC),
        "updatedAt": datetime(2024, 1, 1, tzinfo=UTC),
    }
    assert await db.user.find_unique(where={"id": 9}) is None


async def test_find_unique_by_a_compound_key(db: Any) -> None:
    found = await db.membership.find_unique(where={"userId_teamId": {"userId": 2, "teamId": 1}})
    assert (found.level, found.title) == (1, None)
    post = await db.post.find_unique(where={"authorId_title": {"authorId": 1, "title": "Notes"}})
    assert post.id == "p2"


async def test_find_unique_with_a_filter_beside_the_key(db: Any) -> None:
    assert await db.user.find_unique(where={"id": 1, "active": True}) is not None
    assert await db.user.find_unique(where={"id": 1, "active": False}) is None


async def test_find_unique_or_raise(db: Any, errors: Any) -> None:
    assert (await db.user.find_unique_or_raise(where={"id": 2})).name == "Bob"
    with pytest.raises(errors.RecordNotFoundError) as raised:
        await db.user.find_unique_or_raise(where={"id": 9})
    assert raised.value.code == "P2025"


async def test_find_first(db: Any) -> None:
    assert (await db.user.find_first(order={"id": "desc"})).id == 4
    assert (await db.user.find_first(where={"age": 36}, order={"id": "asc"}, skip=1)).id == 4
    assert (await db.user.find_first(cursor={"id": 3}, order={"id": "asc"})).id == 3
    assert await db.user.find_first(where={"name": "nobody"}) is None


async def test_find_first_or_raise(db: Any, errors: Any) -> None:
    assert (await db.user.find_first_or_raise(where={"name": "Bob"})).id == 2
    with pytest.raises(errors.RecordNotFoundError):
        await db.user.find_first_or_raise(where={"name": "nobody"})


async def test_find_many(db: Any) -> None:
    assert sorted(ids(await db.user.find_many())) == [1, 2, 3, 4]
    assert await db.user.find_many(where={"name": "nobody"}) == []


async def test_order_by_fields(db: Any) -> None:
    assert ids(await db.user.find_many(order={"email": "desc"})) == [4, 3, 2, 1]
    order = [{"score": "desc"}, {"id": "desc"}]
    assert ids(await db.user.find_many(order=order)) == [1, 4, 2, 3]


async def test_order_with_nulls_first_or_last(db: Any) -> None:
    for nulls, expected in (("first", [3, 1, 4, 2]), ("last", [1, 4, 2, 3])):
        order = [{"age": {"sort": "asc", "nulls": nulls}}, {"id": "asc"}]
        assert ids(await db.user.find_many(order=order)) == expected


async def test_order_by_a_relation(db: Any) -> None:
    order = [{"author": {"email": "desc"}}, {"id": "asc"}]
    found = await db.post.find_many(order=order, where={"authorId": {"not": None}})
    assert ids(found) == ["p3", "p1", "p2"]


async def test_order_by_the_count_of_a_relation(db: Any) -> None:
    order = [{"posts": {"_count": "desc"}}, {"id": "asc"}]
    assert ids(await db.user.find_many(order=order)) == [1, 2, 3, 4]
    order = [{"followers": {"_count": "asc"}}, {"id": "desc"}]
    assert ids(await db.user.find_many(order=order)) == [3, 4, 2, 1]


async def test_take_and_skip(db: Any) -> None:
    order = {"id": "asc"}
    assert ids(await db.user.find_many(order=order, take=2)) == [1, 2]
    assert ids(await db.user.find_many(order=order, take=2, skip=1)) == [2, 3]
    assert ids(await db.user.find_many(order=order, skip=3)) == [4]
    assert ids(await db.user.find_many(order=order, take=0)) == []


async def test_a_negative_take_counts_from_the_end(db: Any) -> None:
    assert ids(await db.user.find_many(order={"id": "asc"}, take=-2)) == [3, 4]
    assert ids(await db.user.find_many(order={"id": "asc"}, take=-2, skip=1)) == [2, 3]


async def test_a_cursor_begins_at_its_record(db: Any) -> None:
    order = {"id": "asc"}
    assert ids(await db.user.find_many(order=order, cursor={"id": 2}, take=2)) == [2, 3]
    assert ids(await db.user.find_many(order=order, cursor={"id": 2}, take=2, skip=1)) == [3, 4]
    assert ids(await db.user.find_many(order=order, cursor={"id": 3}, take=-2)) == [2, 3]
    assert ids(await db.user.find_many(order=order, cursor={"id": 99})) == []


async def test_a_cursor_in_an_order_with_ties(db: Any) -> None:
    order = [{"score": "asc"}, {"id": "asc"}]
    assert ids(await db.user.find_many(order=order, cursor={"id": 2})) == [2, 4, 1]


async def test_distinct(db: Any) -> None:
    found = await db.user.find_many(distinct=["age"], order={"id": "asc"})
    assert ids(found) == [1, 2, 3]
    found = await db.user.find_many(distinct=["age", "active"], order={"id": "desc"}, take=2)
    assert ids(found) == [4, 3]
