"""The keys that another service publishes (RFC 7517), at a URL or in a file.

They are fetched beside the requests, again from time to time, and when a token names a key that is
not known; a request waits only for one that it needs. Where they cannot be fetched, those of the
last time stay for a day.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import jwt

from backend.access.errors import KeysUnavailable

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256", "EdDSA")
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 5.0
"""Between two attempts, whatever tokens name."""
KEPT_SECONDS = 24 * 3600.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 100
_FETCH_SECONDS = 5.0


class KeySet:
    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[jwt.PyJWK] = []
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """May be called more than once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def find(self, id_: object) -> jwt.PyJWK | None:
        """The key with this id; where the token names none, the only one. Raises KeysUnavailable
        where none are known."""
        age = monotonic() - self._fetched
        if age > KEPT_SECONDS:
            self._keys = []
        found = self._known(id_)
        if found is None:
            await self._fetched_again()
            found = self._known(id_)
        elif age > REFRESH_SECONDS:
            self._fetch_soon()
        if not self._keys:
            raise KeysUnavailable
        return found

    def _known(self, id_: object) -> jwt.PyJWK | None:
        if id_ is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == id_), None)

    async def _fetched_again(self) -> None:
        task = self._fetch_soon()
        if task is not None:
            await asyncio.wait([task])  # whoever waits may leave; the task goes on

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """The fetch that runs; None: the last one was a moment ago."""
        if self._task is None and monotonic() - self._tried >= RETRY_SECONDS:
            self._tried = monotonic()
            self._task = asyncio.get_running_loop().create_task(self._fetch())
        return self._task

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._keys = _keys_of(await self._read())
            self._fetched = monotonic()
        except (httpx.HTTPError, OSError, ValueError, RecursionError, jwt.PyJWTError) as error:
            reason = str(error) or type(error).__name__
            logger.warning("JWT_JWKS has given no keys, those of before stay: %s", reason)
        finally:
            self._task = None

    async def _read(self) -> bytes:
        if not self._source.startswith(("http://", "https://")):
            return await asyncio.to_thread(_read_file, self._source)
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_FETCH_SECONDS)
        content = b""
        async with self._client.stream("GET", self._source) as response:
            if response.status_code != 200:
                raise ValueError(f"status {response.status_code}")
            async for part in response.aiter_bytes(MOST_BYTES):
                content += part
                if len(content) > MOST_BYTES:
                    raise ValueError(f"more than {MOST_BYTES} bytes")
        return content


def _read_file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    return content


def _keys_of(content: bytes) -> list[jwt.PyJWK]:
    """Those that sign, by an algorithm that is taken here. Raises ValueError, PyJWTError."""
    document: Any = json.loads(content)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f"no key set with up to {MOST_KEYS} keys")
    keys = [
        key
        for key in jwt.PyJWKSet(listed)
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
    ]
    if not keys:
        raise ValueError(f"no key for {', '.join(ALGORITHMS)}")
    return keys
