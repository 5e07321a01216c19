"""The log: one record a line on standard error, as text or as JSON, with the request's id."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from threading import RLock
from time import time
from typing import Any, Literal, TextIO

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

Fields = Mapping[str, Any]

LOGGERS = ("backend", "prisma", "uvicorn")
_WARN_EVERY = 60.0


def configure(*, level: str, log_format: Literal["text", "json"]) -> None:
    """Take over the loggers of the service, the client and the server. May be called again."""
    handler = LineHandler(sys.stderr, JsonFormatter() if log_format == "json" else TextFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
    if level == "debug":
        # At debug the generated client logs its datasource, with the password.
        logging.getLogger("prisma").setLevel(logging.INFO)
    for name in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers = []
    # The request log has a line per request already. Without handlers uvicorn writes none.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


class LineFormatter(logging.Formatter, ABC):
    def format(self, record: logging.LogRecord) -> str:
        return self.line(
            record.created,
            record.levelname,
            record.name,
            record.getMessage(),
            getattr(record, "fields", _NONE),
            self.formatException(record.exc_info) if record.exc_info else None,
        )

    @abstractmethod
    def line(
        self,
        moment: float,
        level: str,
        logger: str,
        message: str,
        fields: Fields,
        traceback: str | None = None,
    ) -> str:
        """`fields` are what a caller adds with `extra={"fields": {...}}`."""


class JsonFormatter(LineFormatter):
    def line(
        self,
        moment: float,
        level: str,
        logger: str,
        message: str,
        fields: Fields,
        traceback: str | None = None,
    ) -> str:
        line = {
            "time": _time(moment),
            "level": level.lower(),
            "logger": logger,
            "message": message,
            "request_id": request_id.get(),
            **fields,
        }
        if traceback is not None:
            line["traceback"] = traceback
        return _encode(line)


class TextFormatter(LineFormatter):
    def line(
        self,
        moment: float,
        level: str,
        logger: str,
        message: str,
        fields: Fields,
        traceback: str | None = None,
    ) -> str:
        line = f"{_time(moment)} {level:<7} {logger}: {message}"
        for name, value in fields.items():
            line += f" {name}={value}"
        if (current := request_id.get()) is not None:
            line += f" request_id={current}"
        return line if traceback is None else f"{line}\n{traceback}"


class Event:
    """A line of level info that is written over and over, with other fields each time.

    `Logger.info` walks the stack and asks for thread and process to make a record, and three
    objects hand it on: 25 microseconds, where the line itself takes 4. So where nobody else
    listens, the line is written at once."""

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message

    @property
    def is_wanted(self) -> bool:
        """Whether anybody reads lines of level info."""
        return self._logger.isEnabledFor(logging.INFO)

    def log(self, fields: Fields) -> None:
        if not self.is_wanted:
            return
        handler = _only_handler(self._logger)
        if handler is None:
            self._logger.info(self._message, extra={"fields": fields})
            return
        handler.write_soon(
            handler.lines.line(time(), "INFO", self._logger.name, self._message, fields)
        )


class RareWarning:
    """At most once a minute: what causes it comes by the hundred."""

    def __init__(self, logger: logging.Logger, text: str) -> None:
        self._logger = logger
        self._text = text
        self._since = float("-inf")

    def log(self, now: float, *args: object) -> None:
        if now - self._since > _WARN_EVERY:
            self._since = now
            self._logger.warning(self._text, *args)


class LineHandler(logging.StreamHandler[TextIO]):
    lock: RLock

    def __init__(self, stream: TextIO, lines: LineFormatter) -> None:
        super().__init__(stream)
        self.lines = lines
        self.setFormatter(lines)
        self._waiting: list[str] = []

    def write_soon(self, line: str) -> None:
        """With all others of this turn of the event loop by one call of the system, which costs
        twice as much as making a line."""
        with self.lock:
            self._waiting.append(line)
            if len(self._waiting) > 1:
                return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            loop.call_soon(self.flush)

    def emit(self, record: logging.LogRecord) -> None:
        self.flush()  # in their order
        super().emit(record)

    def flush(self) -> None:
        """Also called when the process ends, by logging."""
        with self.lock:
            if self._waiting:
                lines, self._waiting = self._waiting, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()


def _only_handler(logger: logging.Logger) -> LineHandler | None:
    """Where the loggers above have no other."""
    found: logging.Handler | None = None
    above: logging.Logger | None = logger
    while above is not None:
        for handler in above.handlers:
            if found is not None:
                return None
            found = handler
        above = above.parent if above.propagate else None
    return found if isinstance(found, LineHandler) and not found.filters else None


def _time(moment: float) -> str:
    second, fraction = divmod(moment, 1)
    return f"{_second(int(second))}.{int(fraction * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_NONE: Fields = {}
_encode = json.JSONEncoder(default=str).encode
