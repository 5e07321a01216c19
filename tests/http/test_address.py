"""Whose X-Forwarded-For counts, and which of its addresses."""

from __future__ import annotations

import pytest

from backend.http.address import ClientAddresses

PROXIES = ("10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48")


def address(proxies: tuple[str, ...], peer: str | None, *headers: str) -> str:
    scope = {
        "client": None if peer is None else (peer, 4711),
        "headers": [
            (b"host", b"localhost"),
            *((b"x-forwarded-for", header.encode("latin-1")) for header in headers),
        ],
    }
    return ClientAddresses(proxies).of(scope)


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("testclient", "testclient"),
        ("", "unix"),
        (None, "unix"),
    ],
)
@pytest.mark.parametrize("headers", [(), ("198.51.100.7",), ("198.51.100.7, 10.0.0.1", "x")])
def test_without_proxies_the_header_means_nothing(
    peer: str | None, headers: tuple[str, ...], found: str
) -> None:
    assert address((), peer, *headers) == found


@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.2", "11.0.0.1", None])
def test_others_cannot_say_where_they_come_from(peer: str | None) -> None:
    assert address(PROXIES, peer, "198.51.100.7") == (peer or "unix")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (("198.51.100.7",), "198.51.100.7"),
        (("198.51.100.7:4711",), "198.51.100.7"),
        (("198.51.100.7, 10.1.2.3, 192.0.2.1",), "198.51.100.7"),
        (("198.51.100.7", "10.1.2.3", "192.0.2.1:80"), "198.51.100.7"),
        (("1.1.1.1, 198.51.100.7",), "198.51.100.7"),  # what is further left is made up
        (("1.1.1.1", "198.51.100.7, 10.1.2.3"), "198.51.100.7"),
        (("1.1.1.1", "10.9.9.9, 198.51.100.7"), "198.51.100.7"),
        (("2001:db8:1:2:3::4",), "2001:db8:1:2::/64"),
        (("[2001:db8:1:2:3::4]:443",), "2001:db8:1:2::/64"),
        (("[2001:db8:1:2:3::4]",), "2001:db8:1:2::/64"),
        (("::ffff:198.51.100.7",), "198.51.100.7"),
        (("2001:db8:1:2::4, 2001:db8:ffff::1",), "2001:db8:1:2::/64"),
        ((" 198.51.100.7 ,\t10.1.2.3",), "198.51.100.7"),
        (("10.7.7.7",), "10.7.7.7"),  # a proxy that asks for itself
        (("10.7.7.7, 10.1.2.3",), "10.7.7.7"),
        (("198.51.100.7, garbage",), "10.0.0.5"),
        (("198.51.100.7, garbage, 10.1.2.3",), "10.1.2.3"),
        (("",), "10.0.0.5"),
        (("198.51.100.7,",), "10.0.0.5"),
        (("unknown",), "10.0.0.5"),
        (("_hidden, 10.1.2.3",), "10.1.2.3"),
        (("198.51.100.256",), "10.0.0.5"),
        (("[2001:db8::1",), "2001:db8::/64"),
        (("\xff\x00",), "10.0.0.5"),
        ((), "10.0.0.5"),
    ],
)
def test_behind_proxies_it_is_the_last_address_that_is_not_theirs(
    headers: tuple[str, ...], found: str
) -> None:
    assert address(PROXIES, "10.0.0.5", *headers) == found


@pytest.mark.parametrize("peer", ["203.0.113.9", None])
def test_where_everyone_is_a_proxy_it_is_the_first(peer: str | None) -> None:
    assert address(("*",), peer, "198.51.100.7, 203.0.113.8", "1.2.3.4") == "198.51.100.7"


def test_no_more_proxies_are_passed_than_stand_behind_each_other() -> None:
    header = ", ".join(["198.51.100.7", *["10.1.2.3"] * 17])
    assert address(PROXIES, "10.0.0.5", header) == "10.1.2.3"
    assert address(PROXIES, "10.0.0.5", header.removesuffix(", 10.1.2.3")) == "198.51.100.7"
    assert address(PROXIES, "10.0.0.5", "10.1.2.3," * 100_000 + "8.8.8.8") == "8.8.8.8"
