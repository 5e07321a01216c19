from __future__ import annotations

from .connection import PostgreSQLDriver, PostgreSQLTransaction

__all__ = ["PostgreSQLDriver", "PostgreSQLTransaction"]
