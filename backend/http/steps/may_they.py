"""Whether the caller may call a route, asked as soon as the route is known, before its body is
read."""

from __future__ import annotations

from backend.core.errors import KeyRequired, ScopeMissing
from backend.http.exchange import Exchange
from backend.http.routes import A_CALLER, NOTHING, ApiRoute


def may_they(exchange: Exchange, route: ApiRoute) -> None:
    """Raises KeyRequired, ScopeMissing, and why else the request has no caller."""
    need = route.needs
    if need == NOTHING:
        return
    caller = exchange.caller
    if caller is None:
        raise exchange.refusal or KeyRequired()
    if need != A_CALLER and not caller.may(need):
        raise ScopeMissing(need)
