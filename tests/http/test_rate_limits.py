"""429 for more requests than a caller may make, and what every answer says of its limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from backend.http.routes import ApiRoute, counted_as, open_to_all
from backend.main import create_app
from tests.fixtures import Database, settings_for
from tests.service.test_bad_input import COLLECTION, assert_problem

pytestmark = pytest.mark.anyio

LIMITS = {
    "rate_limit_read": "3/hour",
    "rate_limit_write": "4/hour",
    "rate_limit_search": "2/hour",
    "rate_limit_bulk": "1/hour",
}
HEADERS = {
    "ratelimit", "ratelimit-policy",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
}  # fmt: skip

ClientFrom = Callable[[str], httpx.AsyncClient]


@asynccontextmanager
async def limited(
    database: Database, *, calls_directly: bool = True, **settings: object
) -> AsyncIterator[ClientFrom]:
    """A service with limits, and its clients by their address."""
    app = create_app(settings_for(database.url, audit_seal_seconds=0, **{**LIMITS, **settings}))
    app.calls_directly = calls_directly

    def client(address: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app, client=(address, 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async with app.router.lifespan_context(app):
        yield client


@pytest.mark.parametrize("calls_directly", [True, False])
async def test_what_is_more_is_refused_and_not_done(
    database: Database, calls_directly: bool
) -> None:
    async with limited(database, calls_directly=calls_directly) as client_from:
        client = client_from("203.0.113.9")
        answers = [
            await client.post(COLLECTION, json={"video_id": f"v{n}", "description": "text"})
            for n in range(6)
        ]
        other = await client_from("203.0.113.10").delete(f"{COLLECTION}v0")
    assert [answer.status_code for answer in answers] == [201] * 4 + [429] * 2
    assert sorted(database.rows()) == ["v1", "v2", "v3"]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == list("321000")
    assert "retry-after" not in answers[3].headers
    left = int(answers[4].headers["retry-after"])
    assert 3500 < left <= 3600
    document = assert_problem(answers[4], 429)
    assert document == {
        "type": "urn:memory-mirror:problem:rate-limited",
        "title": "Too many requests",
        "status": 429,
        "detail": f"The limit of write is 4 in 3600 seconds. Try again in {left} seconds.",
        "instance": COLLECTION,
    }
    assert answers[4].headers["ratelimit-policy"] == '"write";q=4;w=3600'
    assert answers[4].headers["ratelimit"] == f'"write";r=0;t={left}'
    assert answers[4].headers["x-ratelimit-limit"] == "4"
    assert other.status_code == 204


READ, WRITE, SEARCH, BULK = '"read";', '"write";', '"search";', '"bulk";'


@pytest.mark.parametrize(
    ("method", "path", "policy"),
    [
        ("GET", COLLECTION, READ),
        ("HEAD", COLLECTION, READ),
        ("OPTIONS", COLLECTION, READ),
        ("GET", f"{COLLECTION}none", READ),
        ("GET", f"{COLLECTION}n%6Fne", READ),
        ("GET", "/nowhere", READ),
        ("GET", "/", READ),
        ("POST", "/api/lookup", READ),
        ("POST", "/api/lookup/", READ),
        ("POST", "/nowhere", WRITE),
        ("BREW", "/nowhere", WRITE),
        ("POST", COLLECTION, WRITE),
        ("PUT", f"{COLLECTION}none", WRITE),
        ("PATCH", f"{COLLECTION}none", WRITE),
        ("DELETE", f"{COLLECTION}none", WRITE),
        ("DELETE", "/api/tags?name=none", WRITE),
        ("GET", "/api/search?q=text", SEARCH),
        ("GET", "/api/search/?q=text", SEARCH),
        ("GET", "/api/se%61rch", SEARCH),
        ("HEAD", "/api/search", SEARCH),
        ("POST", "/api/context", SEARCH),
        ("GET", "/api/audit", READ),
        ("GET", "/api/audit?format=json", READ),
        ("GET", "/api/audit?format=ndjson", BULK),
        ("GET", "/api/audit?for%6Dat=ndjs%6fn", BULK),
        ("GET", "/api/test/health", None),
        ("GET", "/docs", None),
        ("GET", "/redoc/", None),
        ("GET", "/openapi.json", None),
        ("GET", "/docs/assets/swagger/swagger-ui.css", None),
    ],
)
async def test_of_which_class_a_request_is(
    database: Database, method: str, path: str, policy: str | None
) -> None:
    async with limited(database) as client_from:
        answer = await client_from("203.0.113.9").request(method, path)
    assert answer.status_code < 500
    if policy is None:
        assert not HEADERS & set(answer.headers)
    else:
        assert set(answer.headers) >= HEADERS
        assert answer.headers["ratelimit-policy"].startswith(policy)


async def test_an_export_by_its_media_type_is_bulk(database: Database) -> None:
    async with limited(database) as client_from:
        answer = await client_from("203.0.113.9").get(
            "/api/audit", headers={"Accept": "application/x-ndjson"}
        )
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["ratelimit-policy"] == '"bulk";q=1;w=3600'


async def test_classes_and_networks_are_counted_apart(database: Database) -> None:
    async with limited(database) as client_from:
        statuses = [
            (await client_from(address).get(path)).status_code
            for address, path in [
                ("2001:db8:1:2::1", "/api/search?q=a"),
                ("2001:db8:1:2::2", "/api/search?q=a"),
                ("2001:db8:1:2:ffff::3", "/api/search?q=a"),
                ("2001:db8:1:3::1", "/api/search?q=a"),
                ("2001:db8:1:2::1", COLLECTION),
            ]
        ]
    assert statuses == [200, 200, 429, 200, 200]


async def test_a_header_moves_nobody_to_another_address(database: Database) -> None:
    async with limited(database, forwarded_allow_ips=("10.0.0.0/8",)) as client_from:
        statuses = [
            (
                await client_from(peer).get("/api/search?q=a", headers={"X-Forwarded-For": header})
            ).status_code
            for peer, header in [
                ("203.0.113.9", "198.51.100.1"),
                ("203.0.113.9", "198.51.100.2"),
                ("203.0.113.9", "198.51.100.3"),
                ("10.0.0.1", "198.51.100.1"),
                ("10.0.0.1", "1.1.1.1, 203.0.113.9"),
            ]
        ]
    assert statuses == [200, 200, 429, 200, 429]


async def test_without_limits_nothing_is_counted_or_said(client: httpx.AsyncClient) -> None:
    answers = [await client.get(COLLECTION) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    assert not HEADERS & set(answers[0].headers)


async def test_a_preflight_does_not_count(database: Database) -> None:
    async with limited(database) as client_from:
        client = client_from("203.0.113.9")
        asks = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
        for _ in range(10):
            answer = await client.options(COLLECTION, headers=asks)
            assert answer.status_code == 200
        assert (await client.get(COLLECTION)).headers["x-ratelimit-remaining"] == "2"


async def test_a_class_of_a_path_with_parameters_is_refused_at_the_start(
    database: Database,
) -> None:
    app = create_app(settings_for(database.url, **LIMITS))

    @counted_as("bulk")
    @open_to_all
    async def export(owner: str) -> None: ...

    app.router.routes.append(ApiRoute("/api/export/{owner}", export))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises(TypeError, match=r"/api/export/\{owner\}"):
            await client.get(COLLECTION)
