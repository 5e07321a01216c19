"""Prisma Migrate: histories of SQL scripts, and the schema engine that writes them.

`deploy` applies a history and needs no WebAssembly; what compares schemas (dev, push, diff, ...)
runs Prisma's schema engine. Nothing here is imported by a running service.
"""

from __future__ import annotations

from .deploy import Deployed, deploy

__all__ = ["Deployed", "deploy"]
