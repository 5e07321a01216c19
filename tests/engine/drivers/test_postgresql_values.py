"""Values by the server's types: arguments of statements, and the columns of raw queries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from backend.engine.datasource import make_driver
from backend.engine.drivers.driver import Driver
from backend.engine.errors import DriverError, user_facing
from tests.engine.drivers.programs import execute, query
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def driver(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Driver]:
    database = postgres_server.create_database()
    folder = tmp_path_factory.mktemp("schema")
    driver = make_driver(postgres_server.url(database), folder=folder)
    await driver.connect()
    for sql in (
        "CREATE EXTENSION citext",
        "CREATE TYPE mood AS ENUM ('calm', 'very wild')",
        "CREATE DOMAIN small AS integer CHECK (value < 10)",
    ):
        await driver.run(execute(sql), reads_only=False, atomic=False)
    yield driver
    await driver.close()
    postgres_server.drop_database(database)


EAST = timezone(timedelta(hours=2))
STAMP = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
UUID = "6f1c1a66-4a5f-4b63-8f0d-0b5c1d2e3f40"


@pytest.mark.parametrize(
    ("type_", "value", "scalar", "shown"),
    [
        # protocol values
        ("int4", 7, "int", "7"),
        ("int4", "7", "bigint", "7"),
        ("int4", 7.0, "int", "7"),
        ("int8", "9007199254740993", "bigint", "9007199254740993"),
        ("int2", True, "boolean", "1"),
        ("small", 7, "int", "7"),
        ("oid", 7, "int", "7"),
        ("oid", -1, "int", "4294967295"),
        ("oid", -(2**31), "int", "2147483648"),
        ("float8", 7, "int", "7"),
        ("float8", "0.1", "float", "0.1"),
        ("float8", Decimal("0.1"), "decimal", "0.1"),
        ("float4", 0.1, "float", "0.1"),
        ("numeric", "1.50", "decimal", "1.50"),
        ("numeric", Decimal("1E+2"), "decimal", "100"),
        ("numeric", 0.1, "float", "0.1"),
        ("numeric", 7, "int", "7"),
        ("money", Decimal("1E+2"), "decimal", "$100.00"),
        ("bool", True, "boolean", "true"),
        ("bool", "false", "string", "false"),
        ("bool", 1, "int", "true"),
        ("timestamp", "2026-01-02T03:04:05.678Z", "datetime", "2026-01-02 03:04:05.678"),
        ("timestamp", "2026-01-02T05:04:05.678+02:00", "datetime", "2026-01-02 03:04:05.678"),
        ("timestamp", "2026-01-02T03:04:05.678999Z", "datetime", "2026-01-02 03:04:05.678"),
        ("timestamp", "2026-01-02", "datetime", "2026-01-02 00:00:00"),
        ("timestamp", STAMP, "datetime", "2026-01-02 03:04:05.678"),
        ("timestamp", STAMP.astimezone(EAST), "datetime", "2026-01-02 03:04:05.678"),
        ("timestamptz", "2026-01-02T03:04:05.678Z", "datetime", "2026-01-02 03:04:05.678+00"),
        ("timestamptz", STAMP.astimezone(EAST), "datetime", "2026-01-02 03:04:05.678+00"),
        ("date", "2026-01-02T23:59:59Z", "datetime", "2026-01-02"),
        ("date", STAMP, "datetime", "2026-01-02"),
        ("time", "1970-01-01T03:04:05.678Z", "datetime", "03:04:05.678"),
        ("time", "03:04:05", "string", "03:04:05"),
        ("timetz", STAMP, "datetime", "03:04:05.678+00"),
        ("timetz", "03:04:05+02:00", "string", "03:04:05+02"),
        ("text", STAMP, "datetime", "2026-01-02 03:04:05.678"),
        ("text", "2026-01-02T03:04:05Z", "datetime", "2026-01-02 03:04:05"),
        ("text", 7, "int", "7"),
        ("text", 1.0, "float", "1"),
        ("text", True, "boolean", "true"),
        ("text", Decimal("1E+2"), "decimal", "100"),
        ("jsonb", '{"a":1}', "json", '{"a": 1}'),
        ("jsonb", 1.5, "float", "1.5"),
        ("json", [1, "é"], "json", '[1,"é"]'),
        ("bytea", "AP8=", "bytes", "\\x00ff"),
        ("bytea", b"\x00\xff", "bytes", "\\x00ff"),
        ("bytea", "\\x00ff", "string", "\\x00ff"),
        ("bytea", "abc", "string", "\\x616263"),
        ("uuid", UUID.upper(), "string", UUID),
        ("inet", "10.0.0.1/24", "string", "10.0.0.1/24"),
        ("cidr", "10.0.0.0/24", "string", "10.0.0.0/24"),
        ("varbit", "101", "string", "101"),
        ("interval", "1 day 2 hours", "string", "1 day 02:00:00"),
        ("point", "(1,2)", "string", "(1,2)"),
        ("citext", "A", "string", "A"),
        ("mood", "very wild", "string", "very wild"),
        ("int4[]", [1, None, 3], "int", "{1,NULL,3}"),
        ("int4[]", (1, 2), "int", "{1,2}"),
        ("int4[]", [[1, 2], [3, 4]], "int", "{{1,2},{3,4}}"),
        ("text[]", [], "string", "{}"),
        ("mood[]", ["calm", "very wild"], "string", '{calm,"very wild"}'),
        ("uuid[]", [UUID], "string", "{" + UUID + "}"),
        ("bytea[]", ["AP8="], "bytes", r'{"\\x00ff"}'),
        ("float4[]", [0.1], "float", "{0.1}"),
        ("timestamp[]", ["2026-01-02T03:04:05Z"], "datetime", '{"2026-01-02 03:04:05"}'),
        # values that another statement fetched
        ("timestamp", datetime(2026, 1, 2, 3, 4, 5, 678_999), "datetime",
         "2026-01-02 03:04:05.678999"),
        ("timestamptz", STAMP.replace(microsecond=678_999), "datetime",
         "2026-01-02 03:04:05.678999+00"),
        ("timestamptz", datetime(2026, 1, 2), "datetime", "2026-01-02 00:00:00+00"),
        ("timestamp", date(2026, 1, 2), "datetime", "2026-01-02 00:00:00"),
        ("date", date(2026, 1, 2), "datetime", "2026-01-02"),
        ("time", time(3, 4, 5, 678_999), "datetime", "03:04:05.678999"),
        ("timetz", time(3, 4, 5, tzinfo=EAST), "datetime", "03:04:05+02"),
    ],
)  # fmt: skip
async def test_an_argument_is_written_as_the_servers_type(
    driver: Driver, type_: str, value: Any, scalar: str, shown: str
) -> None:
    start = query(f"SELECT $1::{type_}::text", value, scalars=[scalar])
    rows = await driver.run(start, reads_only=True, atomic=False)
    assert [tuple(record) for record in rows.records] == [(shown,)]


@pytest.mark.parametrize(
    ("type_", "value", "scalar", "code"),
    [
        ("int4", 1.5, "float", "P2007"),
        ("int4", "x", "string", "P2007"),
        ("int4", [1], "int", "P2007"),
        ("int4", 2**31, "bigint", "P2020"),
        ("int8", 2**63, "bigint", "P2020"),
        ("numeric", "x", "decimal", "P2007"),
        ("bool", "maybe", "string", "P2007"),
        ("timestamp", "yesterday", "datetime", "P2007"),
        ("timestamp", "2026-02-30T00:00:00Z", "datetime", "P2007"),
        ("timestamp", 7, "int", "P2007"),
        ("bytea", "not base64!", "bytes", "P2007"),
        ("uuid", "x", "string", "P2007"),
        ("mood", "sad", "string", "P2007"),
        ("int4[]", 1, "int", "P2007"),
        ("text", "\ud800", "string", "P2007"),
    ],
)
async def test_an_unsuitable_argument_is_refused(
    driver: Driver, type_: str, value: Any, scalar: str, code: str
) -> None:
    start = query(f"SELECT $1::{type_}::text", value, scalars=[scalar])
    with pytest.raises(DriverError) as raised:
        await driver.run(start, reads_only=True, atomic=False)
    assert user_facing(raised.value).code == code


@pytest.mark.parametrize(
    ("expression", "name", "value"),
    [
        ("1::int2", "int", 1),
        ("1::int4", "int", 1),
        ("1::small", "int", 1),
        ("9007199254740993::int8", "bigint", "9007199254740993"),
        ("1::oid", "bigint", "1"),
        ("0.1::float4", "float", 0.1),
        ("0.1::float8", "double", 0.1),
        ("1.50::numeric", "decimal", "1.50"),
        ("1e20::numeric", "decimal", "100000000000000000000"),
        ("'-1234.5'::money", "decimal", "-1234.50"),
        ("true", "bool", True),
        ("'a'::text", "string", "a"),
        ("'a'::varchar", "string", "a"),
        ("'a'::char(3)", "string", "a  "),
        ("'a'::name", "string", "a"),
        ("'a'::citext", "string", "a"),
        ("'calm'::mood", "string", "calm"),
        ("'a'::\"char\"", "char", "a"),
        ("'10.0.0.1/24'::inet", "string", "10.0.0.1/24"),
        ("'10.0.0.1'::inet", "string", "10.0.0.1"),
        ("'10.0.0.0/24'::cidr", "string", "10.0.0.0/24"),
        ("B'101'", "string", "101"),
        ("B'101'::varbit", "string", "101"),
        (f"'{UUID}'::uuid", "uuid", UUID),
        ("'\\x00ff'::bytea", "bytes", "AP8="),
        ("'{\"a\": [1]}'::jsonb", "json", {"a": [1]}),
        ("'\"x\"'::json", "json", "x"),
        ("'2026-01-02'::date", "date", "2026-01-02"),
        ("'03:04:05.120'::time", "time", "03:04:05.12"),
        ("'03:04:05+02'::timetz", "time", "03:04:05"),
        ("'2026-01-02 03:04:05.120'::timestamp", "datetime", "2026-01-02T03:04:05.12+00:00"),
        ("'2026-01-02 03:04:00+02'::timestamptz", "datetime", "2026-01-02T01:04:00+00:00"),
        ("ARRAY[1, NULL, 3]", "int-array", [1, None, 3]),
        ("ARRAY[[1], [2]]::int8[]", "bigint-array", [["1"], ["2"]]),
        ("ARRAY[0.1]::float4[]", "float-array", [0.1]),
        ("ARRAY['a', NULL]", "string-array", ["a", None]),
        ("ARRAY['calm']::mood[]", "string-array", ["calm"]),
        ("ARRAY['{}']::jsonb[]", "json-array", [{}]),
        ("ARRAY['\\xff']::bytea[]", "bytes-array", ["/w=="]),
        ("ARRAY['2026-01-02']::date[]", "date-array", ["2026-01-02"]),
        (f"ARRAY['{UUID}']::uuid[]", "uuid-array", [UUID]),
        ("NULL::int4", "int", None),
        ("NULL", "string", None),
    ],
)
async def test_a_column_of_a_raw_query_has_its_name_and_value(
    driver: Driver, expression: str, name: str, value: Any
) -> None:
    rows = await driver.run(
        query(f"SELECT {expression} AS x", raw=True), reads_only=True, atomic=False
    )
    assert (rows.columns, rows.types, rows.records) == (("x",), (name,), [[value]])


@pytest.mark.parametrize(
    ("expression", "type_"),
    [("'1 day'::interval", "interval"), ("'(1,2)'::point", "point"), ("ROW(1, 2)", "record")],
)
async def test_a_type_that_prisma_does_not_know_is_refused(
    driver: Driver, expression: str, type_: str
) -> None:
    with pytest.raises(DriverError) as raised:
        await driver.run(query(f"SELECT {expression}", raw=True), reads_only=True, atomic=False)
    assert raised.value.kind == "UnsupportedNativeDataType"
    assert raised.value.facts == {"type": type_}


async def test_one_raw_statement_takes_values_of_different_types(driver: Driver) -> None:
    for value, scalar, shown in (
        ("a", "string", "a"),
        (STAMP, "datetime", "2026-01-02 03:04:05.678"),
    ):
        start = query("SELECT $1 || ''", value, scalars=[scalar], raw=True)
        rows = await driver.run(start, reads_only=True, atomic=False)
        assert rows.records == [[shown]]


async def test_fetched_values_can_be_keys_and_arguments(driver: Driver) -> None:
    """A plan joins in memory: what one statement fetched goes into the next."""
    types = (
        "uuid",
        "timestamp",
        "timestamptz",
        "date",
        "numeric",
        "bytea",
        "inet",
        "float4",
        "time",
    )
    literals = (UUID, "2026-01-02 03:04:05.678999", "2026-01-02 03:04:05+02", "2026-01-02", "1.50",
                "\\xff", "10.0.0.1", "0.1", "03:04:05.678")  # fmt: skip
    listed = ", ".join(f"'{text}'::{type_}" for type_, text in zip(types, literals, strict=True))
    rows = await driver.run(query(f"SELECT {listed}"), reads_only=True, atomic=False)
    for type_, value in zip(types, rows.records[0], strict=True):
        literal = literals[types.index(type_)]
        again = query(f"SELECT $1::{type_} = '{literal}'::{type_}, $1::{type_}", value)
        found = (await driver.run(again, reads_only=True, atomic=False)).records[0]
        assert found[0] is True, type_
        assert {found[1]: type_} == {value: type_}
