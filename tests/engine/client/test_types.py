"""Values of every type, in and out, and every default."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("world", ["types"])]

CASES: list[tuple[str, Any]] = [
    ("text", ""),
    ("text", "ünï 😀 'single' \"double\" \\ % _ \n\t\x01"),
    ("text", "x" * 100_000),
    ("number", 0),
    ("number", 2**31 - 1),
    ("number", -(2**31)),
    ("big", 2**63 - 1),
    ("big", -(2**63)),
    ("big", 2**53 + 1),
    ("ratio", 0.1),
    ("ratio", -1e300),
    ("ratio", 5e-324),
    ("ratio", 3.0),
    ("amount", Decimal("12.34")),
    ("amount", Decimal("-0.000001")),
    ("amount", Decimal("0")),
    ("flag", True),
    ("flag", False),
    ("moment", datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)),
    ("moment", datetime(1969, 12, 31, 23, 59, 59, 1000, tzinfo=UTC)),
    ("moment", datetime(9999, 12, 31, tzinfo=UTC)),
    ("color", "RED"),
    ("color", "BLUE"),
]
JSONS: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "",
    'ü "quoted" \\',
    [],
    {},
    {"a": [1, None, {"b": "c"}], "": "empty", "ü": 1e-7},
]
BLOBS = [b"", b"\x00", b"\x00\xff\xfe", bytes(range(256))]


def values(package: Any, **given: Any) -> dict[str, Any]:
    return {
        "text": "t",
        "number": 1,
        "big": 1,
        "ratio": 1.0,
        "amount": Decimal(1),
        "flag": True,
        "moment": datetime(2024, 1, 1, tzinfo=UTC),
        "data": package.Json({}),
        "blob": package.Base64.encode(b""),
        "color": "RED",
        **given,
    }


@pytest.mark.parametrize(("field", "value"), CASES, ids=lambda value: str(value)[:40])
async def test_scalars_go_in_and_out(db: Any, package: Any, field: str, value: Any) -> None:
    made = await db.scalars.create(values(package, **{field: value, f"{field}Opt": value}))
    found = await db.scalars.find_first(where={"id": made.id, field: value, f"{field}Opt": value})
    for record in (made, found):
        for name in (field, f"{field}Opt"):
            assert getattr(record, name) == value
            assert type(getattr(record, name)) is type(value) or field == "color"


@pytest.mark.parametrize("value", JSONS, ids=repr)
async def test_json_goes_in_and_out(db: Any, package: Any, value: Any) -> None:
    json = package.Json(value)
    made = await db.scalars.create(values(package, data=json, dataOpt=json))
    found = await db.scalars.find_unique(where={"id": made.id})
    assert (made.data, found.data, found.dataOpt) == (value, value, value)
    assert await db.scalars.count(where={"data": {"equals": json}}) == 1


@pytest.mark.parametrize("value", BLOBS, ids=repr)
async def test_bytes_go_in_and_out(db: Any, package: Any, value: bytes) -> None:
    blob = package.Base64.encode(value)
    made = await db.scalars.create(values(package, blob=blob, blobOpt=blob))
    found = await db.scalars.find_first(where={"blob": blob})
    for record in (made, found):
        assert (record.blob.decode(), record.blobOpt.decode()) == (value, value)


async def test_optional_fields_hold_null(db: Any, package: Any, stored: Any) -> None:
    optional = ("text", "number", "big", "ratio", "amount", "flag", "moment", "blob", "color")
    nulls = {f"{name}Opt": None for name in optional}
    made = await db.scalars.create(values(package, **nulls))
    assert {getattr(made, name) for name in nulls} == {None}
    filled = {f"{name}Opt": value for name, value in values(package).items()}
    await db.scalars.update(where={"id": made.id}, data=filled)
    emptied = await db.scalars.update(where={"id": made.id}, data=nulls)
    assert {getattr(emptied, name) for name in nulls} == {None}
    assert await db.scalars.count(where=dict.fromkeys(nulls)) == 1
    columns = ", ".join(f'"{name}"' for name in nulls)
    assert await stored(f'SELECT {columns} FROM "Scalars"') == [(None,) * len(nulls)]


async def test_dates_are_utc_in_milliseconds(db: Any, package: Any) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    for given, expected in (
        (datetime(2024, 1, 1, 12, 0, 0, 123456), datetime(2024, 1, 1, 12, 0, 0, 123000, UTC)),
        (datetime(2024, 1, 1, tzinfo=east), datetime(2023, 12, 31, 18, 30, tzinfo=UTC)),
    ):
        made = await db.scalars.create(values(package, moment=given))
        assert made.moment == expected
        assert made.moment.utcoffset() == timedelta(0)


async def test_enums_are_stored_under_their_mapped_names(
    db: Any, package: Any, stored: Any
) -> None:
    for color in ("RED", "GREEN", "BLUE"):
        await db.scalars.create(values(package, color=color))
    assert await stored('SELECT color FROM "Scalars" ORDER BY id') == [
        ("RED",),
        ("green",),
        ("deep blue",),
    ]
    assert await db.scalars.count(where={"color": {"in": ["GREEN", "BLUE"]}}) == 2
    made = await db.scalars.create(values(package, color=package.enums.Color.GREEN))
    assert made.color == package.enums.Color.GREEN


async def test_values_of_another_type_are_refused(db: Any, package: Any, errors: Any) -> None:
    for wrong in ({"number": "1"}, {"number": 2**31}, {"flag": 1}, {"color": "PINK"}, {"text": 1}):
        with pytest.raises(errors.DataError):
            await db.scalars.create(values(package, **wrong))
    assert await db.scalars.count() == 0


async def test_defaults(db: Any, stored: Any) -> None:
    made = await db.defaults.create({})
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-%s[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    formats = {
        "id": uuid % 4,
        "cuid1": r"c[0-9a-z]{24}",
        "cuid2": r"[a-z][0-9a-z]{23}",
        "uuid4": uuid % 4,
        "uuid7": uuid % 7,
        "ulid": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",
        "nano": r"[0-9A-Za-z_-]{21}",
        "nano10": r"[0-9A-Za-z_-]{10}",
    }
    for name, form in formats.items():
        assert re.fullmatch(form, getattr(made, name)), name
    assert (made.text, made.number, made.big) == ('say "hi"', 42, 9007199254740993)
    assert (made.ratio, made.amount, made.flag) == (1.5, Decimal("12.34"), True)
    assert made.moment == datetime(2020, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert (made.blob.decode(), made.color, made.made, made.note) == (b"hello", "GREEN", 2, None)
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < made.now <= now
    assert made.touched == made.now
    assert await stored('SELECT id, ulid, made FROM "Defaults"') == [(made.id, made.ulid, 2)]


async def test_defaults_differ_from_record_to_record(db: Any) -> None:
    await db.defaults.create_many([{} for _ in range(50)])
    found = await db.defaults.find_many()
    for name in ("id", "cuid1", "cuid2", "uuid4", "uuid7", "ulid", "nano", "nano10"):
        assert len({getattr(record, name) for record in found}) == 50, name
    assert len({record.now for record in found}) == 1  # one query sees one time


async def test_updated_at_moves_with_each_update(db: Any) -> None:
    made = await db.defaults.create({"touched": datetime(2020, 1, 1)})
    assert made.touched == datetime(2020, 1, 1, tzinfo=UTC)
    updated = await db.defaults.update(where={"id": made.id}, data={"note": "x"})
    assert updated.touched > datetime(2024, 1, 1, tzinfo=UTC)
    assert updated.now == made.now
    await db.defaults.update_many(where={}, data={"touched": datetime(2020, 1, 1)})
    await db.defaults.update_many(where={}, data={"note": "y"})
    assert (await db.defaults.find_first()).touched > datetime(2024, 1, 1, tzinfo=UTC)


async def test_mapped_names(db: Any, stored: Any) -> None:
    made = await db.mapped.create(
        {"key": "k", "select": 1, "group": "g", "parts": {"create": [{}, {}]}},
        include={"parts": True},
    )
    assert [part.owner for part in made.parts] == ["k", "k"]
    assert await stored('SELECT "the key", "select", "group" FROM "weird table"') == [("k", 1, "g")]
    assert await stored('SELECT "part id", "owner\'s key" FROM "order" ORDER BY 1') == [
        (101, "k"),
        (102, "k"),
    ]
    assert await db.part.count(where={"whole": {"is": {"group": "g"}}}) == 2
