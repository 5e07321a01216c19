"""The log: one record a line on standard error, as text or as JSON, with the request's id."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from time import time
from typing import Any, Literal

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

LOGGERS = ("backend", "prisma", "uvicorn")


def configure(*, level: str, log_format: Literal["text", "json"]) -> None:
    """Take over the loggers of the service, the client and the server. May be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
    for name in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).handlers = []
    # The request log has a line per request already. Without handlers uvicorn writes none.
    access = logging.getLogger("uvicorn.access")
    access.handlers, access.propagate = [], False


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line)


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record.created)} {record.levelname:<7} {record.name}: {record.getMessage()}"
        for name, value in _fields(record).items():
            line += f" {name}={value}"
        if (current := request_id.get()) is not None:
            line += f" request_id={current}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class Event:
    """One line that is written over and over, with other fields each time.

    `Logger.info` makes each record anew, for which it walks the stack and asks for the names of
    the thread and the process: 20 microseconds. Here all but time and fields is known."""

    def __init__(self, logger: logging.Logger, message: str) -> None:
        self._logger = logger
        self._message = message
        self._known: dict[str, Any] | None = None

    def log(self, fields: Mapping[str, Any]) -> None:
        """At level info."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if self._known is None:
            self._known = self._logger.makeRecord(
                self._logger.name, logging.INFO, __file__, 0, self._message, (), None
            ).__dict__
        record = object.__new__(logging.LogRecord)
        now = time()
        record.__dict__.update(self._known, created=now, msecs=int(now % 1 * 1000), fields=fields)
        self._logger.handle(record)


def _time(moment: float) -> str:
    second, fraction = divmod(moment, 1)
    return f"{_second(int(second))}.{int(fraction * 1000):03d}Z"


@lru_cache(maxsize=2)
def _second(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a caller adds with `extra={"fields": {...}}`."""
    fields: Mapping[str, Any] = getattr(record, "fields", _NONE)
    return fields


_NONE: Mapping[str, Any] = {}
_encode = json.JSONEncoder(default=str).encode
