"""Who asks: the key or token of a request, and the owner that it acts for.

Nothing is refused here: what is open, such as the server's health, is answered to everybody. Why a
request has no caller is kept for the endpoint that needs one (may_they.py). Whoever sends many keys
that are none is not looked at for a while.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from backend.core.caller import Caller, actor, asking, owner
from backend.core.errors import KeyRequired, OwnerNotHeld, ServiceError
from backend.http.address import ClientAddresses
from backend.http.exchange import Exchange
from backend.limits import Limits

_BEARER = b"bearer "


class Access(Protocol):
    """Who sent a credential, or none, to an address of this machine. Both raise a ServiceError
    where nobody did; `recall` returns None where `find` must be asked."""

    def recall(self, credential: bytes | None, server: str | None) -> Caller | None: ...

    async def find(self, credential: bytes | None, server: str | None) -> Caller: ...


class WhoAsks:
    def __init__(self, access: Access, limits: Limits, addresses: ClientAddresses) -> None:
        self._access = access
        self._limits = limits
        self._addresses = addresses

    def __call__(self, exchange: Exchange) -> Awaitable[None] | None:
        """What is returned is to be awaited: who asks is not known without the database."""
        credential = _credential(exchange)
        server = exchange.scope.get("server")
        address = None if server is None else server[0]
        try:
            caller = self._access.recall(credential, address)
        except ServiceError as error:
            if credential is not None:
                return self._fail(exchange, error)
            _refuse(exchange, error)
            return None
        if caller is None:
            return self._find(exchange, credential, address)
        _admit(exchange, caller)
        return None

    async def _find(
        self, exchange: Exchange, credential: bytes | None, address: str | None
    ) -> None:
        try:
            if credential is not None:
                await self._limits.refuse_if_blocked(self._addresses.of(exchange.scope))
            _admit(exchange, await self._access.find(credential, address))
        except ServiceError as error:
            if credential is not None and isinstance(error, KeyRequired):
                await self._fail(exchange, error)
            else:
                _refuse(exchange, error)

    async def _fail(self, exchange: Exchange, error: ServiceError) -> None:
        client = self._addresses.of(exchange.scope)
        try:
            await self._limits.refuse_if_blocked(client)
            await self._limits.failed(client)
        except ServiceError as blocked:
            error = blocked
        _refuse(exchange, error)


def _credential(exchange: Exchange) -> bytes | None:
    key = exchange.headers.get(b"x-api-key")
    if key is not None:
        return None if _is_repeated(exchange, b"x-api-key") else key
    value = exchange.headers.get(b"authorization")
    if value is None or value[: len(_BEARER)].lower() != _BEARER:
        return None
    return None if _is_repeated(exchange, b"authorization") else value[len(_BEARER) :].strip()


def _admit(exchange: Exchange, caller: Caller) -> None:
    wanted = exchange.headers.get(b"x-owner")
    name = caller.first_owner
    if wanted is not None:
        name = wanted.decode("latin-1")
        if not caller.acts_for(name) or _is_repeated(exchange, b"x-owner"):
            _refuse(exchange, OwnerNotHeld())
            return
    exchange.caller = caller
    asking.set(caller)
    actor.set(caller.actor)
    owner.set(name)


def _is_repeated(exchange: Exchange, header: bytes) -> bool:
    """Of two, one may be the client's and one a proxy's: neither counts."""
    return (
        exchange.has_repeated_headers
        and sum(name == header for name, _ in exchange.scope["headers"]) > 1
    )


def _refuse(exchange: Exchange, error: ServiceError) -> None:
    exchange.refusal = error
    asking.set(None)
