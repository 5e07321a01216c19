"""Every type that Prisma maps on PostgreSQL, in and out through the generated client.

A case is a value given, the value that comes back (the same, unless it is named), and what psql
shows of the stored one. Of xml only NULL is tried: the tests' PostgreSQL is built without libxml.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from backend.engine import in_process
from tests.engine.generated import generated_package
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SCHEMAS = Path(__file__).with_name("schemas")

SAME: Any = object()


class Case(NamedTuple):
    field: str
    given: Any
    stored: str
    read: Any = SAME


def moment(*parts: int, zone: timezone = UTC) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


class Json(NamedTuple):
    data: Any


class Base64(NamedTuple):
    data: bytes


UUID = "6f1c1a66-4a5f-4b63-8f0d-0b5c1d2e3f40"
EAST = timezone(timedelta(hours=5, minutes=30))
LONG_NUMBER = "12345678901234567890123456789012345.123456789012345678901234567891"

SCALARS = [
    Case("text", "", ""),
    Case("text", "naïve 日本 😀 'quoted' \\ \n\t", "naïve 日本 😀 'quoted' \\ \n\t"),
    Case("text", "x" * 100_000, "x" * 100_000),
    Case("varchar", "ten chars!", "ten chars!"),
    Case("char", "ab", "ab", "ab   "),
    Case("citext", "MiXed", "MiXed"),
    Case("bit", "1010", "1010"),
    Case("varbit", "101", "101"),
    Case("varbit", "", ""),
    Case("uuid", UUID, UUID),
    Case("uuid", UUID.upper(), UUID, UUID),
    Case("inet", "192.168.1.7", "192.168.1.7/32"),
    Case("inet", "10.0.0.1/24", "10.0.0.1/24"),
    Case("inet", "2001:db8::1", "2001:db8::1/128"),
    Case("inet", "::ffff:1.2.3.4", "::ffff:1.2.3.4/128"),
    Case("integer", 2**31 - 1, "2147483647"),
    Case("integer", -(2**31), "-2147483648"),
    Case("smallint", -32768, "-32768"),
    Case("oid", 4294967295 // 2, "2147483647"),
    Case("bigint", 2**63 - 1, "9223372036854775807"),
    Case("bigint", -(2**63), "-9223372036854775808"),
    Case("double", 0.1, "0.1"),
    Case("double", -1.7976931348623157e308, "-1.7976931348623157e+308"),
    Case("double", 5e-324, "5e-324"),
    Case("double", 3, "3", 3.0),
    Case("real", 0.1, "0.1"),
    Case("real", 16777216.0, "1.6777216e+07"),
    Case("exact", Decimal("0.1"), "0.100000000000000000000000000000"),
    Case("exact", Decimal(LONG_NUMBER), LONG_NUMBER),
    Case("exact", Decimal("-100"), "-100.000000000000000000000000000000"),
    Case("numeric", Decimal("12345678.90"), "12345678.90", Decimal("12345678.9")),
    Case("numeric", Decimal("0.005"), "0.01", Decimal("0.01")),
    Case("money", Decimal("-1234.50"), "-$1,234.50", Decimal("-1234.5")),
    Case("boolean", True, "true"),
    Case("boolean", False, "false"),
    Case("timestamp", moment(2026, 2, 28, 23, 59, 59, 123_000), "2026-02-28 23:59:59.123"),
    Case(
        "timestamp",
        moment(2026, 2, 28, 23, 59, 59, 123_999),
        "2026-02-28 23:59:59.123",
        moment(2026, 2, 28, 23, 59, 59, 123_000),
    ),
    Case(
        "timestamp",
        moment(2026, 3, 1, 1, 0, zone=EAST),
        "2026-02-28 19:30:00",
        moment(2026, 2, 28, 19, 30),
    ),
    Case("timestamp", moment(1, 1, 2), "0001-01-02 00:00:00"),
    Case("timestamp", moment(9999, 12, 31), "9999-12-31 00:00:00"),
    Case("timestamp6", moment(2026, 1, 2, 3, 4, 5, 678_000), "2026-01-02 03:04:05.678"),
    Case("timestamptz", moment(2026, 1, 2, 3, 4, 5, 678_000), "2026-01-02 03:04:05.678+00"),
    Case(
        "timestamptz",
        moment(2026, 1, 2, 3, 4, zone=EAST),
        "2026-01-01 21:34:00+00",
        moment(2026, 1, 1, 21, 34),
    ),
    Case("date", moment(2026, 2, 28), "2026-02-28"),
    Case("date", moment(2026, 2, 28, 23, 59), "2026-02-28", moment(2026, 2, 28)),
    Case("time", moment(1970, 1, 1, 3, 4, 5, 678_000), "03:04:05.678"),
    Case("time", moment(2026, 1, 2, 3, 4, 5), "03:04:05", moment(1970, 1, 1, 3, 4, 5)),
    Case("timetz", moment(1970, 1, 1, 3, 4, 5, 678_000), "03:04:05.678+00"),
    Case("jsonb", Json({"a": [1, 2.5, None, "é"], "b": {}}), '{"a": [1, 2.5, null, "é"], "b": {}}'),
    Case("jsonb", Json("text"), '"text"'),
    Case("jsonb", Json([]), "[]"),
    Case("jsonText", Json({"b": 1, "a": True}), '{"b":1,"a":true}'),
    Case("bytea", Base64(b""), "\\x"),
    Case("bytea", Base64(bytes(range(256))), "\\x" + bytes(range(256)).hex()),
    Case("color", "RED", "RED"),
    Case("color", "GREEN", "light green"),
]

LISTS = [
    Case("text", [], "{}"),
    Case(
        "text",
        ["", "a b", 'q"uote', "NULL", "{,}", "é\\"],
        r'{"","a b","q\"uote","NULL","{,}","é\\"}',
    ),
    Case("varchar", ["a", "b"], "{a,b}"),
    Case("char", ["ab"], '{"ab   "}', ["ab   "]),
    Case("citext", ["A", "b"], "{A,b}"),
    Case("bit", ["1010", "0000"], "{1010,0000}"),
    Case("varbit", ["1", "01"], "{1,01}"),
    Case("uuid", [UUID], "{" + UUID + "}"),
    Case("inet", ["10.0.0.1/24", "::1"], "{10.0.0.1/24,::1}"),
    Case("integer", [1, -1, 0], "{1,-1,0}"),
    Case("smallint", [1, 2], "{1,2}"),
    Case("oid", [1, 2], "{1,2}"),
    Case("bigint", [2**53 + 1], "{9007199254740993}"),
    Case("double", [0.1, 1e300], "{0.1,1e+300}"),
    Case("real", [0.1], "{0.1}"),
    Case("exact", [Decimal("1.5")], "{1.500000000000000000000000000000}"),
    Case("numeric", [Decimal("1.5"), Decimal(2)], "{1.50,2.00}"),
    Case("money", [Decimal("1.5")], "{$1.50}"),
    Case("boolean", [True, False], "{t,f}"),
    Case("timestamp", [moment(2026, 1, 2, 3)], '{"2026-01-02 03:00:00"}'),
    Case("timestamp6", [moment(2026, 1, 2, 3)], '{"2026-01-02 03:00:00"}'),
    Case("timestamptz", [moment(2026, 1, 2, 3)], '{"2026-01-02 03:00:00+00"}'),
    Case("date", [moment(2026, 1, 2)], "{2026-01-02}"),
    Case("time", [moment(1970, 1, 1, 3)], "{03:00:00}"),
    Case("timetz", [moment(1970, 1, 1, 3)], "{03:00:00+00}"),
    Case("jsonb", [Json({"a": 1}), Json("x")], r'{"{\"a\": 1}","\"x\""}'),
    Case("jsonText", [Json([1])], "{[1]}"),
    Case("bytea", [Base64(b"\x00\xff"), Base64(b"")], r'{"\\x00ff","\\x"}'),
    Case("color", ["RED", "GREEN"], '{RED,"light green"}'),
]


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database()
    postgres_server.psql((SCHEMAS / "native.sql").read_text(), database=name)
    yield name
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def package() -> ModuleType:
    return generated_package((SCHEMAS / "native.prisma").read_text())


@pytest.fixture(scope="module")
async def client(
    package: ModuleType, postgres_server: PostgresServer, database: str
) -> AsyncIterator[Any]:
    client = in_process(package.Prisma)(datasource={"url": postgres_server.url(database)})
    await client.connect()
    yield client
    await client.disconnect()


def given(package: ModuleType, value: Any) -> Any:
    if isinstance(value, list):
        return [given(package, item) for item in value]
    if isinstance(value, Json):
        return package.Json(value.data)
    return package.Base64.encode(value.data) if isinstance(value, Base64) else value


def plain(package: ModuleType, value: Any) -> Any:
    """What the client gives, without its wrappers."""
    if isinstance(value, list):
        return [plain(package, item) for item in value]
    if isinstance(value, Base64):
        return value.data
    if isinstance(value, package.Base64):
        return value.decode()
    return value.data if isinstance(value, Json) else value


def shown(server: PostgresServer, database: str, table: str, id_: int, field: str) -> Any:
    """By psql, as JSON, which keeps line ends and tells null from ''."""
    row = f'SELECT to_json("{field}"::text) FROM "{table}" WHERE id = {id_}'
    return json.loads(server.psql(f"SET TimeZone = 'UTC'; {row}", database=database) or "null")


@pytest.mark.parametrize("case", SCALARS, ids=lambda case: f"{case.field}-{str(case.given)[:20]!a}")
async def test_a_value_round_trips(
    client: Any, package: ModuleType, postgres_server: PostgresServer, database: str, case: Case
) -> None:
    expected = plain(package, case.given if case.read is SAME else case.read)
    value = given(package, case.given)
    created = await client.native.create(data={case.field: value})
    assert plain(package, getattr(created, case.field)) == expected
    assert type(plain(package, getattr(created, case.field))) is type(expected)
    assert shown(postgres_server, database, "native", created.id, case.field) == case.stored
    found = await client.native.find_unique(where={"id": created.id})
    assert found == created
    is_rounded = isinstance(case.given, Decimal) and case.given != expected
    if case.field not in ("jsonText", "real") and not is_rounded:
        wanted = {"equals": value} if isinstance(case.given, Json) else value
        where = {"id": created.id, case.field: wanted}
        assert await client.native.find_first(where=where) == created


@pytest.mark.parametrize("case", LISTS, ids=lambda case: f"{case.field}-{len(case.given)}")
async def test_a_list_round_trips(
    client: Any, package: ModuleType, postgres_server: PostgresServer, database: str, case: Case
) -> None:
    expected = plain(package, case.given if case.read is SAME else case.read)
    value = given(package, case.given)
    created = await client.nativelist.create(data={case.field: {"set": value}})
    assert plain(package, getattr(created, case.field)) == expected
    assert shown(postgres_server, database, "native_list", created.id, case.field) == case.stored
    assert await client.nativelist.find_unique(where={"id": created.id}) == created


async def test_null_round_trips_in_every_field(client: Any) -> None:
    created = await client.native.create(data={})
    found = await client.native.find_unique(where={"id": created.id})
    assert set(found.model_dump(exclude={"id"}).values()) == {None}


async def test_a_list_that_was_never_set_is_empty(client: Any) -> None:
    created = await client.nativelist.create(data={})
    assert [*created.model_dump(exclude={"id"}).values()] == [[]] * 29


async def test_a_value_too_large_for_its_column_is_told_by_its_code(
    client: Any, package: ModuleType
) -> None:
    errors = __import__(f"{package.__name__}.errors", fromlist=["DataError"])
    for field, value, code in (
        ("varchar", "eleven chars", "P2000"),
        ("smallint", 32768, "P2020"),
        ("numeric", Decimal(10**9), "P2020"),
        ("uuid", "not a uuid", "P2007"),
        ("inet", "300.1.1.1", "P2007"),
    ):
        with pytest.raises(errors.DataError) as raised:
            await client.native.create(data={field: value})
        assert raised.value.code == code, field


async def test_microseconds_of_others_are_cut_to_milliseconds(
    client: Any, postgres_server: PostgresServer, database: str
) -> None:
    id_ = postgres_server.psql(
        "INSERT INTO native (timestamp6) VALUES ('2026-01-02 03:04:05.678999') RETURNING id",
        database=database,
    )
    found = await client.native.find_unique(where={"id": int(id_)})
    assert found.timestamp6 == moment(2026, 1, 2, 3, 4, 5, 678_000)
