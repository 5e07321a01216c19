"""From a call on the client to Prisma's JSON protocol. Knows the schema's parameters, no plan
and no database."""

from __future__ import annotations
