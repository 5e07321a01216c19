from __future__ import annotations

import inspect
import ssl
from typing import Any

import asyncpg
import pytest
from asyncpg import exceptions

from backend.engine.drivers.postgresql.errors import FAILURES, translate, translate_connecting
from backend.engine.errors import DriverError, user_facing
from tests.engine.drivers import programs
from tests.engine.drivers.conftest import OpenDriver

STATES = {
    "08000": "ConnectionClosed",
    "08001": "DatabaseNotReachable",
    "08003": "ConnectionClosed",
    "08004": "DatabaseNotReachable",
    "08006": "ConnectionClosed",
    "08007": "ConnectionClosed",
    "22001": "LengthMismatch",
    "22003": "ValueOutOfRange",
    "22P02": "InvalidInputValue",
    "23001": "RestrictViolation",
    "23502": "NullConstraintViolation",
    "23503": "ForeignKeyConstraintViolation",
    "23505": "UniqueConstraintViolation",
    "25P03": "ConnectionClosed",
    "25P04": "ConnectionClosed",
    "28000": "DatabaseAccessDenied",
    "28P01": "AuthenticationFailed",
    "3D000": "DatabaseDoesNotExist",
    "40001": "TransactionWriteConflict",
    "40P01": "TransactionWriteConflict",
    "42703": "ColumnNotFound",
    "42P01": "TableDoesNotExist",
    "42P04": "DatabaseAlreadyExists",
    "53300": "TooManyConnections",
    "57014": "SocketTimeout",
    "57P01": "ConnectionClosed",
    "57P02": "ConnectionClosed",
    "57P03": "DatabaseNotReachable",
    "57P04": "ConnectionClosed",
    "57P05": "ConnectionClosed",
}
"""Every other state is "postgres": P2039, or P2010 for raw queries."""


def server_error(state: str, **fields: str) -> asyncpg.PostgresError:
    """As asyncpg makes it of the server's message."""
    letters = {"S": "ERROR", "V": "ERROR", "C": state, "M": "words in some language", **fields}
    error: asyncpg.PostgresError = asyncpg.PostgresError.new(letters)
    return error


ALL_STATES = sorted(
    {
        each.sqlstate
        for each in vars(exceptions).values()
        if inspect.isclass(each)
        and issubclass(each, asyncpg.PostgresError)
        and getattr(each, "sqlstate", None)
    }
)


@pytest.mark.parametrize("state", [*ALL_STATES, "XYZ99"])
def test_each_state_of_postgresql_has_its_kind(state: str) -> None:
    report = translate(server_error(state))
    assert report.kind == STATES.get(state, "postgres")
    assert report.original_code == state
    assert user_facing(report).code is not None
    assert user_facing(report, raw=True).meta["code"] == state


def test_the_table_names_only_states_that_exist() -> None:
    assert set(STATES) <= set(ALL_STATES)


OWN = [
    each
    for each in vars(exceptions).values()
    if inspect.isclass(each)
    and issubclass(each, Exception)
    and not issubclass(each, (asyncpg.PostgresError, Warning))
]


@pytest.mark.parametrize("class_", [*OWN, OSError, ConnectionResetError, TimeoutError])
def test_each_of_asyncpgs_own_errors_becomes_a_report(class_: type[Exception]) -> None:
    error = class_("words")
    assert isinstance(error, FAILURES)
    report = translate(error)
    assert report.original_message == "words"
    assert user_facing(report).code is not None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.ConnectionDoesNotExistError("lost"), "ConnectionClosed"),
        (ConnectionResetError("reset"), "ConnectionClosed"),
        (BrokenPipeError("pipe"), "ConnectionClosed"),
        (exceptions.ProtocolError("nonsense"), "ConnectionClosed"),
        (TimeoutError(), "SocketTimeout"),
        (exceptions.UnsupportedClientFeatureError("ranges"), "UnsupportedNativeDataType"),
    ],
)
def test_a_lost_or_slow_connection_has_its_kind(error: Exception, kind: str) -> None:
    assert translate(error).kind == kind


def test_the_servers_last_words_are_kept() -> None:
    lost = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    lost.__cause__ = server_error("57P01", M="terminating connection")
    report = translate(lost)
    assert (report.kind, report.original_code) == ("ConnectionClosed", "57P01")
    assert report.original_message == "terminating connection"


