"""The form of a key: `mm_<id>_<secret><checksum>`.

The prefix lets scanners find keys that were published by mistake. The checksum, of all that stands
before it, tells a mistyped key without asking the database.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

PREFIX = "mm"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH = 12
_SECRET_LENGTH = 43
"""32 bytes: 62 ** 43 > 256 ** 32."""
_CHECKSUM_LENGTH = 6
"""A CRC-32: 62 ** 6 > 2 ** 32."""
_SALT_BYTES = 16

KEY_ID_PATTERN = rf"^[0-9A-Za-z]{{{_ID_LENGTH}}}$"
_KEY = re.compile(
    rf"({PREFIX}_([0-9A-Za-z]{{{_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}}))"
    rf"([0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class Key:
    """`secret` is shown to whoever asked for the key, and nobody else."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, id_: str | None = None) -> Key:
        """With a new secret; without an id, with a new one too."""
        if id_ is None:
            id_ = "".join(secrets.choice(_DIGITS) for _ in range(_ID_LENGTH))
        return cls(id_, _base62(int.from_bytes(secrets.token_bytes(32)), _SECRET_LENGTH))

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """None: it is none, or mistyped."""
        match = _KEY.fullmatch(text)
        if match is None or not hmac.compare_digest(_checksum(match[1]), match[4]):
            return None
        return cls(match[2], match[3])

    @property
    def text(self) -> str:
        text = f"{PREFIX}_{self.id}_{self.secret}"
        return text + _checksum(text)


@dataclass(frozen=True, slots=True)
class SecretHash:
    """What is stored of a secret, which has 256 random bits: a slow hash would protect it no
    better."""

    salt: str
    digest: str

    @classmethod
    def of(cls, key: Key, pepper: str) -> SecretHash:
        """`pepper` is not in the database: who has that alone can try no secret."""
        salt = secrets.token_hex(_SALT_BYTES)
        return cls(salt, _digest(key, salt, pepper))

    def matches(self, key: Key, pepper: str) -> bool:
        return hmac.compare_digest(self.digest, _digest(key, self.salt, pepper))


def _digest(key: Key, salt: str, pepper: str) -> str:
    return hmac.digest((salt + pepper).encode(), key.secret.encode(), "sha256").hex()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
