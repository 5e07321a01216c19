"""How many requests of a class a caller may make: 429 for what is more."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.routing import Mount, Route
from starlette.types import Scope

from backend.core.caller import ANONYMOUS
from backend.http.address import ClientAddresses
from backend.http.exchange import Exchange
from backend.http.routes import COUNTED_AS, READING, RateClassOf
from backend.limits import Limits, RateClass


class RateLimit:
    """`app` has the routes. A request for what is not there counts, too."""

    def __init__(self, app: FastAPI, limits: Limits, addresses: ClientAddresses) -> None:
        self._limits = limits
        self._addresses = addresses
        self._classes = _declared_classes(app)
        self._files = tuple(
            f"{route.path}/" for route in app.router.routes if isinstance(route, Mount)
        )

    async def __call__(self, exchange: Exchange) -> None:
        """Raises RateLimited."""
        rate_class = self._class_of(exchange.scope)
        if rate_class is None:
            return
        asked_by = exchange.caller
        if asked_by is None or asked_by.kind == ANONYMOUS:
            name = self._addresses.of(exchange.scope)
        else:
            name = f"{asked_by.kind} {asked_by.id}"
        window = await self._limits.hit(rate_class, name)
        if window is None:
            return
        exchange.response_headers += window.headers()
        if window.used > window.limit.amount:
            raise window.refusal()

    def _class_of(self, scope: Scope) -> RateClass | None:
        method: str = scope["method"]
        path: str = scope["path"].removeprefix(scope["root_path"])
        if path.startswith(self._files):
            return None
        default: RateClass = "read" if method in ("GET", "OPTIONS") else "write"
        declared = self._classes.get((method, path.removesuffix("/")), default)
        return declared(Request(scope)) if callable(declared) else declared


def _declared_classes(app: FastAPI) -> dict[tuple[str, str], RateClassOf]:
    """By method and path, without a slash at its end, where the method does not say it. A lookup
    costs less than to find the route a second time, so such a path has no parameters."""
    found = dict[tuple[str, str], RateClassOf]()
    for route in app.router.routes:
        if not isinstance(route, Route):
            continue
        if route.endpoint in COUNTED_AS:
            declared = COUNTED_AS[route.endpoint]
        elif route.endpoint in READING:
            declared = "read"
        elif not route.include_in_schema:  # the documentation
            declared = None
        else:
            continue
        if route.param_convertors:
            raise TypeError(f"A rate class is declared for a path with parameters: {route.path}")
        for method in route.methods or ():
            found[method, route.path.removesuffix("/")] = declared
    return found
