"""The address that a request comes from, where proxies stand between.

A proxy adds at the right of `X-Forwarded-For` whom it was asked by; what stands further left, the
client may have made up. So the header is read from the right, as far as the proxies are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address

EVERYONE = "*"
MOST_PROXIES = 16
"""One behind the other."""
NO_ADDRESS = "unix"
"""Of who comes by a socket of the system."""


class ClientAddresses:
    """`proxies` are addresses or networks, or `*`: whose `X-Forwarded-For` counts."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._everyone = EVERYONE in proxies
        self._proxies = [ip_network(each) for each in proxies if each != EVERYONE]
        self._trusts = bool(proxies)

    def of(self, scope: Scope) -> str:
        """As one text for all that one client has: of IPv6 its network of 64 bits."""
        peer: str | None = (scope.get("client") or (None,))[0]
        if self._trusts:
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            if forwarded:
                return self._forwarded(peer, b",".join(forwarded).decode("latin-1"))
        if not peer:
            return NO_ADDRESS
        return _text(peer) if ":" in peer else peer

    def _forwarded(self, peer: str | None, header: str) -> str:
        nearest = _read(peer) if peer else None
        for entry in reversed(header.rsplit(",", MOST_PROXIES)):
            if not self._is_proxy(nearest):
                break
            address = _read(entry)
            if address is None:  # a proxy that does not say whom it was asked by
                break
            nearest = address
        return NO_ADDRESS if nearest is None else _client(nearest)

    def _is_proxy(self, address: Address | None) -> bool:
        """A socket of the system has no address: it is only in everyone."""
        return self._everyone or (
            address is not None and any(address in network for network in self._proxies)
        )


def _read(entry: str) -> Address | None:
    """Of `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _client(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))


@lru_cache(maxsize=1024)
def _text(peer: str) -> str:
    address = _read(peer)
    return peer if address is None else _client(address)
