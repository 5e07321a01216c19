"""What Prisma has on PostgreSQL only: scalar lists, and paths into JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.engine import JsonForm, JsonRecords

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("world", ["postgres"]),
    pytest.mark.parametrize("database", ["postgresql"]),
]


async def found(model: Any, where: Any) -> list[int]:
    return sorted(record.id for record in await model.find_many(where=where))


async def test_scalar_lists_go_in_and_out(db: Any, package: Any, stored: Any) -> None:
    lists: dict[str, list[Any]] = {
        "strings": ["a", "", "it's", 'q"', "{}", "NULL", "ü,\\"],
        "numbers": [1, -2],
        "bigs": [2**60],
        "ratios": [0.1, -1.5],
        "amounts": [Decimal("1.25")],
        "flags": [True, False],
        "moments": [datetime(2024, 1, 1, tzinfo=UTC)],
        "moods": ["SAD", "HAPPY"],
    }
    blobs = [package.Base64.encode(b"\x00")]
    made = await db.lists.create({**lists, "blobs": blobs, "datas": [package.Json({"a": [1]})]})
    read = await db.lists.find_unique(where={"id": made.id})
    for record in (made, read):
        assert {name: getattr(record, name) for name in lists} == lists
        assert [blob.decode() for blob in record.blobs] == [b"\x00"]
        assert record.datas == [{"a": [1]}]
        assert record.defaults == ["a", "b"]
    assert await stored('SELECT moods::text, numbers FROM "Lists"') == [("{down,HAPPY}", [1, -2])]


async def test_lists_with_nulls_as_json(db: Any, package: Any) -> None:
    made = await db.lists.create({})
    await db.execute_raw(
        "UPDATE \"Lists\" SET moments = ARRAY['2024-01-01', NULL]::timestamp[],"
        " amounts = ARRAY[NULL, 1.25]"
    )
    form = JsonForm({"moments": "moments", "amounts": "amounts"})
    found = await JsonRecords(db, package.models.Lists, form).find_unique({"id": made.id})
    assert found == {
        "moments": ["2024-01-01T00:00:00.000Z", None],
        "amounts": [None, "1.25"],
    }


async def test_scalar_lists_are_empty_by_default(db: Any) -> None:
    made = await db.lists.create({})
    assert (made.strings, made.moods, made.defaults) == ([], [], ["a", "b"])


async def test_list_filters(db: Any) -> None:
    for strings, moods in ((["a", "b"], ["HAPPY"]), (["b"], []), ([], ["SAD", "CALM"])):
        await db.lists.create({"strings": strings, "moods": moods, "numbers": [len(strings)]})
    for where, expected in (
        ({"strings": {"has": "b"}}, [101, 102]),
        ({"strings": {"has_every": ["a", "b"]}}, [101]),
        ({"strings": {"has_some": ["a", "x"]}}, [101]),
        ({"strings": {"is_empty": True}}, [103]),
        ({"strings": {"is_empty": False}}, [101, 102]),
        ({"strings": {"equals": ["b"]}}, [102]),
        ({"moods": {"has": "CALM"}}, [103]),
        ({"moods": {"has_some": ["HAPPY", "SAD"]}}, [101, 103]),
        ({"numbers": {"has": 0}}, [103]),
        ({"NOT": [{"strings": {"has": "a"}}]}, [102, 103]),
    ):
        assert await found(db.lists, where) == expected, where


async def test_filters_of_lists_of_json(db: Any, package: Any) -> None:
    json = package.Json
    for datas in ([{"a": 1}, [1, 2]], ["x"], [], [[1, 2], None], [{"b": 1.5, "a": "ü"}]):
        await db.lists.create({"datas": [json(each) for each in datas]})
    for where, expected in (
        ({"equals": [json({"a": 1}), json([1, 2])]}, [101]),
        ({"equals": [json([1, 2]), json({"a": 1})]}, []),
        ({"equals": [json("x")]}, [102]),
        ({"equals": []}, [103]),
        ({"equals": [json([1, 2]), json(None)]}, [104]),
        ({"equals": [json({"a": "ü", "b": 1.5})]}, [105]),
        ({"has": json([1, 2])}, [101, 104]),
        ({"has_some": [json("x"), json({"a": 1})]}, [101, 102]),
        ({"has_every": [json({"a": 1}), json([1, 2])]}, [101]),
        ({"is_empty": True}, [103]),
    ):
        assert await found(db.lists, {"datas": where}) == expected, where
    for value in (["a", "1"], [{"a": []}], [[]]):
        assert await db.query_raw("SELECT $1::jsonb AS j", json(value)) == [{"j": value}]


async def test_list_set_and_push(db: Any, stored: Any) -> None:
    await db.lists.create({"strings": ["a"], "numbers": [1]})
    where = {"id": 101}
    pushed = await db.lists.update(
        where=where, data={"strings": {"push": ["b", "c"]}, "numbers": {"push": [2]}}
    )
    assert (pushed.strings, pushed.numbers) == (["a", "b", "c"], [1, 2])
    changed = await db.lists.update(
        where=where, data={"strings": {"set": []}, "moods": {"push": ["CALM"]}, "numbers": [7]}
    )
    assert (changed.strings, changed.moods, changed.numbers) == ([], ["CALM"], [7])
    assert await stored('SELECT strings, numbers FROM "Lists"') == [([], [7])]


async def test_json_filters_with_a_path(db: Any, package: Any) -> None:
    json = package.Json
    for body in (
        {"name": "spec", "size": 3, "tags": ["x", "y"], "deep": {"list": [{"k": "v"}]}},
        {"name": "Other", "size": 10, "tags": []},
        [1, 2],
    ):
        await db.document.create({"title": "t", "body": json(body)})
    for where, expected in (
        ({"path": ["name"], "equals": json("spec")}, [101]),
        ({"path": ["size"], "gt": json(3)}, [102]),
        ({"path": ["size"], "gte": json(3), "lt": json(10)}, [101]),
        ({"path": ["deep", "list", "0", "k"], "equals": json("v")}, [101]),
        ({"path": ["name"], "string_contains": "pe"}, [101]),
        ({"path": ["name"], "string_starts_with": "O"}, [102]),
        ({"path": ["name"], "string_ends_with": "er"}, [102]),
        ({"path": ["tags"], "array_contains": json(["y"])}, [101]),
        ({"path": ["tags"], "array_starts_with": json("x")}, [101]),
        ({"path": ["tags"], "array_ends_with": json("y")}, [101]),
        ({"equals": json([1, 2])}, [103]),
    ):
        assert await found(db.document, {"body": where}) == expected, where
