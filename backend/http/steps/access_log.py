"""One line per request in the log, and an X-Request-ID on every answer.

Never a query string or a body: they may hold what people said about their videos.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from random import getrandbits
from time import perf_counter

from backend.core.logs import Event, request_id
from backend.http.exchange import Exchange
from backend.http.problems import requested_path

_event = Event(logging.getLogger(__name__), "request")

LONGEST_PATH = 1000
CLIENT_CLOSED_REQUEST = 499
"""As nginx logs a request whose client left before there was an answer."""

_SANE_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")


@contextmanager
def logged(exchange: Exchange) -> Iterator[None]:
    """Around all that is done for a request: its id in every line of the log and on its response,
    and a line of its own when it has ended."""
    started = perf_counter()
    own_id = _incoming_id(exchange) or f"{getrandbits(128):032x}"
    exchange.response_headers.append((b"x-request-id", own_id.encode()))
    token = request_id.set(own_id)
    try:
        yield
    finally:
        if _event.is_wanted:
            _write(exchange, perf_counter() - started)
        request_id.reset(token)


def _write(exchange: Exchange, seconds: float) -> None:
    scope = exchange.scope
    _event.log(
        {
            "method": scope["method"] if exchange.sends_body else "HEAD",
            "route": getattr(scope.get("route"), "path", None),
            "path": requested_path(scope)[:LONGEST_PATH],
            "status": exchange.status or CLIENT_CLOSED_REQUEST,
            "duration_ms": round(seconds * 1000, 2),
            "bytes": exchange.body_bytes_sent,
        }
    )


def _incoming_id(exchange: Exchange) -> str | None:
    value = exchange.headers.get(b"x-request-id")
    return value.decode() if value is not None and _SANE_ID.fullmatch(value) else None
