"""The write-ahead log, brought into the database beside the writer.

By itself SQLite does that within the commit that makes the log long: it then takes 10 milliseconds
instead of a few tenths, and the writes behind it wait. So a thread does it, on a connection of its
own. The log can begin anew only at a moment when all of it is in the database, for which a busy
writer leaves few. So once the log is long the thread begins again after every commit. Where even
that finds no such moment, a commit does the rest, as it always would, but there is little left.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable

from .running import end_of

LONGEST_LOG = 8_000
"""Pages, of 4 KiB, at which a commit brings in what is left."""

_LONG_LOG = 5_000
"""Pages from which on the thread begins after every commit."""

_CHANGES = 4_000
"""Rows written after which to begin. Some 1,000 pages, after which SQLite would."""


class Checkpoints:
    """`open_connection` opens the thread's connection."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self._open_connection = open_connection
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._closing = False
        self._changes_before = 0
        self._log_is_long = False

    def open(self) -> None:
        """Start the thread. Raises DriverError."""
        connection = self._open_connection()
        self._thread = threading.Thread(
            target=self._main, args=(connection,), name="sqlite-checkpoints", daemon=True
        )
        self._thread.start()

    async def close(self) -> None:
        """End what is under way, and the thread. May be called more than once."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing = True
        self._wanted.set()
        await end_of(thread)

    def changed(self, writing: sqlite3.Connection) -> None:
        """The writer, in its thread, has ended a transaction."""
        changes = writing.total_changes
        if changes - self._changes_before >= (1 if self._log_is_long else _CHANGES):
            self._changes_before = changes
            self._wanted.set()

    def _main(self, connection: sqlite3.Connection) -> None:
        try:
            while True:
                self._wanted.wait()
                self._wanted.clear()
                if self._closing:
                    return
                # What it cannot do now, because of a reader or a full disk, the next one does.
                with contextlib.suppress(sqlite3.Error):
                    [(_, pages, _)] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    self._log_is_long = pages >= _LONG_LOG
        finally:
            connection.close()
