"""Which connection works for a task at this moment, so that its statement can be interrupted."""

from __future__ import annotations

import sqlite3
import threading

from ...errors import DriverError


class Running:
    """One task's work in another thread, to be interrupted if the task is cancelled; but not a
    moment later, when the connection works for another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._cancelled = False

    def begin(self, connection: sqlite3.Connection) -> None:
        """Called by the thread before it works. Raises DriverError if it need not any more."""
        with self._lock:
            if self._cancelled:
                raise DriverError("ConnectionClosed")
            self._connection = connection

    def end(self) -> None:
        """Called by the thread when it has done."""
        with self._lock:
            self._connection = None

    def interrupt(self) -> None:
        """Called by the task that is cancelled."""
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.interrupt()
