"""Opening connections as a URL asks for them."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from .errors import FAILURES, is_tls_refused, translate_connecting
from .tls import tls_context
from .url import PostgreSQLSettings

RawConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Connector:
    def __init__(self, settings: PostgreSQLSettings, *, folder: Path) -> None:
        """`folder` holds schema.prisma: certificates are named relative to it."""
        self._settings = settings
        self._folder = folder
        self._tls: ssl.SSLContext | None = None
        self._has_tls = False

    async def open(self, **overrides: Any) -> RawConnection:
        """`overrides` of asyncpg.connect's arguments. Raises DriverError (P1xxx kinds)."""
        settings = self._settings
        if not self._has_tls:
            self._tls = tls_context(settings, folder=self._folder)
            self._has_tls = True
        arguments: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "user": settings.user,
            "password": settings.password,
            "database": settings.database,
            "ssl": self._tls or False,
            "timeout": settings.connect_timeout,
            "statement_cache_size": 0,
            "server_settings": _session_settings(settings),
        }
        arguments |= overrides
        try:
            raw: RawConnection = await asyncpg.connect(**arguments)
        except FAILURES as error:
            if settings.sslmode == "prefer" and is_tls_refused(error):
                self._tls = None
                return await self.open(**overrides)
            raise translate_connecting(
                error,
                host=settings.host,
                port=settings.port,
                user=settings.user,
                database=arguments["database"],
            ) from error
        _keep_alive(raw)
        return raw


_KEPT_ALIVE = {
    "TCP_KEEPIDLE": 5,  # seconds without a word before the peer is asked for one
    "TCP_KEEPALIVE": 5,  # what macOS calls TCP_KEEPIDLE
    "TCP_KEEPINTVL": 1,  # seconds between such questions
    "TCP_KEEPCNT": 3,  # so many of which may be lost
    "TCP_USER_TIMEOUT": 5_000,  # milliseconds that what is sent may stay unacknowledged
}
"""After which TCP gives a connection up; by itself it takes 15 minutes, or hours if it is idle."""


def _keep_alive(raw: RawConnection) -> None:
    # asyncpg does it likewise; it has no public name for the socket.
    kept = raw._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if kept.family == socket.AF_UNIX:
        return
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEPT_ALIVE.items():
        option = getattr(socket, name, None)  # not every system has them all
        if option is not None:
            kept.setsockopt(socket.IPPROTO_TCP, option, value)


def _session_settings(settings: PostgreSQLSettings) -> dict[str, str]:
    """Known to the server from the start, without a statement of their own."""
    chosen = {"TimeZone": "UTC"}  # in which CURRENT_TIMESTAMP fills a timestamp
    if settings.application_name is not None:
        chosen["application_name"] = settings.application_name
    if settings.options is not None:
        chosen["options"] = settings.options
    if not settings.pgbouncer:  # it refuses settings that it does not track
        chosen["search_path"] = quoted(settings.schema)
    return chosen


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """The same value, whatever `standard_conforming_strings` says."""
    escaped = value.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'"
