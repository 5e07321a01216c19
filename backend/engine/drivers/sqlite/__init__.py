"""SQLite, by Python's own sqlite3."""

from .connection import SQLiteDriver, SQLiteTransaction

__all__ = ["SQLiteDriver", "SQLiteTransaction"]
