"""uvicorn's HTTP/1.1 protocol, with limits on what a connection may take, and responses that leave
in one piece. Who leaves is not worked for any longer (see Exchange.stop_if_client_leaves).

uvicorn writes a response's headers and its body apart, and each is a call of the system and a
packet. Here what is written within one turn of the event loop is sent together.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from backend.core.logs import RareWarning
from backend.http.exchange import CLIENT_LEFT
from backend.http.problems import MEDIA_TYPE, Problem
from backend.http.steps.security_headers import NO_SNIFFING

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
"""Of the request line and the headers: more than any browser sends. The parser keeps them."""
MAX_TARGET_BYTES = 16 * 1024
"""Of the path and query: room for a cursor, which has up to 8,000 characters, and filters."""
HEAD_SECONDS = 10.0
"""From the connection, or a request's first byte, to the end of its headers."""
BODY_SECONDS = 30.0
"""Without a byte of a body that is not whole."""
LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
"""After a refusal so much is still read, and dropped: to close while something is unread resets the
connection, and the refusal is lost on its way."""
MAX_UNSENT_BYTES = 64 * 1024 * 1024
"""Of responses that clients have not taken yet, all together. Beyond it those connections are
closed that have the most and take the least."""
SLOW_BYTES = 64 * 1024
"""Who takes less in a second is slow."""
SEND_SECONDS = 60.0
"""Without a byte of a response taken."""
SPARE_DESCRIPTORS = 16
"""With fewer left, the log says so."""
_LOOK_EVERY = 1.0


_descriptors_run_out = RareWarning(
    logger,
    "Descriptors are running out (%d of %d are used): further connections will be refused. "
    "Raise the limit of the process (ulimit -n, LimitNOFILE)",
)
_clients_do_not_read = RareWarning(
    logger, "Connections are closed whose clients do not take their responses: %d bytes are unsent"
)


class _Unsent:
    """What the connections of this process have not sent yet, as each has seen it last."""

    def __init__(self) -> None:
        self.bytes = 0
        self.connections = 0

    def count(self, before: int, now: int) -> None:
        self.bytes += now - before
        self.connections += bool(now) - bool(before)

    def is_too_much(self, own: int) -> bool:
        """And this connection has no less of it than others."""
        return self.bytes > MAX_UNSENT_BYTES and own * self.connections >= self.bytes


_unsent = _Unsent()


