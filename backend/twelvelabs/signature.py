"""Whether a webhook is Twelve Labs' own: `TL-Signature: t=1659342128,v1=<hex>`, the HMAC-SHA256 of
the time, a dot and the body as it came."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

OLDEST_SECONDS = 300
"""Also into the future: the clocks of two machines differ."""
LONGEST_HEADER = 1_000
MOST_SIGNATURES = 5
"""While a secret is changed there may be one of each."""

_TIME = re.compile(r"[0-9]{1,15}")
_HEX = re.compile(r"[0-9a-f]{64}")


def is_signed(header: str, body: bytes, secret: str, *, now: float) -> bool:
    """By who knows the secret, not longer ago than OLDEST_SECONDS. Takes the same time, whichever
    part of a signature is wrong."""
    if len(header) > LONGEST_HEADER:
        return False
    times, signatures = [], []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1":
            signatures.append(value)
    if len(times) != 1 or _TIME.fullmatch(times[0]) is None:
        return False
    if abs(now - int(times[0])) > OLDEST_SECONDS or len(signatures) > MOST_SIGNATURES:
        return False
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, sha256).hexdigest()
    agree = [
        hmac.compare_digest(expected, signature)
        for signature in signatures
        if _HEX.fullmatch(signature)
    ]
    return any(agree)
