"""What tells a browser to take nothing for a script or a page that is none."""

from __future__ import annotations

from backend.http.exchange import Exchange

NO_SNIFFING = (b"x-content-type-options", b"nosniff")


def add_security_headers(exchange: Exchange) -> None:
    exchange.response_headers.append(NO_SNIFFING)
