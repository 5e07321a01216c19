"""The service, with the loopback server as its Twelve Labs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for
from tests.twelvelabs.server import API_KEY, INDEX_ID, SECRET, LoopbackServer


@asynccontextmanager
async def served(
    database: Database, server: LoopbackServer, **settings: Any
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    options = {
        "twelvelabs_api_key": SecretStr(API_KEY),
        "twelvelabs_index_id": INDEX_ID,
        "twelvelabs_base_url": server.url,
        "twelvelabs_webhook_secret": SecretStr(SECRET),
        "twelvelabs_worker": False,
        "audit_seal_seconds": 0,
        **settings,
    }
    app = create_app(settings_for(database.url, **options))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield app, client
