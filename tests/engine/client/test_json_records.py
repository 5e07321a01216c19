"""Records as JSON has them: the same values as the models, under the keys that a form names."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.engine import JsonForm, JsonRecords, in_process
from tests.engine.client.test_types import values
from tests.statements import statements

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("world", ["types"])]

FIELDS = ("text", "number", "big", "ratio", "amount", "flag", "moment", "data", "blob", "color")
FORM = JsonForm(
    {"id": "key"}
    | {field: field.upper() for field in FIELDS}
    | {f"{field}Opt": f"{field}_opt" for field in FIELDS}
)

CASES: list[tuple[str, Any, Any]] = [
    ("text", 'ü "x" \\', 'ü "x" \\'),
    ("number", -(2**31), -(2**31)),
    ("big", 2**53 + 1, 2**53 + 1),
    ("ratio", 0.1, 0.1),
    ("amount", Decimal("12.34"), "12.34"),
    ("flag", False, False),
    ("moment", datetime(2024, 2, 29, 23, 59, 59, 120000, tzinfo=UTC), "2024-02-29T23:59:59.120Z"),
    ("moment", datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00.000Z"),
    ("color", "BLUE", "BLUE"),
]


@pytest.mark.parametrize(("field", "value", "shown"), CASES, ids=lambda each: str(each)[:30])
async def test_every_type_is_a_value_of_json(
    db: Any, package: Any, field: str, value: Any, shown: Any
) -> None:
    made = await db.scalars.create(values(package, **{field: value}))
    records = JsonRecords(db, package.models.Scalars, FORM)

    record = await records.find_unique({"id": made.id})

    assert record is not None
    assert list(record) == list(FORM.keys.values())
    assert record["key"] == made.id
    assert record[field.upper()] == shown
    assert record[f"{field}_opt"] is None
    assert json.loads(json.dumps(record)) == record
    assert await records.find_many(where={"id": made.id}) == [record]


async def test_dates_of_other_tools_are_shown_alike(db: Any, package: Any, database: str) -> None:
    made = await db.scalars.create(values(package))
    records = JsonRecords(db, package.models.Scalars, JsonForm({"moment": "moment"}))
    for written, shown in (
        ("2024-05-06 07:08:09", "2024-05-06T07:08:09.000Z"),
        ("2024-05-06T07:08:09.123+00:00", "2024-05-06T07:08:09.123Z"),
        ("2024-05-06T07:08:09.12", "2024-05-06T07:08:09.120Z"),
    ):
        await db.execute_raw(f"UPDATE \"Scalars\" SET moment = '{written}' WHERE id = {made.id}")
        assert await records.find_unique({"id": made.id}) == {"moment": shown}
    if database == "sqlite":  # as Prisma's native engine wrote them, and in another zone
        for value, shown in (
            ("1714979289123", "2024-05-06T07:08:09.123Z"),
            ("'2024-05-06T09:08:09.123+02:00'", "2024-05-06T07:08:09.123Z"),
        ):
            await db.execute_raw(f'UPDATE "Scalars" SET moment = {value} WHERE id = {made.id}')
            assert await records.find_unique({"id": made.id}) == {"moment": shown}


async def test_objects_and_lists_of_a_form(db: Any, package: Any) -> None:
    form = JsonForm(
        {"textOpt": "none", "others": "others", "text": "said", "id": "key"},
        objects=("text", "textOpt"),
        lists=("others",),
    )
    made = await db.scalars.create(values(package, text='{"a": [1.5, "x"]}'))
    empty = await db.scalars.create(values(package, text=""))
    records = JsonRecords(db, package.models.Scalars, form)
    first, second = await records.find_many(order={"id": "asc"})
    assert first == {"none": {}, "others": [], "said": {"a": [1.5, "x"]}, "key": made.id}
    assert second == {"none": {}, "others": [], "said": {}, "key": empty.id}
    assert list(first) == list(form.keys.values())
    first["others"].append(1)
    assert second["others"] == []


async def test_pages_and_order_are_those_of_find_many(db: Any, package: Any) -> None:
    for number in range(5):
        await db.scalars.create(values(package, number=number))
    records = JsonRecords(db, package.models.Scalars, JsonForm({"number": "n"}))
    found = await records.find_many(
        where={"number": {"gt": 0}}, order=[{"number": "desc"}], take=2, skip=1
    )
    assert found == [{"n": 3}, {"n": 2}]


async def test_only_what_the_form_names_is_read(
    package: Any, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = in_process(package.Prisma)(datasource={"url": url}, log_queries=True)
    async with client as db:
        await store(db, ["a", "b"])
        records = JsonRecords(db, package.models.Mapped, JsonForm({"key": "id"}))
        with caplog.at_level(logging.INFO):
            assert await records.find_unique({"key": "a"}) == {"id": "a"}
            assert await records.find_many(order={"select": "desc"}, take=1) != []
    reads = [text for each in caplog.records if (text := each.getMessage()).startswith("SELECT")]
    assert len(reads) == 2
    assert all("the key" in text and "group" not in text for text in reads)


async def test_errors_and_transactions_are_those_of_the_client(
    db: Any, package: Any, errors: Any
) -> None:
    form = JsonForm({"text": "text"})
    async with db.tx() as transaction:
        made = await transaction.scalars.create(values(package, text="inside"))
        inside = JsonRecords(transaction, package.models.Scalars, form)
        assert await inside.find_unique({"id": made.id}) == {"text": "inside"}
    with pytest.raises(errors.FieldNotFoundError):
        await JsonRecords(db, package.models.Scalars, form).find_unique({"nope": 1})


KEYED = JsonForm({"group": "note", "key": "id"})


async def store(db: Any, keys: Iterable[str]) -> None:
    await db.mapped.create_many([{"key": key, "select": 1, "group": key.upper()} for key in keys])


async def test_finds_of_one_turn_are_one_query(db: Any, package: Any) -> None:
    keys = [f"user {number}" for number in range(70)]
    await store(db, keys)
    records = JsonRecords(db, package.models.Mapped, KEYED)
    before = await statements(db)

    found = await asyncio.gather(
        *(records.find_unique({"key": key}) for key in [*keys, keys[0], keys[69]])
    )

    assert found[:70] == [{"note": key.upper(), "id": key} for key in keys]
    assert found[70:] == [found[0], found[69]]
    assert found[71] is not found[69], "each caller may change its own"
    assert await statements(db) - before == 2, "64 at once"


async def test_a_cancelled_find_leaves_the_others(db: Any, package: Any) -> None:
    await store(db, ["a"])
    records = JsonRecords(db, package.models.Mapped, KEYED)
    tasks = [asyncio.create_task(records.find_unique({"key": key})) for key in ("a", "a", "b")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [{"note": "A", "id": "a"}, None]


async def test_a_value_that_is_refused_fails_alone(db: Any, package: Any, errors: Any) -> None:
    await store(db, ["a"])
    records = JsonRecords(db, package.models.Mapped, KEYED)
    no_utf8 = "\ud800"
    outcomes = await asyncio.gather(
        *(records.find_unique({"key": key}) for key in ("a", no_utf8, "b")),
        return_exceptions=True,
    )
    assert outcomes[0] == {"note": "A", "id": "a"}
    assert isinstance(outcomes[1], errors.DataError)
    assert outcomes[2] is None
