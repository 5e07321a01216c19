"""HEAD answers as GET does, without the body."""

from __future__ import annotations

from backend.http.exchange import Exchange


def answer_head_as_get(exchange: Exchange) -> None:
    if exchange.scope["method"] == "HEAD":
        # A copy: the server reads the method of its own scope.
        exchange.scope = {**exchange.scope, "method": "GET"}
        exchange.sends_body = False
