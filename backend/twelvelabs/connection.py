"""Requests to Twelve Labs: sent when they may be, tried again where that may help, their errors
told apart."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from time import monotonic
from typing import Any, Literal, NamedTuple, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from backend.twelvelabs.errors import (
    NotFound,
    RateLimited,
    Rejected,
    TwelveLabsError,
    Unavailable,
)
from backend.twelvelabs.limiter import Bucket, Limiter, Window, retry_after

Generation = Literal["2026-07", "2026-03"]
"""Of the interface: analyses name a video by its asset (`2026-07`), or by its own id."""

MOST_ATTEMPTS = 5
LONGEST_DELAY = 20.0
"""Seconds until the next attempt, at random up to twice `delay`, which doubles with each."""
MOST_BYTES = 4 * 2**20
"""Of an answer: the longest analyses and transcriptions have some 1 MB. It is read in 30 ms."""
_KEY = re.compile(r"[!-~]{1,1000}")

AnswerT = TypeVar("AnswerT", bound=BaseModel)
DoneT = TypeVar("DoneT")


@dataclass(frozen=True, slots=True)
class Connection:
    """`timeout`: seconds for an answer; `analysis_timeout` for one that Twelve Labs writes.
    `patience`: for how long a request may wait for its turn and for its attempts. `delay`: between
    these."""

    api_key: str = field(repr=False)
    index_id: str
    base_url: str = "https://api.twelvelabs.io/v1.3"
    generation: Generation = "2026-07"
    timeout: float = 30.0
    analysis_timeout: float = 600.0
    patience: float = 120.0
    delay: float = 0.5

    def __post_init__(self) -> None:
        if _KEY.fullmatch(self.api_key) is None:  # what an error of httpx would show
            raise ValueError("the key has only visible characters of ASCII")


class Request(NamedTuple):
    method: str
    path: str
    bucket: Bucket
    params: Mapping[str, Any] | None = None
    json: Any = None
    form: list[tuple[str, str]] | None = None
    """Fields of multipart/form-data."""
    content: AsyncIterator[bytes] | None = None
    """There is one attempt: it can be read once."""
    headers: Mapping[str, str] | None = None
    repeatable: bool = True
    """It may be sent again though it may have done its work."""
    silence: float | None = None
    """Seconds without a byte; None: the connection's `timeout`."""
    seconds: float | None = None
    """Seconds for all of it, likewise."""


class Requests:
    def __init__(self, rules: Connection) -> None:
        self._rules = rules
        self._limiter = Limiter()
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """May be called more than once."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def ask(
        self, request: Request, model: type[AnswerT], *, patience: float | None = None
    ) -> AnswerT:
        """Raises TwelveLabsError."""

        async def once(left: float) -> AnswerT:
            async with self._sent(request, left) as response:
                return _read_as(model, await _content(response))

        return await self.attempts(request, once, patience=patience)

    async def tell(self, request: Request) -> None:
        """Of whose answer the status is all."""

        async def once(left: float) -> None:
            async with self._sent(request, left) as response:
                await _content(response)

        await self.attempts(request, once)

    async def lines(self, request: Request, left: float) -> AsyncGenerator[bytes]:
        """Of one attempt's answer."""
        async with self._sent(request, left) as response:
            held, size = b"", 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > MOST_BYTES:
                    raise Unavailable(f"an answer of more than {MOST_BYTES} bytes")
                *whole, held = (held + part).split(b"\n")
                for line in whole:
                    yield line
            yield held

    async def attempts(
        self,
        request: Request,
        once: Callable[[float], Awaitable[DoneT]],
        *,
        patience: float | None = None,
    ) -> DoneT:
        """`once` is called with the seconds that are left, until it raises nothing that another
        attempt may mend."""
        deadline = monotonic() + (self._rules.patience if patience is None else patience)
        attempt, most = 1, MOST_ATTEMPTS if request.content is None else 1
        while True:
            try:
                return await once(max(0.0, deadline - monotonic()))
            except RateLimited:
                delay = 0.0  # the limiter waits
                if attempt >= most:
                    raise
            except Unavailable as error:
                if error.may_have_acted and not request.repeatable:
                    raise
                delay = random.uniform(0, min(LONGEST_DELAY, self._rules.delay * 2**attempt))
                if attempt >= most or delay > deadline - monotonic():
                    raise
            attempt += 1
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def _sent(self, request: Request, patience: float) -> AsyncIterator[httpx.Response]:
        """A response with a status that is no error."""
        async with self._limiter.turn(request.bucket, patience) as window:
            try:
                async with (
                    asyncio.timeout(request.seconds or self._rules.timeout),
                    (await self._client()).stream(
                        request.method,
                        self._rules.base_url + request.path,
                        params=request.params,
                        json=request.json,
                        content=request.content,
                        files=_files(request.form),
                        headers=request.headers,
                        timeout=request.silence or self._rules.timeout,
                    ) as response,
                ):
                    window.note(response.headers)
                    if response.status_code >= 300:
                        raise self._error_of(response, await _content(response), window)
                    yield response
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise Unavailable(_said(error), may_have_acted=False) from error
            except (httpx.HTTPError, TimeoutError) as error:
                raise Unavailable(_said(error)) from error

    async def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            is_clear = self._rules.base_url.startswith("http://")
            # To load the certificates takes 0.1 s.
            context = False if is_clear else await asyncio.to_thread(_certificates)
            self._http = self._http or httpx.AsyncClient(
                verify=context,
                headers={
                    "x-api-key": self._rules.api_key,
                    "User-Agent": f"memory-mirror/{version('memory-mirror')}",
                },
                follow_redirects=False,  # the key would go with them
            )
        return self._http

    def _error_of(
        self, response: httpx.Response, content: bytes, window: Window
    ) -> TwelveLabsError:
        status = response.status_code
        if status == 429:
            told = retry_after(response.headers)
            wait = random.uniform(0, 2 * self._rules.delay) if told is None else told
            window.block(wait)
            return RateLimited(wait)
        if status >= 500 or status == 408:
            # A proxy on the way may not know what has become of it.
            return Unavailable(f"status {status}", may_have_acted=status not in (500, 503))
        code, message = _code_and_message(content)
        message = message.replace(self._rules.api_key, "...")
        error = NotFound if status == 404 else Rejected
        return error(code or f"status {status}", message, answered=status)


_certificates = cache(httpx.create_ssl_context)


async def _content(response: httpx.Response) -> bytes:
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > MOST_BYTES:
            raise Unavailable(f"an answer of more than {MOST_BYTES} bytes")
    return bytes(content)


def _read_as(model: type[AnswerT], content: bytes) -> AnswerT:
    try:
        return model.model_validate(orjson.loads(content))
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise Unavailable(f"an answer without a right {place or 'object'}") from None
    except ValueError:
        raise Unavailable("an answer that is no JSON") from None


def _code_and_message(content: bytes) -> tuple[str, str]:
    """Of the three forms that errors have."""
    try:
        body: Any = orjson.loads(content)
    except ValueError:
        return "", ""
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if not isinstance(body, dict):
        return "", ""
    code = body.get("code", body.get("error_code", ""))
    return str(code)[:100], str(body.get("message") or "")


def _files(form: list[tuple[str, str]] | None) -> Any:
    return None if form is None else [(name, (None, value)) for name, value in form]


def _said(error: Exception) -> str:
    """Its kind alone: its text may quote what was sent."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).lower()
