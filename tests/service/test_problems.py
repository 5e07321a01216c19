"""Errors of every origin are problem documents with the request's id, also those of middlewares."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for
from tests.service.test_bad_input import COLLECTION, JSON, assert_problem, text

pytestmark = pytest.mark.anyio

ORIGIN = "http://localhost:3000"


@pytest.mark.parametrize("path", ["/", "/api", "/api/video-analyses/", "/favicon.ico", "/docs/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_unknown_paths(client: httpx.AsyncClient, method: str, path: str) -> None:
    document = assert_problem(await client.request(method, path), 404)
    assert document == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this path. The interface is described at /docs.",
        "instance": path,
    }


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (COLLECTION, "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/api/video-analysis", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/api/video-analysis/v", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("/api/lookup", "OPTIONS, POST"),
        ("/api/test/health", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
        ("/docs/assets/swagger/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
@pytest.mark.parametrize("method", ["LINK", "OPTIONS", "TRACE", "QUERY"])
async def test_other_methods_are_told_what_is_allowed(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    if method == "OPTIONS":
        assert (answer.status_code, answer.headers["allow"]) == (204, allowed)
        assert answer.content == b""
        return
    document = assert_problem(answer, 405)
    assert answer.headers["allow"] == allowed
    assert document["detail"] == f"This path answers {allowed}."


@pytest.mark.parametrize(
    "path",
    [
        COLLECTION,
        f"{COLLECTION}v",
        f"{COLLECTION}none",
        "/api/search?q=text",
        "/api/search",
        "/api/tags",
        "/api/people",
        "/api/stats",
        "/api/test/health",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/docs/assets/swagger/swagger-ui.css",
        "/nowhere",
    ],
)
async def test_head_answers_as_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    await client.post(COLLECTION, content=text(video_id="v"), headers=JSON)
    headers = {"X-Request-ID": "same", "Origin": ORIGIN}
    got = await client.get(path, headers=headers)
    head = await client.head(path, headers=headers)
    assert head.status_code == got.status_code
    assert head.headers.raw == got.headers.raw
    assert (len(got.content) > 0, head.content) == (True, b"")


@pytest.mark.parametrize("extra", [0, 1])
async def test_the_limit_of_a_body_is_exact(database: Database, extra: int) -> None:
    app = create_app(settings_for(database.url, max_body_bytes=1000))
    body = text(description="a").ljust(1000 + extra)
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.post(COLLECTION, content=body, headers=JSON)
    if extra:
        document = assert_problem(answer, 413)
        assert document["type"] == "urn:memory-mirror:problem:body-too-large"
        assert document["detail"] == "The body may have at most 1000 bytes."
        assert database.rows() == {}
    else:
        assert answer.status_code == 201


async def test_a_large_body_without_length_is_refused_before_its_end(
    client: httpx.AsyncClient, database: Database
) -> None:
    taken = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10_000):
            taken += 100_000
            yield b" " * 100_000

    answer = await client.post(COLLECTION, content=body(), headers=JSON)
    assert_problem(answer, 413)
    assert taken < 100_000_000  # it would be a thousand million
    assert database.rows() == {}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_large_body_is_refused_also_where_none_is_read(
    client: httpx.AsyncClient, method: str
) -> None:
    answer = await client.request(method, "/api/video-analysis/v", content=b" " * 2_000_000)
    assert_problem(answer, 413)


async def test_a_long_description_may_come_with_every_character_escaped(
    client: httpx.AsyncClient,
) -> None:
    body = b'{"video_id": "v", "description": "%s"}' % (b"\\ud834\\udd1e" * 65_535)
    answer = await client.post(COLLECTION, content=body, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["description"] == "𝄞" * 65_535


async def test_a_shorter_limit_of_descriptions(database: Database) -> None:
    app = create_app(settings_for(database.url, max_description_length=10))
    async with app.router.lifespan_context(app), client_of(app) as client:
        stored = await client.post(COLLECTION, json={"video_id": "v", "description": "é" * 10})
        refused = await client.put("/api/video-analysis/v", json={"description": "é" * 11})
        document = (await client.get("/openapi.json")).json()
    assert stored.status_code == 201
    assert assert_problem(refused, 422)["errors"] == [
        {
            "loc": ["body", "description"],
            "msg": "A description has at most 10 characters; this one has 11",
            "type": "string_too_long",
        }
    ]
    assert database.rows() == {"v": "é" * 10}
    schema = document["components"]["schemas"]["VideoAnalysisUpdate"]
    assert schema["properties"]["description"]["maxLength"] == 10


@pytest.mark.parametrize(
    "path", ["/api/test/health", "/nowhere", "/docs", "/api/video-analysis/no-such"]
)
async def test_every_answer_has_a_request_id(client: httpx.AsyncClient, path: str) -> None:
    made = [(await client.get(path)).headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)

    given = await client.get(path, headers={"X-Request-ID": "req-1.A:b/c+d=_~"})
    assert given.headers.get_list("x-request-id") == ["req-1.A:b/c+d=_~"]


@pytest.mark.parametrize(
    "given", ["", " ", "a b", "a\tb", "a" * 129, "é", "<script>", 'a"b', "a,b"]
)
async def test_an_odd_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/api/test/health", headers={b"X-Request-ID": given.encode()})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_a_defect_is_a_500_that_tells_only_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings_for(database.url))

    @app.get("/defect")
    async def defect() -> None:
        raise ZeroDivisionError("inner secret")

    async with client_of(app) as client:
        answer = await client.get("/defect", headers={"X-Request-ID": "req-500", "Origin": ORIGIN})

    document = assert_problem(answer, 500)
    assert document == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "An unexpected error. The log says more under this response's X-Request-ID.",
        "instance": "/defect",
    }
    assert answer.headers["x-request-id"] == "req-500"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[0] for record in logged if record.exc_info] == [ZeroDivisionError]


async def test_a_client_that_leaves_in_the_middle_of_its_body_stores_nothing(
    app: FastAPI, database: Database
) -> None:
    sent: list[dict[str, object]] = []
    messages: Iterator[dict[str, object]] = iter(
        [
            {"type": "http.request", "body": text()[:-1], "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": COLLECTION, "raw_path": COLLECTION.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"content-type", b"application/json")],
        "server": ("127.0.0.1", 8000),
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return next(messages)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 400
    assert database.rows() == {}


def preflight(**headers: str) -> dict[str, str]:
    return {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


@pytest.mark.parametrize("path", ["/api/video-analysis/v", "/api/video-analysis/v/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_preflight_is_answered_without_redirect(
    client: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await client.options(
        path,
        headers=preflight(
            Access_Control_Request_Method=method,
            Access_Control_Request_Headers="content-type, x-request-id",
        ),
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-allow-headers"] == "content-type, x-request-id"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (preflight(Origin="http://evil.example"), "Disallowed CORS origin."),
        (preflight(Origin="null"), "Disallowed CORS origin."),
        (preflight(Access_Control_Request_Method="TRACE"), "Disallowed CORS method."),
    ],
)
async def test_a_refused_preflight_is_a_problem(
    client: httpx.AsyncClient, headers: dict[str, str], detail: str
) -> None:
    answer = await client.options("/api/video-analysis/v", headers=headers)
    document = assert_problem(answer, 400)
    assert document["detail"] == detail
    assert document["instance"] == "/api/video-analysis/v"
    assert "Origin" in answer.headers["vary"]


async def test_pages_of_other_origins_cannot_read_answers(client: httpx.AsyncClient) -> None:
    ours = await client.get("/api/test/health", headers={"Origin": ORIGIN})
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    exposed = set(ours.headers["access-control-expose-headers"].split(", "))
    assert exposed == {
        "ETag", "Idempotency-Replayed", "Location", "Link", "RateLimit", "RateLimit-Policy",
        "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
        "X-Request-ID",
    }  # fmt: skip
    others = await client.get("/api/test/health", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in others.headers


@pytest.mark.parametrize("status", [404, 409, 413, 415, 422])
async def test_our_pages_can_read_problems(client: httpx.AsyncClient, status: int) -> None:
    await client.post(COLLECTION, json={"video_id": "new", "description": "text"})
    content, headers = {
        404: (b"", {}),
        409: (text(), JSON),
        413: (b" " * 2_000_000, JSON),
        415: (text(), {}),
        422: (b"{", JSON),
    }[status]
    path = "/nowhere" if status == 404 else COLLECTION
    answer = await client.post(path, content=content, headers={"Origin": ORIGIN, **headers})
    assert_problem(answer, status)
    assert answer.headers["access-control-allow-origin"] == ORIGIN


async def test_a_database_without_tables_is_a_503_and_named_in_the_log(
    own_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    own_database.execute("ALTER TABLE video_analysis RENAME TO gone")
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert "memory-mirror migrate deploy" in caplog.text
        for answer in (
            await client.get("/api/test/health"),
            await client.get(COLLECTION),
            await client.post(COLLECTION, json={"video_id": "v", "description": "text"}),
        ):
            document = assert_problem(answer, 503)
            assert document["type"] == "urn:memory-mirror:problem:database-unavailable"
            assert document["detail"] == (
                "The database is not ready: its tables are not up to date."
            )
            assert answer.headers["retry-after"] == "1"


async def test_a_database_that_is_away_is_a_503(app: FastAPI, client: httpx.AsyncClient) -> None:
    await app.state.database.disconnect()
    for answer in (await client.get("/api/test/health"), await client.get(COLLECTION)):
        document = assert_problem(answer, 503)
        assert document["detail"] == "The database does not answer. Try again shortly."
        assert answer.headers["retry-after"] == "1"
    await app.state.database.connect()
    assert (await client.get("/api/test/health")).status_code == 200
