"""/docs and /redoc in a real browser: `make test-pages`.

The server goes by a name that is not localhost, where Swagger UI would treat itself differently,
and every other name resolves to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from backend.engine.migrate import deploy
from tests.acceptance.chromium import Chromium
from tests.service.server import Server

SCHEMA = Path(__file__).parents[2] / "prisma" / "schema.prisma"
NAME = "memories.example"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "test.db"
    asyncio.run(deploy(SCHEMA, f"file:{path}", log=lambda _: None))
    return path


@pytest.fixture
def server(database: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(f"file:{database}", tmp_path, ALLOWED_HOSTS=f"{NAME},127.0.0.1") as server:
        yield server


@pytest.fixture
def browser() -> Iterator[Chromium]:
    rules = f"MAP {NAME} 127.0.0.1, MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with Chromium(f"--host-resolver-rules={rules}") as browser:
        yield browser


def assert_asked_only_us(browser: Chromium) -> None:
    hosts = {urlsplit(url).hostname for url in browser.requests if url.startswith("http")}
    assert hosts == {NAME}
    assert {urlsplit(url).scheme for url in browser.requests} <= {"http", "data", "blob"}
    assert browser.errors == []


def number_of_operations(server: Server) -> int:
    described = httpx.get(f"http://127.0.0.1:{server.port}/openapi.json").json()
    return sum(len(operations) for operations in described["paths"].values())


def test_swagger_ui_shows_and_runs_every_operation(
    server: Server, browser: Chromium, database: Path
) -> None:
    number = number_of_operations(server)
    browser.open(f"http://{NAME}:{server.port}/docs")
    browser.wait_for("document.querySelectorAll('.opblock').length", lambda n: n == number)
    assert browser.evaluate("document.querySelector('.info .title').innerText").startswith(
        "Memory Mirror"
    )

    browser.evaluate("document.querySelector('.opblock-post .opblock-summary-control').click()")
    body = "document.querySelector('.opblock-post textarea.body-param__text')"
    assert "6789abcd-beach-day" in browser.wait_for(f"{body} && {body}.value")
    browser.evaluate("document.querySelector('.opblock-post .execute').click()")
    status = (
        "document.querySelector('.opblock-post .live-responses-table tbody .response-col_status')"
    )
    assert browser.wait_for(f"{status} && {status}.innerText").startswith("201")
    with contextlib.closing(sqlite3.connect(database)) as stored:
        rows = stored.execute("SELECT video_id FROM video_analysis").fetchall()
    assert rows == [("6789abcd-beach-day",)]
    text = browser.evaluate("document.querySelector('.opblock-post').innerText")
    for status_code in (201, 400, 409, 413, 415, 422, 500, 503):
        assert str(status_code) in text
    assert "Video analysis already exists for video_id: 6789abcd-beach-day" in text
    assert_asked_only_us(browser)


@pytest.mark.parametrize("page", ["/redoc", "/redoc/"])
def test_redoc_shows_every_operation_with_examples(
    server: Server, browser: Chromium, page: str
) -> None:
    browser.open(f"http://{NAME}:{server.port}{page}")
    operations = (
        "document.querySelectorAll('[data-section-id^=\"tag/\"][data-section-id*=operation]')"
    )
    number = number_of_operations(server)
    browser.wait_for(f"{operations}.length", lambda n: n == number)
    text = browser.evaluate("document.body.innerText")
    for expected in (
        "Store the description of a video",
        "Ask whether the service and its database answer",
        "6789abcd-beach-day",
        "Two children build a sandcastle while their grandmother reads under a tree.",
    ):
        assert expected in text
    assert f"{page}/logo-mini.svg" in [urlsplit(url).path for url in browser.requests]
    assert_asked_only_us(browser)
