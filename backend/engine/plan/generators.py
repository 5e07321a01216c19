"""The values that a plan asks for when it runs: identifiers and the time.

The formats are those of the npm packages that Prisma 7.10 uses: @bugsnag/cuid 3,
@paralleldrive/cuid2 3, ulid 3, nanoid 5, uuid 11.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import secrets
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ..errors import EngineError

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NANOID = "useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict"


def now() -> datetime:
    """The time, in UTC and whole milliseconds, as Prisma stores it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _uuid(version: int) -> str:
    if version == 4:
        return str(uuid.uuid4())
    if version == 7:
        # RFC 9562, section 5.7: 48 bits of milliseconds, then random bits.
        value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        return str(uuid.UUID(int=value))
    raise EngineError(None, f"Invalid UUID version in the query plan: {version}")


def _cuid(version: int) -> str:
    if version == 1:
        return _cuid1()
    if version == 2:
        return _cuid2()
    raise EngineError(None, f"Invalid CUID version in the query plan: {version}")


_PAIRS = [first + second for first in _BASE36 for second in _BASE36]


def _base36(number: int, width: int) -> str:
    digits = ""
    while number:
        number, pair = divmod(number, 1296)
        digits = _PAIRS[pair] + digits
    return digits.rjust(width, "0")[-width:]


_cuid1_counter = itertools.count()


@lru_cache(maxsize=1)
def _cuid1_fingerprint(pid: int) -> str:
    """Two characters of the process and two of the host."""
    host = socket.gethostname()
    return _base36(pid, 2) + _base36(sum(map(ord, host)) + len(host) + 36, 2)


@lru_cache(maxsize=1)
def _cuid1_time(milliseconds: int) -> str:
    return _base36(milliseconds, 8)


def _cuid1() -> str:
    """Unique, not secret: the time and the counter stand in it as they are."""
    high, low = divmod(next(_cuid1_counter) % 36**4, 1296)
    noise = random.getrandbits(42)
    return (
        f"c{_cuid1_time(time.time_ns() // 1_000_000)}{_PAIRS[high]}{_PAIRS[low]}"
        f"{_cuid1_fingerprint(os.getpid())}{_PAIRS[noise % 1296]}{_PAIRS[noise // 1296 % 1296]}"
        f"{_PAIRS[noise // 1296**2 % 1296]}{_PAIRS[noise // 1296**3 % 1296]}"
    )


def cuid() -> str:
    """A new id as `@default(cuid())` makes it, for a caller who must know it beforehand."""
    return _cuid1()


_cuid2_counter = itertools.count(secrets.randbelow(476782367))


def _cuid2() -> str:
    letter = chr(97 + secrets.randbelow(26))
    seed = f"{time.time_ns()}{secrets.token_hex(24)}{next(_cuid2_counter)}{os.getpid()}"
    digest = int.from_bytes(hashlib.sha3_512(seed.encode()).digest(), "big")
    return letter + _base36(digest, 100)[1:24]


def _ulid() -> str:
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _nanoid(size: int = 21) -> str:
    return "".join(_NANOID[byte & 63] for byte in os.urandom(size))


def _product(left: Any, right: Any) -> list[list[Any]]:
    """Every pair: the rows that connect records of one implicit many-to-many relation."""
    lefts = left if isinstance(left, list) else [left]
    rights = right if isinstance(right, list) else [right]
    return [[one, other] for one in lefts for other in rights]


GENERATORS: dict[str, Callable[..., Any]] = {
    "uuid": _uuid,
    "cuid": _cuid,
    "ulid": _ulid,
    "nanoid": _nanoid,
    "product": _product,
}
"""`now` is not among them: a query sees one time only (`values.py`)."""
