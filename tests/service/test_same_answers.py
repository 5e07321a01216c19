"""Which database it runs on, only its health shows: equal answers, byte for byte, but for the
ids and times that it makes itself."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.main import create_app
from tests.postgres import PostgresServer
from tests.service.conftest import client_of, settings_for

pytestmark = pytest.mark.anyio

PATH = "/api/video-analysis/"

TEXTS = (
    "plain",
    " spaces kept \n",
    "naïve 日本語 😀 \u200d \u0301",
    "quotes ' \" \\ % _ ` $1 ? :name",
    "null NULL \\0 {} [] 1e3 true",
    "x" * 65_535,
    "😀" * 65_535,
)


def as_json(body: Any) -> dict[str, Any]:
    """In ASCII, which holds even a lone surrogate."""
    return {"content": json.dumps(body), "headers": {"content-type": "application/json"}}


def create(video_id: Any, description: Any = "d", **others: Any) -> tuple[str, str, dict[str, Any]]:
    body = {"video_id": video_id, "description": description, **others}
    return "POST", PATH, as_json(body)


def update(video_id: str, description: Any) -> tuple[str, str, dict[str, Any]]:
    return "PUT", PATH + video_id, as_json({"description": description})


def get(path: str) -> tuple[str, str, dict[str, Any]]:
    return "GET", path, {}


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    get(PATH),
    get(PATH + "none"),
    ("DELETE", PATH + "none", {}),
    update("none", "d"),
    *[create(f"v{number}", text) for number, text in enumerate(TEXTS)],
    *[get(f"{PATH}v{number}") for number in range(len(TEXTS))],
    *[update(f"v{number}", text[::-1]) for number, text in enumerate(TEXTS)],
    get(PATH),
    get(PATH + "?limit=2"),
    create("v0"),
    create("V0", "case matters"),
    create("A-b_c.d~e:f", "every kind of character"),
    create("v" * 255, "the longest id"),
    get(PATH + "V0"),
    get(PATH + "%760"),
    ("DELETE", PATH + "v1", {}),
    ("DELETE", PATH + "v1", {}),
    get(PATH + "v1"),
    create("v1", "again"),
    *[create("bad", text) for text in ("", " ", "a\0b", "\ud800", "x" * 65_536, None, 7)],
    *[create(video_id) for video_id in ("", ".", "a/b", "é", "v" * 256, None, 7)],
    create("v9", "d", more=1),
    *[get(f"{PATH}?limit={limit}") for limit in ("0", "-1", "1001", "x", "1000", "9" * 20)],
    get("/api/nothing"),
    ("PATCH", PATH, {}),
    ("POST", PATH, {"content": b"{", "headers": {"content-type": "application/json"}}),
    get(PATH),
]  # fmt: skip

MADE_HERE = re.compile(r'"(id|created_at|updated_at)":"([^"]*)"')
ID = re.compile(r"c[0-9a-z]{24}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def shown(answer: httpx.Response) -> dict[str, Any]:
    def named(found: re.Match[str]) -> str:
        assert (ID if found[1] == "id" else TIME).fullmatch(found[2]), found[0]
        return f'"{found[1]}":"..."'

    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return {
        "status": answer.status_code,
        "headers": headers,
        "body": MADE_HERE.sub(named, answer.text),
    }


async def answers(url: str) -> list[dict[str, Any]]:
    app = create_app(settings_for(url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        found = []
        for method, path, content in REQUESTS:
            found.append(shown(await client.request(method, path, **content)))
        return found


async def test_both_databases_give_the_same_answers(
    sqlite_template: Path, postgres_server: PostgresServer, postgresql_template: str, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "test.db")
    name = postgres_server.create_database(template=postgresql_template)
    on_sqlite = await answers(f"file:{tmp_path / 'test.db'}")
    on_postgresql = await answers(postgres_server.url(name))
    for request, first, second in zip(REQUESTS, on_sqlite, on_postgresql, strict=True):
        assert first == second, str(request)[:200]
    assert {answer["status"] for answer in on_sqlite} >= {200, 201, 204, 404, 405, 409, 422}
    postgres_server.drop_database(name)