class HttpProtocol(HttpToolsProtocol):
    _gathering: _Gathering
    _look: asyncio.TimerHandle | None = None
    _head_since: float | None = None
    """Since when the headers of a request, or its first byte, are awaited; None: they are here."""
    _head_bytes = 0
    _body_since = 0.0
    """When the last part of a body came."""
    _refusal: tuple[int, str] | None = None
    """Status and detail; the parser is stopped by an exception, which does not say so itself."""

    _dropped: int | None = None
    """Bytes that came after a refusal."""
    _has_shut = False
    """The client sends no more: it waits for its response, or has left."""
    _unsent_bytes = 0
    """What was not sent yet when the clock was last looked at."""
    _sent_since = 0.0
    """When the client last took something, or there was nothing to take."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._gathering = _Gathering(transport, self.loop)
        super().connection_made(self._gathering)  # type: ignore[arg-type]
        self._head_since = self._sent_since = self.loop.time()
        self._look = self.loop.call_later(_LOOK_EVERY, self._look_at_the_clock)
        if resource is not None:
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            descriptor = transport.get_extra_info("socket").fileno()
            if descriptor >= limit - SPARE_DESCRIPTORS:  # always the lowest that is free
                _descriptors_run_out.log(self._head_since, descriptor + 1, limit)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        _unsent.count(self._unsent_bytes, 0)
        self._unsent_bytes = 0
        super().connection_lost(exc)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            scope: dict[str, Any] = cycle.scope  # type: ignore[assignment]
            if CLIENT_LEFT in scope:
                scope[CLIENT_LEFT]()

    def data_received(self, data: bytes) -> None:
        if self._dropped is not None:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self.transport.close()
            return
        if self._head_since is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_since is not None and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431, f"The headers may have at most {MAX_HEAD_BYTES} bytes.")

    def eof_received(self) -> bool:  # type: ignore[override]
        """True: the client has shut its sending side, and its request, which is whole, is still to
        be answered."""
        self._gathering.send()  # the event loop closes the transport after this
        cycle = self.cycle
        if self._dropped is not None or cycle is None or cycle.response_complete or cycle.more_body:
            return False
        cycle.keep_alive = False
        self._has_shut = True
        return True

    # Of the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_since is None:
            self._head_since = self.loop.time()
            self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop(414, f"The path and query may have at most {MAX_TARGET_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        self._head_since = None
        if self._head_bytes > MAX_HEAD_BYTES:  # what came with it may be the body's
            head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if head > MAX_HEAD_BYTES:
                self._stop(431, f"The headers may have at most {MAX_HEAD_BYTES} bytes.")
        self._head_bytes = 0
        self._body_since = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_since = self.loop.time()
        super().on_body(body)

    # Refusals

    def send_400_response(self, msg: str) -> None:
        """Called when the parser has failed, or was stopped."""
        self._refuse(*(self._refusal or (400, msg)))

    def _stop(self, status: int, detail: str) -> None:
        self._refusal = (status, detail)
        raise ValueError(detail)

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing() or self._dropped is not None:
            return
        self._dropped = 0
        if self.cycle is None or self.cycle.response_complete:
            self._write_problem(status, detail)
        elif not self.cycle.response_started:
            # The endpoint still waits for the body; its own response would come second.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._write_problem(status, detail)
        self._gathering.send()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _write_problem(self, status: int, detail: str) -> None:
        title = HTTPStatus(status).phrase
        problem = Problem(status, detail)
        del problem.document["instance"]  # a head that was refused has no path that could be named
        body = problem.render(None)
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            b"%b: %b\r\nconnection: close\r\n\r\n%b"
            % (status, title.encode(), MEDIA_TYPE.encode(), len(body), *NO_SNIFFING, body)
        )

    def _look_at_the_clock(self) -> None:
        """Once a second for each connection: a timer for each request would cost more."""
        now = self.loop.time()
        self._look = self.loop.call_later(_LOOK_EVERY, self._look_at_the_clock)
        self._close_if_not_taken(now)
        if self._has_shut:
            self._ask_if_there()
        if not self.transport.is_closing() and self._dropped is None and not self.flow.read_paused:
            self._refuse_if_late(now)  # while we do not read, the client need not send

    def _ask_if_there(self) -> None:
        """Who has closed the connection resets it when something is sent; who has only shut the
        sending side skips an interim response, as every client of HTTP/1.1 can."""
        cycle = self.cycle
        if not cycle.response_started and cycle.scope["http_version"] == "1.1":
            self.transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")

    def _refuse_if_late(self, now: float) -> None:
        cycle = self.cycle
        if self._head_since is not None:
            # Between two requests uvicorn's own timeout closes the connection.
            if now - self._head_since <= HEAD_SECONDS:
                pass
            elif self._head_bytes == 0:  # a browser opens connections in advance
                self.transport.close()
            else:
                self._refuse(408, f"The headers must come within {HEAD_SECONDS:.0f} seconds.")
        elif (
            cycle is not None
            and cycle.more_body
            and not cycle.response_complete
            and now - self._body_since > BODY_SECONDS
        ):
            self._refuse(408, f"No part of the body came for {BODY_SECONDS:.0f} seconds.")

    def _close_if_not_taken(self, now: float) -> None:
        before, unsent = self._unsent_bytes, self.transport.get_write_buffer_size()
        self._unsent_bytes = unsent
        _unsent.count(before, unsent)
        taken = before - unsent
        if taken > 0 or not unsent or not before:
            self._sent_since = now
        if before and taken < SLOW_BYTES and _unsent.is_too_much(unsent):
            _clients_do_not_read.log(now, _unsent.bytes)
            _unsent.count(unsent, 0)  # at once, so that no more than must be are closed
            self._unsent_bytes = 0
            self.transport.abort()
        elif now - self._sent_since > SEND_SECONDS:
            self.transport.abort()


class _Gathering:
    """`transport`, but for its writes."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        if len(self._parts) == 1:
            self._loop.call_soon(self.send)

    def close(self) -> None:
        self.send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)
