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
from tests.fixtures import client_of, settings_for
from tests.postgres import PostgresServer

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
    *[
        create(
            f"m{number}",
            f"A {word} runs and a dog {word}s in the snow, {'over and over ' * (number % 4)}.",
            tags=["snow", word, f"n{number % 3}"],
            people=["Rosa", "Ärne", "ben"][: number % 4],
            location=["Lisbon", "Åre", "lisbon"][number % 3],
            recorded_date=f"2020-0{number % 9 + 1}-11",
            duration=number * 1.5,
            extra={"z": 1.0, "a": [word], "long": 1e20},
            segments=[{"start": 0, "end": number, "text": f"The {word} {number}."}],
        )
        for number, word in enumerate(["bear", "fox", "wolf", "owl", "hare"] * 6)
    ],
    *[
        get(f"/api/search?limit=5&q={question}")
        for question in (
            "bear", "running+dogs+snow", "snow+ow", "woolf", "the", "n1+fox+rosa", "%E6%97%A5",
            "naive", "over+over+hare+snow+dog+lisbon", "bear&tag=n2", "snow&location=%C3%85re",
        )
    ],
    # More words of one beginning than are tried, the commonest of which were stored last.
    *[
        request
        for begun in ("prefix", "suffix")
        for request in (
            *[
                create(f"{begun}{n}", " ".join(f"{begun}{k:02}x" for k in range(n * 6, 90)))
                for n in range(12)
            ],
            *[
                get(f"/api/search?limit=50&q={question}")
                for question in (begun, begun[0], f"{begun}8", f"x{begun}89x", "b")
            ],
            ("DELETE", f"{PATH}{begun}0", {}),
            get(f"/api/search?q={begun}"),
            get(f"/api/search?q={begun}0"),
        )
    ],
    *[get(f"{PATH}?{query}") for query in ("tag=bear&limit=3", "order=recorded_date&person=ben")],
    ("PATCH", PATH + "m3", as_json({"title": "Owls", "tags": ["fox"], "extra": {"z": None}})),
    *[get(f"/api/{path}") for path in ("tags", "tags?limit=2", "people", "stats", "stats?tag=fox")],
    ("PATCH", "/api/tags?name=wolf", as_json({"name": "Wolf"})),
    ("PATCH", "/api/tags?name=bear", as_json({"name": "fox"})),
    ("POST", "/api/tags/merge", as_json({"names": ["bear", "hare"], "into": "animal"})),
    ("DELETE", "/api/people?name=%C3%84rne", {}),
    ("DELETE", "/api/people?name=%C3%84rne", {}),
    get("/api/tags"),
    get("/api/search?q=animal+wolf+arne&limit=100"),
    ("PATCH", PATH, {}),
    ("POST", PATH, {"content": b"{", "headers": {"content-type": "application/json"}}),
    get(PATH),
]  # fmt: skip

MADE_HERE = re.compile(r'"(id|created_at|updated_at|at|next_cursor)":"([^"]*)"')
ID = re.compile(r"c[0-9a-z]{24}")
CURSOR = re.compile(r"[\w-]+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def shown(answer: httpx.Response) -> dict[str, Any]:
    def named(found: re.Match[str]) -> str:
        form = {"id": ID, "next_cursor": CURSOR}.get(found[1], TIME)
        assert form.fullmatch(found[2]), found[0]
        return f'"{found[1]}":"..."'

    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    if "etag" in headers:
        headers["etag"] = re.sub(r'"[0-9a-f]{32}"', "of the bytes", headers["etag"])
    if "link" in headers:
        headers["link"] = re.sub(r"cursor=[\w-]+", "cursor=...", headers["link"])
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
