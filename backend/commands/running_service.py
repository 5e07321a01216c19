"""A running service, asked over HTTP in place of its database: `--url` and `--key`."""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.engine.cli.command_error import CommandError

URL, KEY = "MEMORY_MIRROR_URL", "MEMORY_MIRROR_KEY"

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 60.0
_VISIBLE = re.compile(r"[!-~]+")
_MOST_OF_A_PROBLEM = 2**20
_PROBLEM_TYPE = "urn:memory-mirror:problem:"
# A stream may be silent for hours, as an import of all or nothing is. A host that has gone is
# noticed by the system's probes.
_KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]


class Refused(CommandError):
    """What the service has answered. `kind` is that of its problem document; empty: none came."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def service_of(arguments: argparse.Namespace, owner: str | None) -> RunningService:
    """That the arguments or the environment name. Raises CommandError."""
    key = os.environ.get(KEY, "") if arguments.key is None else arguments.key
    return RunningService(arguments.url or os.environ[URL], key, owner)


class RunningService:
    """Its methods raise Refused, whose text never has the key in it."""

    def __init__(self, url: str, key: str, owner: str | None) -> None:
        """`key` empty: none is shown. `owner` None: the first that the key acts for."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise CommandError("--url is such as http://127.0.0.1:8000, without a name", code=2)
        if key and not _VISIBLE.fullmatch(key):
            raise CommandError("the key has characters that no key has", code=2)
        headers = {"Accept": "application/json, */*"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if owner is not None:
            headers["X-Owner"] = owner
        self.at = f"{parts.scheme}://{parts.netloc}"
        try:
            self._client = httpx.Client(
                base_url=url,
                headers=headers,
                timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
                transport=httpx.HTTPTransport(socket_options=_KEEPALIVE),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise CommandError(f"--url: {error}", code=2) from error

    def __enter__(self) -> RunningService:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self.send("GET", path, params=params)

    def send(self, method: str, path: str, **request: Any) -> Any:
        """What it answers, as JSON; None: nothing."""
        with self.stream(method, path, seconds=_ANSWER_SECONDS, **request) as response:
            text = response.read()
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise Refused(f"{self.at} does not answer as this service does.") from error

    @contextmanager
    def stream(
        self, method: str, path: str, *, seconds: float | None = None, **request: Any
    ) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece. `seconds`: for which it may be silent."""
        timeout = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
        try:
            with self._client.stream(method, path, timeout=timeout, **request) as response:
                if not response.is_success:
                    raise self._refused(response)
                yield response
        except httpx.RemoteProtocolError as error:
            raise Refused(f"The answer of {self.at} was cut: {error}.") from error
        except httpx.TransportError as error:
            raise Refused(f"{self.at} does not answer: {error or type(error).__name__}.") from error

    def _refused(self, response: httpx.Response) -> Refused:
        text = b""
        for part in response.iter_bytes():
            text += part
            if len(text) > _MOST_OF_A_PROBLEM:
                break
        try:
            problem = json.loads(text)
            kind, said = problem["type"].removeprefix(_PROBLEM_TYPE), problem["detail"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return Refused(f"{self.at} answers {response.status_code}. Is it this service?")
        if kind == "key-required":
            said = f"{said} Show it by {KEY} or --key."
        return Refused(str(said), str(kind))


def lines_of(response: httpx.Response) -> Iterator[bytes]:
    """Those that end: a last one without an end was cut."""
    held = b""
    for part in response.iter_bytes():
        *ended, held = (held + part).split(b"\n")
        yield from ended
