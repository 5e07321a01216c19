"""where, on every scalar type and over relations."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def found(model: Any, where: Any) -> list[Any]:
    return sorted(record.id for record in await model.find_many(where=where))


USERS = [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"name": "Ada"}, [1]),
        ({"name": {"equals": "Ada"}}, [1]),
        ({"name": None}, [3]),
        ({"name": {"not": None}}, [1, 2, 4]),
        ({"name": {"not": "Ada"}}, [2, 4]),
        ({"name": {"in": ["Ada", "Bob"]}}, [1, 2]),
        ({"name": {"in": []}}, []),
        ({"name": {"not_in": ["Ada", "Bob"]}}, [4]),
        ({"name": {"lt": "Bob"}}, [1]),
        ({"name": {"lte": "Bob"}}, [1, 2]),
        ({"name": {"gt": "Ada", "lt": "a"}}, [2]),
        ({"name": {"gte": "Bob"}}, [2, 4]),
        ({"name": {"contains": "o"}}, [2]),
        ({"name": {"startswith": "B"}}, [2]),
        ({"name": {"endswith": "n"}}, [4]),
        ({"name": {"not": {"in": ["Ada"], "contains": "o"}}}, [4]),  # neither
        ({"email": {"endswith": "x.org", "not": {"startswith": "a"}}}, [2, 3, 4]),
    ],
    ids=str,
)
async def test_filter_string(db: Any, where: Any, expected: list[int]) -> None:
    assert await found(db.user, where) == expected


async def test_filter_string_leaves_wildcards_to_like(db: Any) -> None:
    """As Prisma does, on both databases."""
    assert await found(db.post, {"body": {"contains": "%"}}) == ["p1", "p3", "p4"]
    assert await found(db.post, {"body": {"contains": "off_n"}}) == ["p3"]


async def test_filter_string_insensitive(db: Any, database: str, errors: Any) -> None:
    where = {"name": {"equals": "ADA", "mode": "insensitive"}}
    if database == "postgresql":
        assert await found(db.user, where) == [1]
        where = {"name": {"contains": "B", "mode": "insensitive"}}
        assert await found(db.user, where) == [2]
        return
    with pytest.raises(errors.FieldNotFoundError):  # SQLite has no modes, as in Prisma
        await db.user.find_many(where=where)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"age": 36}, [1, 4]),
        ({"age": {"not": 36}}, [2]),
        ({"age": None}, [3]),
        ({"age": {"in": [36, 41]}}, [1, 2, 4]),
        ({"age": {"not_in": [36]}}, [2]),
        ({"age": {"gt": 36}}, [2]),
        ({"age": {"gte": 36, "lt": 41}}, [1, 4]),
        ({"score": 2.5}, [2, 4]),
        ({"score": {"lt": 1}}, [3]),
        ({"score": {"in": [0, 9.5]}}, [1, 3]),
        ({"active": True}, [1, 2, 4]),
        ({"active": {"not": True}}, [3]),
        ({"role": "EDITOR"}, [2]),
        ({"role": {"in": ["ADMIN", "READER"]}}, [1, 3, 4]),
        ({"role": {"not": "READER"}}, [1, 2]),
        ({"createdAt": datetime(2024, 1, 2, tzinfo=UTC)}, [2]),
        ({"createdAt": {"gte": datetime(2024, 1, 2), "lt": datetime(2024, 1, 4)}}, [2, 3]),
        ({"createdAt": {"in": [datetime(2024, 1, 1), datetime(2024, 1, 4)]}}, [1, 4]),
    ],
    ids=str,
)
async def test_filter_number_boolean_enum_and_date(db: Any, where: Any, expected: Any) -> None:
    assert await found(db.user, where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"rating": Decimal("4.5")}, ["p1"]),
        ({"rating": {"gt": Decimal("3")}}, ["p1"]),
        ({"rating": {"in": [Decimal("3"), Decimal("7")]}}, ["p3"]),
        ({"rating": {"not": None}}, ["p1", "p3"]),
    ],
    ids=str,
)
async def test_filter_decimal(db: Any, where: Any, expected: list[str]) -> None:
    assert await found(db.post, where) == expected


async def test_filter_json(db: Any, package: Any) -> None:
    Json = package.Json  # noqa: N806 - a class
    assert await found(db.post, {"extra": {"equals": Json({"tags": ["a", "b"]})}}) == ["p1"]
    assert await found(db.post, {"extra": {"not": Json([1, 2])}}) == ["p1"]


@pytest.mark.parametrize("world", ["types"])
async def test_filter_bigint_and_bytes(db: Any, package: Any) -> None:
    base64 = package.Base64.encode
    for number, (big, blob) in enumerate([(2**60, b"one"), (-5, b"\x00\xff")], 1):
        await db.unique.create({"id": number, "big": big, "blob": base64(blob)})
    assert await found(db.unique, {"big": 2**60}) == [1]
    assert await found(db.unique, {"big": {"lt": 0}}) == [2]
    assert await found(db.unique, {"id": {"in": [1, 2, 2**62]}}) == [1, 2]
    assert await found(db.unique, {"blob": base64(b"\x00\xff")}) == [2]
    assert await found(db.unique, {"blob": {"not": base64(b"one")}}) == [2]
    assert await found(db.unique, {"blob": {"in": [base64(b"one")]}}) == [1]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, USERS),
        ({"AND": [{"active": True}, {"age": 36}]}, [1, 4]),
        ({"AND": {"active": True, "id": 1}}, [1]),
        ({"AND": []}, USERS),
        ({"OR": [{"name": "Ada"}, {"id": 3}]}, [1, 3]),
        ({"OR": []}, []),
        ({"NOT": [{"id": 1}, {"id": 2}]}, [3, 4]),
        ({"NOT": {"age": 36}}, [2]),
        ({"NOT": []}, USERS),
        ({"NOT": [{"OR": [{"id": 1}, {"AND": [{"id": 2}, {"active": True}]}]}]}, [3, 4]),
    ],
    ids=str,
)
async def test_and_or_not(db: Any, where: Any, expected: list[int]) -> None:
    assert await found(db.user, where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"profile": {"is": {"bio": "Countess"}}}, [1]),
        ({"profile": {"is": None}}, [3, 4]),
        ({"profile": {"is_not": None}}, [1, 2]),
        ({"profile": {"is_not": {"bio": "Countess"}}}, [3, 4]),  # Bob's bio is NULL
        ({"manager": {"is": {"name": "Ada"}}}, [2, 3]),
        ({"manager": {"is": {"manager": {"is": {"name": "Ada"}}}}}, [4]),
        ({"manager": None}, [1]),
        ({"profile": {"bio": "Countess"}}, [1]),
    ],
    ids=str,
)
async def test_is_and_is_not(db: Any, where: Any, expected: list[int]) -> None:
    assert await found(db.user, where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"posts": {"some": {"published": False}}}, [2]),
        ({"posts": {"some": {}}}, [1, 2]),
        ({"posts": {"none": {}}}, [3, 4]),
        ({"posts": {"every": {"published": True}}}, [1, 3, 4]),
        ({"posts": {"some": {"comments": {"some": {"author": {"is": {"id": 3}}}}}}}, [1]),
        ({"follows": {"some": {"name": "Ada"}}}, [2]),
        ({"followers": {"none": {}}}, [3]),
        ({"memberships": {"some": {"team": {"is": {"name": "Core"}}, "level": 3}}}, [1]),
        ({"NOT": [{"reports": {"some": {}}}]}, [3, 4]),
    ],
    ids=str,
)
async def test_some_every_and_none(db: Any, where: Any, expected: list[int]) -> None:
    assert await found(db.user, where) == expected


async def test_some_over_an_implicit_many_to_many_relation(db: Any) -> None:
    assert await found(db.post, {"categories": {"some": {"name": "Logic"}}}) == ["p1", "p2"]
    assert await found(db.post, {"categories": {"every": {"name": "Logic"}}}) == ["p2", "p3", "p4"]


async def test_a_list_longer_than_a_statement_may_carry_is_split(db: Any) -> None:
    assert await found(db.user, {"id": {"in": list(range(2, 40_000))}}) == [2, 3, 4]


async def test_an_unknown_field_is_refused_by_its_name(db: Any, errors: Any) -> None:
    with pytest.raises(errors.FieldNotFoundError, match="nothing"):
        await db.user.find_many(where={"nothing": 1})
