"""Around a pooler: migrations need a connection of their own to the server.

A pooler in transaction mode gives each transaction another connection, which neither a lock nor
`SET` outlives. Prisma's answer is the datasource's `directUrl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from ..wasm.schema import connection_url


def direct_url(schema: str, url: str, environment: Mapping[str, str]) -> str:
    """`url`, or the URL to migrate over: the schema's `directUrl`, or the variable DIRECT_URL
    where `url` says `pgbouncer=true`."""
    if url.startswith("file:"):
        return url
    declared = connection_url(schema, "directUrl")
    direct = declared["value"] or environment.get(declared["fromEnvVar"] or "")
    if direct:
        return direct
    if parse_qs(urlsplit(url).query).get("pgbouncer") == ["true"]:
        return environment.get("DIRECT_URL") or url
    return url
