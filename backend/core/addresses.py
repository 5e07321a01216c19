"""Addresses that only this machine reaches."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_local(host: str) -> bool:
    """Whether only this machine reaches it: a loopback address, or the path of a Unix socket."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
