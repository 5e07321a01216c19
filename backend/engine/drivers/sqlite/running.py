"""Work in other threads: how a statement is stopped when its task is cancelled, and how to wait for
a thread.

SQLite asks, every so many instructions, whether it shall go on. (`sqlite3_interrupt` would be lost
between two statements, or before the first.)
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import DriverError
from ..driver import NO_SETTINGS, SessionSettings
from .settings import CurrentSettings
from .statements import Execute

_INSTRUCTIONS_BETWEEN_QUESTIONS = 50_000
"""Some 3 ms. Each question waits for its turn among Python's threads."""


class Running:
    """One task's work in another thread, with what `current_setting` answers to it."""

    def __init__(self, settings: SessionSettings = NO_SETTINGS) -> None:
        self.settings = settings
        self.is_cancelled = False


class Worker:
    """A connection that works in a thread, for one task at a time; `execute` runs a statement on
    it. It stops what it does for a task that is cancelled, and nothing that it does for others."""

    def __init__(self, connection: sqlite3.Connection, execute: Execute) -> None:
        self.connection = connection
        self.execute = execute
        self.is_closing = False
        self._running: Running | None = None
        self._settings = CurrentSettings(connection)
        connection.set_progress_handler(self._must_stop, _INSTRUCTIONS_BETWEEN_QUESTIONS)

    def _must_stop(self) -> bool:
        running = self._running
        return running is not None and (running.is_cancelled or self.is_closing)

    @contextmanager
    def working_for(self, running: Running) -> Iterator[None]:
        """Raises DriverError if there is no need to any more."""
        if running.is_cancelled or self.is_closing:
            raise DriverError("ConnectionClosed")
        self._running = running
        self._settings.values = running.settings
        try:
            yield
        finally:
            self._running = None
            self._settings.values = NO_SETTINGS


async def end_of(thread: threading.Thread) -> None:
    """Wait for it, without holding up the event loop."""
    while thread.is_alive():  # noqa: ASYNC110  a thread's end sets no event
        await asyncio.sleep(0.001)
