"""Values of every scalar type go into SQLite and come back, and lie there as Prisma lays them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.engine import in_process
from tests.engine.sqlite_types import stored

pytestmark = pytest.mark.anyio

MOMENT = datetime(2026, 11, 23, 4, 5, 6, 789000, tzinfo=UTC)

# field, what is given, what the client gets back, what SQLite holds
VALUES: list[tuple[str, Any, Any, Any]] = [
    ("text", "", "", ""),
    ("text", "naïve \U0001f4f9 'quoted' \"\n", "naïve \U0001f4f9 'quoted' \"\n", ...),
    ("text", "nul \x00 inside", "nul \x00 inside", ...),
    ("text", "x" * 100_000, "x" * 100_000, ...),
    ("whole", 0, 0, 0),
    ("whole", -(2**31), -(2**31), -(2**31)),
    ("whole", 2**31 - 1, 2**31 - 1, 2**31 - 1),
    ("big", 2**63 - 1, 2**63 - 1, 2**63 - 1),
    ("big", -(2**63), -(2**63), -(2**63)),
    ("real", 0.1, 0.1, 0.1),
    ("real", 3, 3.0, 3.0),
    ("real", 1.7976931348623157e308, 1.7976931348623157e308, 1.7976931348623157e308),
    ("exact", Decimal("1.10"), Decimal("1.1"), 1.1),
    ("exact", Decimal("12"), Decimal("12"), 12),
    ("yes", True, True, 1),
    ("yes", False, False, 0),
    ("moment", MOMENT, MOMENT, "2026-11-23T04:05:06.789+00:00"),
    ("moment", MOMENT.replace(microsecond=789999), MOMENT, "2026-11-23T04:05:06.789+00:00"),
    ("moment", MOMENT.replace(tzinfo=None), MOMENT, "2026-11-23T04:05:06.789+00:00"),
    (
        "moment",
        MOMENT.astimezone(timezone(timedelta(hours=-7))),
        MOMENT,
        "2026-11-23T04:05:06.789+00:00",
    ),
    ("moment", datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), ...),
    ("mood", "WILD", "WILD", "very wild"),
    ("mood", "CALM", "CALM", "CALM"),
]


@pytest.mark.parametrize(("field", "given", "back", "held"), VALUES)
async def test_round_trip(
    db: Any, sqlite_file: Path, field: str, given: Any, back: Any, held: Any
) -> None:
    created = await db.everything.create({field: given})
    assert getattr(created, field) == back
    found = await db.everything.find_unique(where={"id": created.id})
    assert getattr(found, field) == back
    assert type(getattr(found, field)) is type(back)
    by_value = await db.everything.find_many(where={field: given})
    assert [one.id for one in by_value] == [created.id]
    if held is not ...:
        assert stored(sqlite_file, f'SELECT "{field}" FROM everything') == [(held,)]


@pytest.mark.parametrize("value", [b"", b"\x00\xff" * 1000])
async def test_bytes_round_trip(db: Any, everything: Any, sqlite_file: Path, value: bytes) -> None:
    created = await db.everything.create({"bytes": everything.Base64.encode(value)})
    assert created.bytes.decode() == value
    assert (await db.everything.find_first()).bytes.decode() == value
    assert stored(sqlite_file, "SELECT bytes FROM everything") == [(value,)]


@pytest.mark.parametrize(
    "value", [{"a": [1, 2.5, None, True, "ü"]}, [], "text", 12, 1.5, True, {"deep": {"er": {}}}]
)
async def test_json_round_trips(db: Any, everything: Any, value: Any) -> None:
    created = await db.everything.create({"data": everything.Json(value)})
    assert created.data == value
    found = await db.everything.find_first()
    assert found.data == value
    assert json.loads(json.dumps(found.data)) == value


async def test_null_round_trips_in_every_field(db: Any, sqlite_file: Path) -> None:
    created = await db.everything.create({})
    fields = set(type(created).model_fields) - {"id", "parent", "below"}
    assert len(fields) == 12
    assert all(getattr(created, field) is None for field in fields)
    await db.everything.update(where={"id": created.id}, data={"text": "x", "whole": 1})
    updated = await db.everything.update(
        where={"id": created.id}, data={"text": None, "whole": None}
    )
    assert (updated.text, updated.whole) == (None, None)
    assert stored(sqlite_file, "SELECT text, whole FROM everything") == [(None, None)]


@pytest.mark.parametrize(
    ("held", "back"),
    [
        (1_795_406_706_789, datetime(2026, 11, 23, 4, 5, 6, 789000, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("2026-11-23 04:05:06", MOMENT.replace(microsecond=0)),
        ("2026-11-23T04:05:06.789Z", MOMENT),
        ("2026-11-23T06:05:06.789123+02:00", MOMENT),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
async def test_dates_that_others_wrote_are_read(
    db: Any, sqlite_file: Path, held: Any, back: datetime
) -> None:
    """Integer milliseconds of Prisma's native engine, CURRENT_TIMESTAMP, ISO 8601 in its forms."""
    with contextlib.closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute("INSERT INTO everything (moment) VALUES (?)", [held])
    assert (await db.everything.find_first()).moment == back


async def test_a_database_of_the_native_engine_is_written_in_its_own_format(
    everything: Any, sqlite_file: Path
) -> None:
    url = f"file:{sqlite_file}?timestamp_format=unixepoch-ms"
    async with in_process(everything.Prisma)(datasource={"url": url}) as db:
        await db.everything.create({"moment": MOMENT})
        assert stored(sqlite_file, "SELECT moment FROM everything") == [(1_795_406_706_789,)]
        later = await db.everything.find_many(where={"moment": {"gte": MOMENT}})
        assert [one.moment for one in later] == [MOMENT]


@pytest.mark.parametrize(
    ("column", "held"), [("moment", "soon"), ("whole", "many"), ("yes", "maybe"), ("mood", "odd")]
)
async def test_what_does_not_fit_its_type_is_named(
    db: Any, everything: Any, sqlite_file: Path, column: str, held: str
) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_file)) as connection, connection:
        connection.execute(f'INSERT INTO everything ("{column}") VALUES (?)', [held])
    with pytest.raises(everything.errors.DataError, match=held) as raised:
        await db.everything.find_first()
    assert raised.value.code == "P2023"
