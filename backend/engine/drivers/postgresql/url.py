"""A PostgreSQL DATABASE_URL, read with Prisma's meaning of its parameters.

`postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=...&connection_limit=...`, each part
percent-encoded where it needs to be. Parameters, defaults and units are those of Prisma's native
engine (`PostgresUrl` of its crate quaint); `sslmode` also takes libpq's `verify-ca` and
`verify-full`, and `sslrootcert` is libpq's name for what Prisma calls `sslcert`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, cast, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from ...errors import EngineError

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


@dataclass(frozen=True)
class PostgreSQLSettings:
    """A URL, read. Times are in seconds; None means no limit."""

    user: str | None
    password: str | None
    host: str
    """A host's name or address, or the folder of a Unix socket (begins with `/`)."""
    port: int
    database: str
    schema: str
    connection_limit: int
    pool_timeout: float | None
    connect_timeout: float | None
    socket_timeout: float | None
    """How long one statement may take."""
    statement_cache_size: int
    """How many prepared statements a connection keeps."""
    pgbouncer: bool
    """Behind PgBouncer in transaction mode: nothing may outlive a transaction."""
    application_name: str | None
    options: str | None
    """Settings for the session in libpq's form, `-c name=value`."""
    sslmode: SslMode
    accept_invalid_certs: bool
    sslcert: str | None
    """Certificates of the authorities to trust (PEM)."""
    sslidentity: str | None
    """The client's own certificate and key (PKCS#12, or PEM)."""
    sslpassword: str | None
    unknown: tuple[str, ...]
    """Parameters that mean nothing here."""


_KNOWN = frozenset(
    {"schema", "host", "connection_limit", "pool_timeout", "connect_timeout", "socket_timeout"}
    | {"statement_cache_size", "pgbouncer", "application_name", "options", "channel_binding"}
    | {"sslmode", "sslaccept", "sslcert", "sslrootcert", "sslidentity", "sslpassword"}
)


def parse_url(url: str) -> PostgreSQLSettings:
    """Raises EngineError P1013, which says what is wrong and never shows the URL: it holds a
    password."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        _invalid(f"{error}.")
    if parts.scheme not in ("postgresql", "postgres"):
        _invalid("It must start with postgresql:// or postgres://.")
    if parts.fragment:
        _invalid("It holds a `#`, which is written `%23`.")
    credentials, _, address = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _address(address)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return PostgreSQLSettings(
        user=unquote(user) or None,
        password=unquote(password) or None,
        host=query.get("host") or host or "localhost",
        port=port,
        database=unquote(parts.path.removeprefix("/")) or "postgres",
        schema=query.get("schema") or "public",
        connection_limit=_count(query, "connection_limit", _default_limit(), least=1),
        pool_timeout=_seconds(query, "pool_timeout", 10),
        connect_timeout=_seconds(query, "connect_timeout", 5),
        socket_timeout=_seconds(query, "socket_timeout", 0),
        statement_cache_size=_count(query, "statement_cache_size", 100, least=0),
        pgbouncer=_flag(query, "pgbouncer"),
        application_name=query.get("application_name"),
        options=query.get("options"),
        sslmode=_ssl_mode(query),
        accept_invalid_certs=_accepts_invalid_certs(query),
        sslcert=query.get("sslcert") or query.get("sslrootcert"),
        sslidentity=query.get("sslidentity"),
        sslpassword=query.get("sslpassword"),
        unknown=_unknown(query),
    )


def _address(text: str) -> tuple[str, int]:
    """`host:port`, where an IPv6 address stands in brackets and a folder is percent-encoded."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if "," in text:
        _invalid("It names several hosts.")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        _invalid("Its port is not a number from 1 to 65535.")
    return unquote(host), int(port or 5432)


def _default_limit() -> int:
    return (os.cpu_count() or 1) * 2 + 1


def _count(query: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or int(text) < least:
        _invalid(f"`{name}` must be a whole number of at least {least}.")
    return int(text)


def _seconds(query: Mapping[str, str], name: str, default: int) -> float | None:
    """0 means no limit, as in Prisma."""
    return float(_count(query, name, default, least=0)) or None


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false")
    if text not in ("true", "false"):
        _invalid(f"`{name}` must be `true` or `false`.")
    return text == "true"


def _ssl_mode(query: Mapping[str, str]) -> SslMode:
    mode = query.get("sslmode", "prefer")
    if mode not in get_args(SslMode):
        _invalid(f"`sslmode` must be one of {', '.join(get_args(SslMode))}.")
    return cast(SslMode, mode)


def _accepts_invalid_certs(query: Mapping[str, str]) -> bool:
    accepted = query.get("sslaccept", "accept_invalid_certs")
    if accepted not in ("strict", "accept_invalid_certs"):
        _invalid("`sslaccept` must be `strict` or `accept_invalid_certs`.")
    return accepted != "strict"


def _unknown(query: Mapping[str, str]) -> tuple[str, ...]:
    if query.get("channel_binding", "prefer") not in ("disable", "prefer"):
        _invalid("`channel_binding=require` is not supported.")
    return tuple(name for name in query if name not in _KNOWN)


def _invalid(reason: str) -> NoReturn:
    raise EngineError("P1013", f"The provided database string is invalid. {reason}")
