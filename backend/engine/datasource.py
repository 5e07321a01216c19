"""DATABASE_URL: which database, where, and with which of Prisma's parameters.

    file:./dev.db                          SQLite; relative to the folder of schema.prisma
    file::memory:                          SQLite in memory, gone at disconnect
    postgresql://user@host/db?schema=app   PostgreSQL (also postgres://)

SQLite takes Prisma's `connection_limit` (threads that read) and `socket_timeout` (seconds to wait
for another process that writes), and of ours `synchronous` (full, normal, off) and
`timestamp_format` (iso8601, unixepoch-ms). An unknown parameter is a warning that names it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from .drivers.driver import Driver, Provider, SessionSettings, no_settings
from .drivers.sqlite import SQLiteDriver
from .drivers.sqlite.connection import SQLiteSettings
from .errors import EngineError

_SCHEMES: Mapping[str, Provider] = {
    "file": "sqlite",
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}


class InvalidUrlError(EngineError):
    """P1013: the connection string is not one that we know."""

    def __init__(self, reason: str) -> None:
        super().__init__("P1013", f"The provided database string is invalid. {reason}")


def provider_of(url: str) -> Provider:
    """Raises InvalidUrlError."""
    scheme, colon, _ = url.partition(":")
    provider = _SCHEMES.get(scheme.lower()) if colon else None
    if provider is None:
        raise InvalidUrlError("It must start with file:, postgresql: or postgres:.")
    return provider


def schema_name_of(url: str) -> str | None:
    """The PostgreSQL schema that the URL chooses, None for the default one."""
    if provider_of(url) == "sqlite":
        return None
    return _parameters(url).get("schema")


def make_driver(
    url: str, *, folder: Path, session_settings: Callable[[], SessionSettings] = no_settings
) -> Driver:
    """The driver for a URL; `folder` is that of schema.prisma. Raises InvalidUrlError."""
    if provider_of(url) == "sqlite":
        return SQLiteDriver(sqlite_settings(url, folder=folder), session_settings)
    # asyncpg is loaded only where it is used.
    from .drivers.postgresql import PostgreSQLDriver
    from .drivers.postgresql.url import parse_url

    return PostgreSQLDriver(parse_url(url), folder=folder, session_settings=session_settings)


def sqlite_path(url: str, *, folder: Path) -> Path | None:
    """The file of an SQLite URL, None for a database in memory. Raises InvalidUrlError."""
    text = url.partition(":")[2].partition("?")[0]
    if text in (":memory:", ""):
        if not text:
            raise InvalidUrlError("It names no file.")
        return None
    # Both file:/path and file:///path are absolute.
    if text.startswith("//"):
        text = text[2:]
    return (folder / unquote(text)).resolve()


def sqlite_settings(url: str, *, folder: Path) -> SQLiteSettings:
    """Raises InvalidUrlError."""
    settings: dict[str, Any] = {}
    for name, value in _parameters(url).items():
        parameter = _SQLITE_PARAMETERS.get(name)
        if parameter is None:
            warnings.warn(
                f"The parameter `{name}` of the database URL is unknown and has no effect.",
                stacklevel=2,
            )
            continue
        field, read = parameter
        try:
            settings[field] = read(value)
        except ValueError:
            raise InvalidUrlError(f"The parameter `{name}` cannot be `{value}`.") from None
    return SQLiteSettings(sqlite_path(url, folder=folder), **settings)


def _parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(url.partition("?")[2], keep_blank_values=True))


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(value)
        return value.lower()

    return read


def _positive_int(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError(value)
    return number


def _seconds(value: str) -> float:
    number = float(value)
    if not 0 <= number < 1e6:
        raise ValueError(value)
    return number


_SQLITE_PARAMETERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "connection_limit": ("readers", _positive_int),
    "socket_timeout": ("busy_timeout", _seconds),
    "synchronous": ("synchronous", _one_of("full", "normal", "off")),
    "timestamp_format": ("timestamp_format", _one_of("iso8601", "unixepoch-ms")),
}
