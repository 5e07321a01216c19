"""What goes wrong with Twelve Labs. None of them tells the key.

TwelveLabsError     503, of one of these kinds:
  RateLimited       503, with Retry-After: as much was asked as may be
  Unavailable       503, with Retry-After: no answer, or none that can be read
  Incomplete        503, the answer was cut: it is not to be stored as whole
  Rejected          502, what was asked is refused, and will be again
    NotFound        404
NotSetUp            404, no key is set, or the index is another owner's
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import TYPE_CHECKING, Literal

from backend.core.errors import RETRY_SOON, ServiceError

if TYPE_CHECKING:
    from backend.twelvelabs.wire import Analysis

LONGEST_MESSAGE = 500


class TwelveLabsError(ServiceError):
    status = 503
    kind = "twelvelabs-failed"
    title = "Twelve Labs failed"


class RateLimited(TwelveLabsError):
    """`retry_after`: seconds."""

    kind = "twelvelabs-limited"
    title = "Twelve Labs limits requests"

    def __init__(self, retry_after: float) -> None:
        self.retry_after = max(0.0, retry_after)
        seconds = max(1, ceil(self.retry_after))
        super().__init__(f"Twelve Labs takes no more requests for {seconds} seconds.")
        self.headers = {"Retry-After": str(seconds)}


class Unavailable(TwelveLabsError):
    """`may_have_acted`: the request may have reached Twelve Labs, and done its work there."""

    kind = "twelvelabs-unavailable"
    title = "Twelve Labs unavailable"
    headers: Mapping[str, str] = RETRY_SOON

    def __init__(self, reason: str, *, may_have_acted: bool = True) -> None:
        super().__init__(f"Twelve Labs does not answer as it should: {reason}.")
        self.may_have_acted = may_have_acted


class Incomplete(TwelveLabsError):
    """`reason`: `length`: the answer has as many tokens as it may; `cut`: its end never came;
    `pages`: a list lacks entries. `analysis`: what there is of one, which has cost something."""

    kind = "twelvelabs-incomplete"
    title = "Twelve Labs' answer incomplete"

    def __init__(
        self, reason: Literal["length", "cut", "pages"], analysis: Analysis | None = None
    ) -> None:
        super().__init__(f"The answer of Twelve Labs is not whole ({reason}).")
        self.reason = reason
        self.analysis = analysis


class Rejected(TwelveLabsError):
    """`code` and `message` are Twelve Labs' own, `answered` its HTTP status."""

    status = 502
    kind = "twelvelabs-rejected"
    title = "Twelve Labs refused"

    def __init__(self, code: str, message: str, *, answered: int) -> None:
        self.code = code
        self.message = message[:LONGEST_MESSAGE]
        self.answered = answered
        super().__init__(f"Twelve Labs refused this ({code}): {self.message}")


class NotFound(Rejected):
    status = 404
    kind = "twelvelabs-not-found"
    title = "Not found at Twelve Labs"


class NotSetUp(ServiceError):
    """The same, whichever it is: an owner learns nothing of another's index."""

    status = 404
    kind = "twelvelabs-not-set-up"
    title = "Twelve Labs not set up"

    def __init__(self) -> None:
        super().__init__("There is no Twelve Labs index here. See docs/twelvelabs.md.")
