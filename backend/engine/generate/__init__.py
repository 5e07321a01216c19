"""The client and engine.json, rendered from schema.prisma with Prisma Client Python's
generator."""

from __future__ import annotations
