"""Prisma for Python in one process: see README.md in this folder.

in_process(Prisma)    a generated client that runs on this engine
"""

from __future__ import annotations

from .client import in_process

__all__ = ["in_process"]
