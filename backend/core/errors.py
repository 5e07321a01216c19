"""What the service refuses, and what stops it. `problems.py` renders the first kind as HTTP.

ServiceError                 answered as a problem document; records/errors.py has more of them
  KeyRequired                401, with WWW-Authenticate
  ScopeMissing               403, names the scope
  OwnerNotHeld               403
  BodyTooLarge               413
  UnsupportedMediaType       415
  InvalidRequest             422, with the place and reason of each error
  PreconditionRequired       428, where REQUIRE_IF_MATCH is set
  RateLimited                429, with Retry-After
  RequestIncomplete          400, the client went away in the middle of its body
  DatabaseUnavailable        503, with Retry-After
    DatabaseNotReady         503, a table or column is missing
    DatabaseMoved            503, with a longer Retry-After: it takes no writes
  RateLimitsUnavailable      503, with Retry-After: what cannot be counted is refused
  StorageFull                507, nothing was written; reading goes on
StartupError                 the server cannot start; its text is shown to who started it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

RETRY_SOON: Mapping[str, str] = {"Retry-After": "1"}
"""Headers: in a second."""

MOST_ERRORS = 20
LONGEST_NAME = 100


class FieldError(NamedTuple):
    """One reason for a 422: the keys that FastAPI's users know."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class ServiceError(Exception):
    """`kind` names the problem for programs, `title` for people, `detail` tells this case."""

    status: ClassVar[int]
    kind: ClassVar[str]
    title: ClassVar[str]
    headers: Mapping[str, str] = {}
    """Of the response."""
    more: Mapping[str, Any] = {}
    """Further members of the problem document."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class KeyRequired(ServiceError):
    """One text for all causes: who guesses keys learns nothing of them."""

    status = 401
    kind = "key-required"
    title = "Key required"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="memory-mirror"'}

    def __init__(self) -> None:
        super().__init__(
            "This needs a valid key, sent as Authorization: Bearer or X-API-Key. None came, or it "
            "is mistyped, expired or revoked."
        )


class ScopeMissing(ServiceError):
    status = 403
    kind = "scope-missing"
    title = "Scope missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}, which the caller does not have.")
        self.more = {"scope": scope}


class OwnerNotHeld(ServiceError):
    """Says the same whether there is such an owner or not."""

    status = 403
    kind = "owner-not-held"
    title = "Owner not held"

    def __init__(self) -> None:
        super().__init__("The caller does not act for the owner that X-Owner names.")


class BodyTooLarge(ServiceError):
    status = 413
    kind = "body-too-large"
    title = "Body too large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have at most {limit} bytes.")


class UnsupportedMediaType(ServiceError):
    status = 415
    kind = "unsupported-media-type"
    title = "Unsupported media type"


class InvalidRequest(ServiceError):
    """Many errors are cut short: a request may be wrong in a hundred thousand places."""

    status = 422
    kind = "invalid-request"
    title = "Invalid request"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        told = [
            error._replace(loc=tuple(map(_bearable, error.loc))) for error in errors[:MOST_ERRORS]
        ]
        if len(errors) > MOST_ERRORS:
            more = f"and {len(errors) - MOST_ERRORS} more errors"
            told.append(FieldError(told[0].loc[:1], more, "more_errors"))
        super().__init__("; ".join(f"{'.'.join(map(str, e.loc))}: {e.msg}" for e in told))
        self.errors = told


class PreconditionRequired(ServiceError):
    status = 428
    kind = "precondition-required"
    title = "Precondition required"

    def __init__(self) -> None:
        super().__init__(
            "This service takes a change only with If-Match: send the ETag of the record as you "
            "have read it."
        )


class RateLimited(ServiceError):
    status = 429
    kind = "rate-limited"
    title = "Too many requests"

    def __init__(self, limit: str, *, retry_after: int) -> None:
        super().__init__(f"{limit} Try again in {retry_after} seconds.")
        self.headers = {"Retry-After": str(retry_after)}


class RequestIncomplete(ServiceError):
    status = 400
    kind = "request-incomplete"
    title = "Request incomplete"

    def __init__(self) -> None:
        super().__init__("The connection was closed before the body was complete.")


class DatabaseUnavailable(ServiceError):
    status = 503
    kind = "database-unavailable"
    title = "Database unavailable"

    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self, detail: str = "The database does not answer. Try again shortly.") -> None:
        super().__init__(detail)


class DatabaseNotReady(DatabaseUnavailable):
    def __init__(self) -> None:
        super().__init__("The database is not ready: its tables are not up to date.")


class DatabaseMoved(DatabaseUnavailable):
    headers: Mapping[str, str] = {"Retry-After": "5"}

    def __init__(self) -> None:
        super().__init__(
            "What is stored is being moved to another database. Reading goes on; nothing is "
            "written until the service uses that one."
        )


class RateLimitsUnavailable(ServiceError):
    status = 503
    kind = "rate-limits-unavailable"
    title = "Rate limits unavailable"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self) -> None:
        super().__init__("The store of the rate limits does not answer. Try again shortly.")


class StorageFull(ServiceError):
    status = 507
    kind = "storage-full"
    title = "Storage full"

    def __init__(self) -> None:
        super().__init__("The database's disk is full. Nothing was written; reading goes on.")


class StartupError(Exception):
    """Says what is wrong and what cures it, in words for the person at the terminal."""


def _bearable(part: str | int) -> str | int:
    """A name that the client chose: of bearable length, and encodable."""
    if isinstance(part, int):
        return part
    if len(part) > LONGEST_NAME:
        part = part[:LONGEST_NAME] + "…"
    return part.encode("utf-8", "replace").decode("utf-8")
