from __future__ import annotations

import os
from typing import Any

import pytest

from backend.engine.drivers.postgresql.url import parse_url
from backend.engine.errors import EngineError


def url(query: str = "") -> str:
    return f"postgresql://user:secret@db.example:6432/app{query}"


DEFAULTS = {
    "user": "user",
    "password": "secret",
    "host": "db.example",
    "port": 6432,
    "database": "app",
    "schema": "public",
    "connection_limit": (os.cpu_count() or 1) * 2 + 1,
    "pool_timeout": 10.0,
    "connect_timeout": 5.0,
    "socket_timeout": None,
    "statement_cache_size": 100,
    "pgbouncer": False,
    "application_name": None,
    "options": None,
    "sslmode": "prefer",
    "accept_invalid_certs": True,
    "sslcert": None,
    "sslidentity": None,
    "sslpassword": None,
    "unknown": (),
}


def test_what_a_url_leaves_out_is_as_in_prisma() -> None:
    assert vars(parse_url(url())) == DEFAULTS


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?schema=my%20app", {"schema": "my app"}),
        ("?schema=", {"schema": "public"}),
        ("?connection_limit=3", {"connection_limit": 3}),
        ("?pool_timeout=0", {"pool_timeout": None}),
        ("?pool_timeout=30", {"pool_timeout": 30.0}),
        ("?connect_timeout=0", {"connect_timeout": None}),
        ("?socket_timeout=7", {"socket_timeout": 7.0}),
        ("?statement_cache_size=0", {"statement_cache_size": 0}),
        ("?pgbouncer=true", {"pgbouncer": True}),
        ("?application_name=a%26b", {"application_name": "a&b"}),
        ("?options=-c%20statement_timeout%3D5s", {"options": "-c statement_timeout=5s"}),
        ("?host=/run/postgresql", {"host": "/run/postgresql"}),
        ("?sslmode=disable", {"sslmode": "disable"}),
        (
            "?sslmode=verify-full&sslrootcert=ca.pem",
            {"sslmode": "verify-full", "sslcert": "ca.pem"},
        ),
        (
            "?sslmode=require&sslaccept=strict",
            {"sslmode": "require", "accept_invalid_certs": False},
        ),
        ("?sslcert=ca.pem", {"sslcert": "ca.pem"}),
        ("?sslidentity=id.p12&sslpassword=x", {"sslidentity": "id.p12", "sslpassword": "x"}),
        ("?channel_binding=prefer", {}),
        ("?conection_limit=3&foo=1", {"unknown": ("conection_limit", "foo")}),
    ],
)
def test_each_parameter_has_its_meaning(query: str, expected: dict[str, Any]) -> None:
    assert vars(parse_url(url(query))) == DEFAULTS | expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://localhost", {"user": None, "password": None, "port": 5432}),
        ("postgres://localhost", {"host": "localhost", "database": "postgres"}),
        ("postgresql://u@/db", {"user": "u", "host": "localhost", "database": "db"}),
        ("postgresql://u:p%40%3A%2F%C3%A9@h/d%20b", {"password": "p@:/é", "database": "d b"}),
        ("postgresql://u%40corp:p@h/db", {"user": "u@corp", "host": "h"}),
        ("postgresql://u@[::1]:5433/db", {"host": "::1", "port": 5433}),
        ("postgresql://u@%2Fvar%2FRun:5433/db", {"host": "/var/Run", "port": 5433}),
        ("postgresql://u:a@b@h/db", {"password": "a@b", "host": "h"}),
    ],
)
def test_the_parts_of_a_url_are_decoded(text: str, expected: dict[str, Any]) -> None:
    found = vars(parse_url(text))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("mysql://localhost", "postgresql://"),
        ("postgresql://u@h:99999/db", "port"),
        ("postgresql://u@h:x/db", "port"),
        ("postgresql://u@h1,h2/db", "several hosts"),
        ("postgresql://u:a#b@h/db", "%23"),
        ("postgresql://u@h/db?connection_limit=0", "connection_limit"),
        ("postgresql://u@h/db?connection_limit=many", "connection_limit"),
        ("postgresql://u@h/db?pool_timeout=-1", "pool_timeout"),
        ("postgresql://u@h/db?pgbouncer=1", "pgbouncer"),
        ("postgresql://u@h/db?sslmode=strict", "sslmode"),
        ("postgresql://u@h/db?sslaccept=yes", "sslaccept"),
        ("postgresql://u@h/db?channel_binding=require", "channel_binding"),
        ("postgresql://u@[::1/db", "IPv6"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(EngineError) as raised:
        parse_url(text)
    assert raised.value.code == "P1013"
    assert named in raised.value.message


def test_an_error_does_not_show_the_password() -> None:
    with pytest.raises(EngineError) as raised:
        parse_url("postgresql://u:hush@h:port/db")
    assert "hush" not in raised.value.message