@pytest.mark.parametrize(
    ("error", "kind", "facts"),
    [
        (ConnectionRefusedError("no"), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (FileNotFoundError("no socket"), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (TimeoutError(), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (server_error("57P03"), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (server_error("57P01"), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (server_error("08P01"), "DatabaseNotReachable", {"host": "h", "port": 1}),
        (server_error("28P01"), "AuthenticationFailed", {"user": "u"}),
        (server_error("28000"), "DatabaseAccessDenied", {"db": "d"}),
        (server_error("42501"), "DatabaseAccessDenied", {"db": "d"}),
        (server_error("3D000"), "DatabaseDoesNotExist", {"db": "d"}),
        (server_error("53300"), "TooManyConnections", {"cause": "words in some language"}),
        (ssl.SSLError("bad"), "TlsConnectionError", {"reason": "('bad',)"}),
    ],
)
def test_a_failed_attempt_to_connect_has_its_kind(
    error: Exception, kind: str, facts: dict[str, Any]
) -> None:
    report = translate_connecting(error, host="h", port=1, user="u", database="d")
    assert (report.kind, report.facts) == (kind, facts)


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ("Key (a)=(1) already exists.", ["a"]),
        ("Key (a, b_c)=(1, 2) already exists.", ["a", "b_c"]),
        ('Key ("videoId", b)=(x, y) already exists.', ["videoId", "b"]),
        ('Key ("odd "" )=( name")=(x) already exists.', ['odd " )=( name']),
        ("Schlüssel »(a, größe)=(1)« existiert bereits.", ["a", "größe"]),
        ("Key (a)=(b)=(c) already exists.", ["a"]),
        ("Key (lower(email))=(x) already exists.", None),
        ("Key (lower(a), b)=(x) already exists.", None),
        (None, None),
    ],
)
def test_the_columns_of_a_unique_key_are_read(detail: str | None, fields: list[str] | None) -> None:
    given = {"t": "users", "n": "users_key"} | ({"D": detail} if detail else {})
    report = translate(server_error("23505", **given))
    expected = {"fields": fields} if fields else {"index": "users_key"}
    assert report.facts == {"constraint": expected, "table": "users"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sql", "args", "kind", "facts"),
    [
        ("INSERT INTO p VALUES (1, 'a', 1)", (), "UniqueConstraintViolation",
         {"constraint": {"fields": ["id"]}, "table": "p"}),
        ("INSERT INTO p VALUES (3, 'A', 7)", (), "UniqueConstraintViolation",
         {"constraint": {"index": "p_lower_key"}, "table": "p"}),
        ("INSERT INTO p VALUES (2, NULL, 7)", (), "NullConstraintViolation",
         {"constraint": {"fields": ["Name"]}, "table": "p"}),
        ("INSERT INTO c VALUES (1, 99)", (), "ForeignKeyConstraintViolation",
         {"constraint": {"index": "c_p_fkey"}, "table": "c"}),
        ("DELETE FROM p", (), "ForeignKeyConstraintViolation",
         {"constraint": {"index": "c_p_fkey"}, "table": "c"}),
        ("DELETE FROM p WHERE id = 2", (), "RestrictViolation",
         {"constraint": {"index": "r_p_fkey"}, "table": "r"}),
        ("INSERT INTO p VALUES (2, 'too long', 7)", (), "LengthMismatch", {"column": None}),
        ("INSERT INTO p VALUES ($1, 'x', 7)", (2**40,), "ValueOutOfRange", None),
        ("SELECT 2147483647 + id FROM p", (), "ValueOutOfRange", {"cause": "integer out of range"}),
        ("SELECT 'x'::int", (), "InvalidInputValue",
         {"message": 'invalid input syntax for type integer: "x"'}),
        ("SELECT $1::int", ("x",), "InvalidInputValue", None),
        ("SELECT $1::text", ("\ud800",), "InvalidInputValue", None),
        ("SELECT 1 FROM nowhere", (), "TableDoesNotExist", {"table": "nowhere"}),
        ("SELECT 1 FROM public.nowhere", (), "TableDoesNotExist", {"table": "public.nowhere"}),
        ('SELECT "noThing" FROM p', (), "ColumnNotFound", {"column": "noThing"}),
        ("SELECT p.nothing FROM p", (), "ColumnNotFound", {"column": "p.nothing"}),
        ("UPDATE p SET nothing = 1", (), "ColumnNotFound", {"column": "nothing"}),
        ("SELECT 1 +", (), "postgres", {}),
        ("SELECT 1 / 0", (), "postgres", {}),
        ("SELECT $1::int", (1, 2), "postgres", {}),
        ("SELECT $1::text", ("a\0b",), "postgres", {}),
    ],
)  # fmt: skip
async def test_real_errors_have_their_kind(
    open_postgres: OpenDriver,
    sql: str,
    args: tuple[Any, ...],
    kind: str,
    facts: dict[str, Any] | None,
) -> None:
    driver = await open_postgres()
    for statement in (
        'CREATE TABLE p (id INTEGER PRIMARY KEY, "Name" VARCHAR(5) NOT NULL, n INTEGER)',
        'CREATE UNIQUE INDEX p_lower_key ON p (lower("Name"))',
        "CREATE TABLE c (id INTEGER, p INTEGER CONSTRAINT c_p_fkey REFERENCES p)",
        "CREATE TABLE r (p INTEGER CONSTRAINT r_p_fkey REFERENCES p ON DELETE RESTRICT)",
        "INSERT INTO p VALUES (1, 'a', 1), (2, 'b', 2)",
        "INSERT INTO c VALUES (1, 1)",
        "INSERT INTO r VALUES (2)",
    ):
        await driver.run(programs.execute(statement), reads_only=False, atomic=False)
    with pytest.raises(DriverError) as raised:
        await driver.run(programs.query(sql, *args), reads_only=False, atomic=False)
    assert raised.value.kind == kind
    if facts is not None:
        assert raised.value.facts == facts
