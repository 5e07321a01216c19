"""What Twelve Labs tells by itself. It only says that something has happened, and to what: so it is
looked at again. Twice, late or out of order do no harm."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated

import orjson
from pydantic import BaseModel, Field, ValidationError

from backend.core.caller import acting_for
from backend.core.database import translated_errors
from backend.core.errors import ServiceError
from backend.twelvelabs.errors import NotSetUp
from backend.twelvelabs.index import Index
from backend.twelvelabs.signature import is_signed

logger = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024
"""Of a body."""
MOST_REMEMBERED = 10_000
"""Events that are known if they come again: 1 MB. Older ones are looked at once more."""


class SignatureInvalid(ServiceError):
    """One text for all causes."""

    status = 403
    kind = "webhook-signature-invalid"
    title = "Signature invalid"

    def __init__(self) -> None:
        super().__init__(
            "TL-Signature is missing, is not that of this body and of our secret, or is older than "
            "5 minutes."
        )


class EventUnreadable(ServiceError):
    status = 400
    kind = "webhook-unreadable"
    title = "Event unreadable"

    def __init__(self) -> None:
        super().__init__("The body is no event with a type and data.id.")


class _Data(BaseModel):
    id: Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]


class _Event(BaseModel):
    id: str | None = None
    type: str
    data: _Data


class WebhookService:
    """`secret` empty: none is taken. `noticed` is told the id that an event names, of a task or of
    a video."""

    def __init__(
        self, index: Index, secret: str, noticed: Callable[[str], Awaitable[None]]
    ) -> None:
        self._index = index
        self._secret = secret
        self._noticed = noticed
        self._known: OrderedDict[bytes, None] = OrderedDict()

    @translated_errors
    async def take(self, body: bytes, signature: str) -> bool:
        """Whether it was new. Raises NotSetUp, SignatureInvalid, EventUnreadable."""
        if self._index.client is None or not self._secret:
            raise NotSetUp
        if not is_signed(signature, body, self._secret, now=time.time()):
            raise SignatureInvalid
        try:
            event = _Event.model_validate(orjson.loads(body))
        except (ValidationError, ValueError):
            raise EventUnreadable from None
        key = sha256(event.id.encode() if event.id else body).digest()
        if key in self._known:
            return False
        with acting_for(self._index.owner):
            await self._noticed(event.data.id)
        # Not before: where it has failed, it is sent again.
        self._known[key] = None
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        logger.info("Twelve Labs has told: %.100r", event.type)
        return True
