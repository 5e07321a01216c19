"""What protects a person's browser, and a developer's store from it."""

from __future__ import annotations

import httpx
import pytest

from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for

pytestmark = pytest.mark.anyio

HEALTH = "/api/test/health"


@pytest.mark.parametrize("path", [HEALTH, "/docs", "/redoc", "/nowhere", "/api/search?q="])
async def test_no_response_may_be_taken_for_another_type(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_run_their_own_scripts_alone(client: httpx.AsyncClient, path: str) -> None:
    policy = (await client.get(path)).headers["content-security-policy"]
    (scripts,) = [part for part in policy.split("; ") if part.startswith("script-src ")]
    assert "unsafe" not in scripts
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("host", "bound", "names", "allowed"),
    [
        ("localhost:8000", "127.0.0.1", (), True),
        ("LOCALHOST", "127.0.0.1", (), True),
        ("[::1]:8000", "127.0.0.1", (), True),
        ("rebound.example:8000", "127.0.0.1", (), False),
        ("localhost.rebound.example", "127.0.0.1", (), False),
        ("", "127.0.0.1", (), False),
        ("192.0.2.7", "192.0.2.7", (), True),
        ("anything.example", "0.0.0.0", (), True),
        ("api.example.org", "127.0.0.1", ("api.example.org",), True),
        ("localhost", "127.0.0.1", ("api.example.org",), False),
        ("localhost", "0.0.0.0", ("api.example.org",), False),
        ("anything.example", "127.0.0.1", ("*",), True),
    ],
)
async def test_which_host_names_are_answered(
    database: Database, host: str, bound: str, names: tuple[str, ...], allowed: bool
) -> None:
    app = create_app(settings_for(database.url, host=bound, allowed_hosts=names))
    async with client_of(app) as client:
        response = await client.get("/openapi.json", headers={"Host": host})
    assert response.status_code == (200 if allowed else 421)
    if not allowed:
        assert response.headers["content-type"] == "application/problem+json"
