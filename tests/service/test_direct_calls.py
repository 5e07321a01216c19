"""An endpoint called directly responds as one that FastAPI calls, and usual requests are called
directly."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from backend.http.direct_call import DirectCall
from backend.main import create_app
from tests.fixtures import MakeDatabase, client_of, settings_for
from tests.service.test_bad_input import BODIES, COLLECTION, JSON, text

pytestmark = pytest.mark.anyio

USUAL = {
    "create_video_analysis",
    "get_video_analysis",
    "list_video_analyses",
    "update_video_analysis",
    "health",
    "look_up",
    "patch_video_analysis",
    "search",
    "stats",
}

UNEQUAL = ("id", "created_at", "updated_at", "at", "next_cursor")
"""What two services give the same record differently."""

Asked = tuple[str, str, dict[str, Any]]

REQUESTS: list[Asked] = [
    *(("POST", COLLECTION, {"content": body, "headers": JSON}) for _, body, _ in BODIES),
    ("POST", COLLECTION, {"content": text(video_id="one"), "headers": JSON}),
    ("POST", COLLECTION.rstrip("/"), {"content": text(video_id="two"), "headers": JSON}),
    ("POST", COLLECTION, {"content": text(video_id="one"), "headers": JSON}),
    ("POST", COLLECTION, {"content": text(video_id="three"), "headers": {}}),
    ("POST", COLLECTION + "?x=1", {"content": text(video_id="four"), "headers": JSON}),
    (
        "POST",
        COLLECTION,
        {
            "content": text(video_id="five"),
            "headers": {"Content-Type": 'Application/JSON;charset="UTF-8"'},
        },
    ),
    (
        "POST",
        COLLECTION,
        {"content": text(video_id="six"), "headers": {**JSON, "Content-Encoding": "gzip"}},
    ),
    ("POST", COLLECTION, {"content": text(video_id="big", description="é" * 700_000)}),
    ("POST", COLLECTION, {"content": ["chunks", text()[:9], text()[9:]]}),
    ("POST", COLLECTION, {"content": ["chunks", *[b" " * 100_000] * 11]}),
    ("GET", COLLECTION + "one", {}),
    ("GET", COLLECTION + "one", {"content": b"{}", "headers": JSON}),
    ("GET", COLLECTION + "one", {"content": b" " * 2_000_000}),
    ("GET", COLLECTION + "one", {"content": ["chunks", b"{", b"}"]}),
    ("HEAD", COLLECTION, {}),
    ("HEAD", COLLECTION + "none", {}),
    ("HEAD", "/docs", {}),
    ("OPTIONS", COLLECTION + "one", {}),
    ("OPTIONS", "/nowhere", {}),
    ("GET", COLLECTION + "one/", {}),
    ("GET", COLLECTION + "%6Fne", {}),
    ("GET", COLLECTION + "one", {"headers": {"Origin": "http://localhost:3000"}}),
    ("GET", COLLECTION + "one", {"headers": {"Origin": "http://elsewhere.example"}}),
    ("GET", COLLECTION + "one?x=1", {}),
    ("GET", COLLECTION + "none", {}),
    ("GET", COLLECTION + "a" * 256, {}),
    ("HEAD", COLLECTION + "one", {}),
    ("PATCH", COLLECTION + "one", {}),
    ("PATCH", COLLECTION + "one", {"json": {"mood": "calm", "tags": ["a"], "extra": {"b": 1}}}),
    ("PATCH", COLLECTION + "one", {"json": {"mood": None, "segments": [{"start": 1}]}}),
    ("GET", COLLECTION + "one", {}),
    ("PUT", COLLECTION + "one", {"json": {"description": "new"}}),
    ("PUT", COLLECTION + "none", {"json": {"description": "new"}}),
    ("PUT", COLLECTION + "a;b", {"json": {"description": "new"}}),
    ("PUT", COLLECTION + "one", {"json": {"description": " "}}),
    ("PUT", COLLECTION + "one", {"json": {"description": "x" * 70_000}}),
    ("GET", COLLECTION, {}),
    ("GET", COLLECTION + "?limit=1", {}),
    ("GET", COLLECTION + "?limit=1&include_total=true&order=updated_at&mood=calm&tag=a&tag=b", {}),
    ("GET", COLLECTION + "?tag=&tag=a", {}),
    ("GET", COLLECTION + "?mood=calm&mood=loud", {}),
    ("GET", COLLECTION + "?order=up", {}),
    ("GET", COLLECTION + "?include_total=maybe", {}),
    ("GET", COLLECTION + "?created_from=2026-01-01&created_to=2026-13-01", {}),
    ("GET", COLLECTION + "?created_from=2026-01-01&updated_to=2027-01-01T00:00:00Z", {}),
    ("GET", "/api/search?q=text&limit=2&country=Portugal", {}),
    ("GET", "/api/search?q=", {}),
    ("GET", "/api/search", {}),
    ("GET", "/api/stats?tag=a", {}),
    ("POST", "/api/lookup", {"json": {"video_ids": ["two", "none"]}}),
    ("POST", "/api/lookup", {"json": {"video_ids": ["a b"]}}),
    ("GET", COLLECTION + "?limit=0", {}),
    ("GET", COLLECTION + "?limit=1&limit=2", {}),
    ("GET", COLLECTION + "?limit=%31", {}),
    ("GET", COLLECTION + "?", {}),
    ("GET", COLLECTION + "?limit=" + "0" * 300 + "1", {}),
    ("GET", "/api/test/health", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/nowhere", {}),
    ("DELETE", COLLECTION + "one", {}),
    ("DELETE", COLLECTION + "one", {}),
]


@pytest.fixture
async def both(make_database: MakeDatabase) -> AsyncIterator[tuple[FastAPI, FastAPI]]:
    direct, through_fastapi = (create_app(settings_for(make_database().url)) for _ in range(2))
    through_fastapi.calls_directly = False
    async with (
        direct.router.lifespan_context(direct),
        through_fastapi.router.lifespan_context(through_fastapi),
    ):
        yield direct, through_fastapi


async def test_both_forms_give_the_same_responses(both: tuple[FastAPI, FastAPI]) -> None:
    async with client_of(both[0]) as direct, client_of(both[1]) as through_fastapi:
        for request in REQUESTS:
            assert await answer(direct, request) == await answer(through_fastapi, request), request[
                :2
            ]


async def answer(client: httpx.AsyncClient, asked: Asked) -> object:
    method, path, options = asked
    headers = {"X-Request-ID": "same", **options.get("headers", {})}
    if isinstance(options.get("content"), list):
        options = {"content": chunks(options["content"][1:])}
        headers |= JSON
    given = await client.request(method, path, **{**options, "headers": headers})
    body: Any = given.content
    if body and given.headers.get("content-type") == "application/json":
        body = masked(given.json())
    headers = [
        (name, re.sub(rb'cursor=[\w-]+|"[0-9a-f]{32}"', b"", value))  # "...": of the bytes
        for name, value in given.headers.raw
    ]
    return given.status_code, headers, body


async def chunks(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def masked(body: Any) -> Any:
    if isinstance(body, dict):
        return {
            key: len(value) if key in UNEQUAL and isinstance(value, str) else masked(value)
            for key, value in body.items()
        }
    return [masked(each) for each in body] if isinstance(body, list) else body


async def test_usual_requests_are_called_directly(app: FastAPI) -> None:
    direct = {
        route.operation_id
        for route in app.router.routes
        if isinstance(route, APIRoute) and DirectCall.of(route) is not None
    }
    assert direct >= USUAL
