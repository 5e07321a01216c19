"""Compiled plans kept on disk, so that a process that starts anew needs no compiler for the
queries that an earlier one has made.

One SQLite file for all schemas, databases and versions of Prisma, which processes share. A plan is
read when it is asked for, so that a process holds no more than it uses. What is in the file becomes
SQL, so the folder must be ours alone. A disk that refuses is no reason to fail.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..cache_folder import cache_folder, open_private

_FORMAT = 2
_KEPT = 5_000
"""Plans; the oldest make room."""

_TABLE = """
CREATE TABLE IF NOT EXISTS plan (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, tree TEXT NOT NULL
)
"""
_FIND = "SELECT tree FROM plan WHERE key = ?"
_ADD = "INSERT OR IGNORE INTO plan (key, tree) VALUES (?, ?)"
_MAKE_ROOM = f"DELETE FROM plan WHERE id <= (SELECT max(id) FROM plan) - {_KEPT}"


class PlanStore:
    """For one thread at a time. `made_from`: all that a plan depends on besides the query."""

    def __init__(self, made_from: Sequence[str]) -> None:
        self._made_from = hashlib.sha256(json.dumps([_FORMAT, *made_from]).encode())
        self._connection: sqlite3.Connection | None = None
        self._is_tried = False

    def find(self, shape: str) -> dict[str, Any] | None:
        """The plan of a shape, as the compiler made it."""
        connection = self._connected()
        if connection is None:
            return None
        try:
            found = connection.execute(_FIND, (self._key(shape),)).fetchone()
            plan = json.loads(found[0]) if found else None
        except (sqlite3.Error, ValueError):
            return None
        return plan if isinstance(plan, dict) else None

    def add(self, shape: str, plan: dict[str, Any]) -> None:
        """Keep a plan for later processes."""
        connection = self._connected()
        if connection is None:
            return
        try:
            with connection:
                connection.execute(_ADD, (self._key(shape), json.dumps(plan)))
                connection.execute(_MAKE_ROOM)
        except sqlite3.Error:
            return

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _key(self, shape: str) -> bytes:
        digest = self._made_from.copy()
        digest.update(shape.encode())
        return digest.digest()

    def _connected(self) -> sqlite3.Connection | None:
        """None where there is no store that can be used."""
        if not self._is_tried:
            self._is_tried = True
            folder = cache_folder() / "plans"
            if open_private(folder) is None:
                file = folder / "plans.db"
                self._connection = _open(file) or _open_anew(file)
        return self._connection


def _open(file: Path) -> sqlite3.Connection | None:
    connection = None
    try:
        connection = sqlite3.connect(file, timeout=1, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")  # power may fail, and the file stays whole
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute(_TABLE)
    except sqlite3.Error:
        if connection is not None:
            connection.close()
        return None
    return connection


def _open_anew(file: Path) -> sqlite3.Connection | None:
    """In place of a file that is no database."""
    try:
        if file.read_bytes()[:16] == b"SQLite format 3\0":
            return None  # it is one, and in use, or the disk is full
        file.unlink()
    except OSError:
        return None
    return _open(file)
