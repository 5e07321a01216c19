"""What is refused of keys.

KeyNotFound       404
BeyondCaller      403, a key with more than its maker has
TooManyKeys       409
KeysUnavailable   503, the keys that tokens are signed with are not known
"""

from __future__ import annotations

from collections.abc import Mapping

from backend.core.errors import RETRY_SOON, ServiceError


class KeyNotFound(ServiceError):
    status = 404
    kind = "key-not-found"
    title = "Key not found"

    def __init__(self, id_: str) -> None:
        super().__init__(f"There is no key with the id {id_}")


class BeyondCaller(ServiceError):
    status = 403
    kind = "beyond-caller"
    title = "Beyond the caller"

    def __init__(self, what: str) -> None:
        super().__init__(f"Nobody can make a key with more than he has himself: {what}")


class TooManyKeys(ServiceError):
    status = 409
    kind = "too-many-keys"
    title = "Too many keys"

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} keys already. Revoke those that nobody uses.")


class KeysUnavailable(ServiceError):
    status = 503
    kind = "token-keys-unavailable"
    title = "Token keys unavailable"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("Tokens cannot be checked now: their keys could not be fetched.")
