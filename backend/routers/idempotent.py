"""The header Idempotency-Key: a request that may be sent again, and is done once.

As the IETF's draft-ietf-httpapi-idempotency-key-header-07 has it; a bare token is taken too.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from backend.core.caller import actor
from backend.core.errors import FieldError, InvalidRequest, ServiceError
from backend.http.problems import Problem, problem_of
from backend.records import DatabaseService, Once

T = TypeVar("T")

IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same key and body, the request is not done again: the "
    "first one's answer comes back, with `Idempotency-Replayed: true`.",
    "schema": {
        "type": "string",
        "maxLength": 255,
        "pattern": r'^("[ !#-\[\]-~]+"|[!#-~]+)$',
        "examples": ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    },
}

LONGEST = 255
_KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"|([\x21\x23-\x7e]+)')


async def once(
    request: Request,
    database: DatabaseService,
    body: BaseModel | None,
    work: Callable[[], Awaitable[T]],
    shown: Callable[[T], Response],
) -> Response:
    """What `shown` makes of `work`'s outcome, which is JSON. With a key `work` is done once."""
    asked = asked_once(
        request, lambda: b"" if body is None else body.model_dump_json(exclude_unset=True).encode()
    )
    if asked is None:
        return shown(await work())

    async def outcome() -> Any:
        try:
            return {"done": await work()}
        except ServiceError as error:
            if error.status >= 500 or error.status in (403, 429):  # may be done another time
                raise
            return {"refused": problem_of(error).as_stored()}

    found, is_replayed = await database.once(asked, outcome)
    if "refused" in found:
        response: Response = Problem.of_stored(found["refused"])
    else:
        response = shown(found["done"])
    return replayed(response) if is_replayed else response


def replayed(response: Response) -> Response:
    """Says that it is the answer of an earlier request."""
    response.headers["Idempotency-Replayed"] = "true"
    return response


def asked_once(request: Request, body: Callable[[], bytes]) -> Once | None:
    """None: there is no key. `body`: what is sent, or its digest."""
    if not any(name == b"idempotency-key" for name, _ in request.scope["headers"]):
        return None
    keys = request.headers.getlist("idempotency-key")
    return Once(actor.get(), _key(keys), _fingerprint(request, body()))


def _key(values: list[str]) -> str:
    match = _KEY.fullmatch(values[0].strip()) if len(values) == 1 else None
    if match is None or len(key := match[1] or match[2]) > LONGEST:
        reason = f"Idempotency-Key is one string of 1 to {LONGEST} visible ASCII characters"
        raise InvalidRequest([FieldError(("header", "Idempotency-Key"), reason, "idempotency_key")])
    return key.replace("\\", "") if match[1] else key


def _fingerprint(request: Request, body: bytes) -> str:
    """Of all that decides what is done."""
    scope = request.scope
    parts = [
        scope["method"].encode(),
        scope["path"].rstrip("/").encode(),
        scope["query_string"],
        *(request.headers.get(name, "").encode() for name in ("if-match", "if-none-match")),
        body,
    ]
    return sha256(b"\n".join(b"%d:%s" % (len(part), part) for part in parts)).hexdigest()
