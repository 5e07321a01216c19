"""Records as JSON has them: the same values as the models, under the keys that a form names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from backend.engine import JsonForm, JsonRecords
from tests.engine.client.test_types import values

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


async def test_pages_and_order_are_those_of_find_many(db: Any, package: Any) -> None:
    for number in range(5):
        await db.scalars.create(values(package, number=number))
    records = JsonRecords(db, package.models.Scalars, JsonForm({"number": "n"}))
    found = await records.find_many(
        where={"number": {"gt": 0}}, order=[{"number": "desc"}], take=2, skip=1
    )
    assert found == [{"n": 3}, {"n": 2}]


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
