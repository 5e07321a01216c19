"""An event's line is the same whether Python's logging writes it or it is written directly."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Literal

import pytest

from backend.core import logs

FIELDS = {"method": "GET", "path": "/a", "status": 200, "duration_ms": 0.25, "route": None}


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """Of the service, which alone writes to standard error; set back after the test."""
    monkeypatch.setattr(logging.root, "handlers", [])
    touched = [
        logging.getLogger(name)
        for name in (*logs.LOGGERS, "uvicorn.error", "uvicorn.asgi", "uvicorn.access")
    ]
    before = [(each.handlers, each.propagate, each.level) for each in touched]
    logger = logging.getLogger("backend.core.some_event")
    yield logger
    logger.setLevel(logging.NOTSET)
    for each, (handlers, propagate, level) in zip(touched, before, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


def written(
    monkeypatch: pytest.MonkeyPatch, logger: logging.Logger, log_format: Literal["text", "json"]
) -> str:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stderr", output)
    logs.configure(level="info", log_format=log_format)
    token = logs.request_id.set("r1")
    try:
        logs.Event(logger, "something").log(FIELDS)
    finally:
        logs.request_id.reset(token)
    return output.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_both_ways_write_the_same_line(
    monkeypatch: pytest.MonkeyPatch,
    logger: logging.Logger,
    log_format: Literal["text", "json"],
) -> None:
    listener = logging.Handler()
    short = written(monkeypatch, logger, log_format)
    monkeypatch.setattr(logging.root, "handlers", [listener])
    heard: list[logging.LogRecord] = []
    monkeypatch.setattr(listener, "emit", heard.append)
    long = written(monkeypatch, logger, log_format)

    assert len(heard) == 1
    assert short.endswith("\n")
    assert short.count("\n") == 1
    assert "r1" in short
    if log_format == "json":
        one, other = json.loads(short), json.loads(long)
        assert one.pop("time") <= other.pop("time")
        assert one == other
        assert FIELDS.items() <= one.items()
    else:
        assert short.partition(" ")[2] == long.partition(" ")[2]


def test_nothing_is_written_below_the_level(
    monkeypatch: pytest.MonkeyPatch, logger: logging.Logger
) -> None:
    logger.setLevel(logging.WARNING)
    assert written(monkeypatch, logger, "text") == ""
