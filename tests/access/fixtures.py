"""A service that needs a key, and keys for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from backend.commands.keys import OPERATOR
from backend.core.caller import Caller, Scope
from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for


@asynccontextmanager
async def service(
    database: Database, **settings: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """On `database`, with these settings; by default one that needs a key."""
    options = {
        "auth": "required", "audit_seal_seconds": 0, "rate_limit_failures": "", **settings
    }  # fmt: skip
    app = create_app(settings_for(database.url, **options))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield app, client


async def make_key(
    app: FastAPI,
    *scopes: Scope,
    owners: tuple[str, ...] = ("default",),
    expires_at: datetime | None = None,
    maker: Caller = OPERATOR,
) -> tuple[str, str]:
    """Its id, and itself."""
    key, text = await app.state.access.create(
        maker, name="test", owners=owners, scopes=scopes, expires_at=expires_at
    )
    return key.id, text


def shown(key: str, **others: str) -> dict[str, str]:
    """The headers of a request with this key."""
    return {"X-API-Key": key, **{name.replace("_", "-"): value for name, value in others.items()}}
