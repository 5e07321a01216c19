"""What holds for every test: one event loop library in debug mode, and no error goes unseen.

Warnings are errors (pyproject.toml). Exceptions in callbacks of the event loop are raised by
anyio's runner; what asyncio only logs, such as a task destroyed while pending, fails the test here.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

from backend.core.logs import LOGGERS
from tests.postgres import postgres_database, postgres_server

__all__ = ["postgres_database", "postgres_server"]

pytest_plugins = ["tests.commands", "tests.fixtures"]


def pytest_configure() -> None:
    # A shell starts what runs in the background (`make test &`) deaf to it, and so would be the
    # programs that the tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"debug": True}


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(autouse=True)
def _asyncio_logs_no_error() -> Iterator[None]:
    errors = _Errors()
    logger = logging.getLogger("asyncio")
    logger.addHandler(errors)
    try:
        yield
    finally:
        logger.removeHandler(errors)
    assert not errors.messages, "\n".join(errors.messages)


@pytest.fixture(scope="module", autouse=True)
def _no_log_of_another_module() -> Iterator[None]:
    """Whose service wrote to what pytest has closed since."""
    yield
    for name in LOGGERS:
        logging.getLogger(name).handlers = []
