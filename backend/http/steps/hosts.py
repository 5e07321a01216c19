"""The Host names that the service answers to.

A page that rebinds its DNS name to 127.0.0.1 is, to the browser, of the same origin as the service,
so CORS does not stop it; the Host header still has the page's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.responses import Response

from backend.http.exchange import Exchange
from backend.http.problems import Problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
WILDCARDS = ("0.0.0.0", "::", "*", "")
_PORT = re.compile(rb":[0-9]*\Z")


def allowed_hosts(names: Sequence[str], *, bound: str) -> frozenset[bytes] | None:
    """Of the setting and the address that the server listens on, in lower case, without port;
    None: every name, as when it listens on all addresses."""
    if "*" in names or (not names and bound in WILDCARDS):
        return None
    address = f"[{bound}]" if ":" in bound else bound
    return frozenset(name.lower().encode() for name in names or (*LOOPBACK, address))


class AllowedHosts:
    def __init__(self, names: frozenset[bytes] | None) -> None:
        self._names = names

    def __call__(self, exchange: Exchange) -> Response | None:
        if self._names is None:
            return None
        host = exchange.headers.get(b"host")
        if host is None:  # no browser's
            return None
        if host in self._names or _PORT.sub(b"", host).lower() in self._names:
            return None
        return Problem(
            421,
            "The service does not answer to this Host name. The setting ALLOWED_HOSTS adds it.",
        )
