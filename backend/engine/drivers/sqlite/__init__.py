"""SQLite, by Python's own sqlite3."""

from __future__ import annotations

from .connection import SQLiteDriver, SQLiteTransaction

__all__ = ["SQLiteDriver", "SQLiteTransaction"]
