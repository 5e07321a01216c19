"""One line per request, as text or JSON, and never a word of a description."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest

from backend.main import create_app
from tests.fixtures import Database, client_of, settings_for
from tests.service.test_bad_input import COLLECTION, JSON, text

pytestmark = pytest.mark.anyio

SECRET = "grandmother-under-the-tree"

BROKEN = {
    "sqlite": "CREATE TRIGGER broken BEFORE INSERT ON video_analysis"
    " BEGIN SELECT RAISE(ABORT, 'broken'); END",
    "postgresql": "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'broken'; END $$;"
    " CREATE TRIGGER broken BEFORE INSERT ON video_analysis EXECUTE FUNCTION broken()",
}


async def logged(
    database: Database,
    capsys: pytest.CaptureFixture[str],
    *requests: tuple[str, str, dict[str, Any]],
    log_format: Literal["text", "json"] = "json",
    log_level: Literal["debug", "warning"] = "debug",
) -> list[str]:
    app = create_app(settings_for(database.url, log_format=log_format, log_level=log_level))
    async with app.router.lifespan_context(app), client_of(app) as client:
        capsys.readouterr()
        for method, path, options in requests:
            await client.request(method, path, **options)
        return capsys.readouterr().err.splitlines()


async def test_a_line_of_json_per_request(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = await logged(
        database,
        capsys,
        ("POST", COLLECTION, {"content": text(), "headers": {**JSON, "X-Request-ID": "r1"}}),
        ("GET", "/api/video-analysis/new/?limit=1", {"headers": {"X-Request-ID": "r2"}}),
        ("GET", "/no%0Awhere", {"headers": {"X-Request-ID": "r3"}}),
        ("TRACE", COLLECTION, {"headers": {"X-Request-ID": "r4"}}),
        ("HEAD", "/api/test/health", {"headers": {"X-Request-ID": "r5"}}),
    )
    records = [json.loads(line) for line in lines]
    shown = [
        (r["request_id"], r["method"], r["route"], r["path"], r["status"], r["level"])
        for r in records
    ]
    item = "/api/video-analysis/{video_id}"
    assert shown == [
        ("r1", "POST", COLLECTION, COLLECTION, 201, "info"),
        ("r2", "GET", item, "/api/video-analysis/new/", 422, "info"),
        ("r3", "GET", None, "/no%0Awhere", 404, "info"),
        ("r4", "TRACE", COLLECTION, COLLECTION, 405, "info"),
        ("r5", "HEAD", "/api/test/health", "/api/test/health", 200, "info"),
    ]
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])
        assert record["duration_ms"] > 0
        assert (record["bytes"] > 0) is (record["method"] != "HEAD")
        assert record["logger"] == "backend.http.steps.access_log"


async def test_a_line_of_text_per_request(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = await logged(
        database,
        capsys,
        ("GET", "/api/video-analysis/no-such", {"headers": {"X-Request-ID": "r1"}}),
        log_format="text",
    )
    assert re.fullmatch(
        r"\S+Z INFO    backend.http.steps.access_log: request method=GET "
        r"route=/api/video-analysis/{video_id} path=/api/video-analysis/no-such status=404 "
        r"duration_ms=[0-9.]+ bytes=\d+ request_id=r1",
        line,
    )


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_description_reaches_the_log(
    database: Database, capsys: pytest.CaptureFixture[str], log_format: Literal["text", "json"]
) -> None:
    good = text(description=SECRET)
    lines = await logged(
        database,
        capsys,
        ("POST", COLLECTION, {"content": good, "headers": JSON}),
        ("POST", COLLECTION, {"content": good, "headers": JSON}),
        ("POST", COLLECTION, {"content": good}),
        ("POST", COLLECTION, {"content": good[:-1], "headers": JSON}),
        ("POST", COLLECTION, {"content": text(description=SECRET + "\0"), "headers": JSON}),
        ("POST", COLLECTION, {"content": text(description=[SECRET]), "headers": JSON}),
        ("POST", COLLECTION, {"content": text(description=SECRET * 5000), "headers": JSON}),
        ("POST", COLLECTION, {"content": text(**{SECRET: 1}), "headers": JSON}),
        ("PUT", "/api/video-analysis/new", {"json": {"description": SECRET}}),
        ("GET", "/api/video-analysis/new", {}),
        ("GET", f"{COLLECTION}?q={SECRET}", {}),
        ("GET", COLLECTION, {}),
        ("DELETE", "/api/video-analysis/new", {"content": good, "headers": JSON}),
        log_format=log_format,
    )
    assert len(lines) == 13
    assert not [line for line in lines if SECRET in line]


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        ("broken", 500),
        ("ALTER TABLE video_analysis RENAME TO gone", 503),
        ("ALTER TABLE video_analysis RENAME COLUMN description TO gone", 503),
    ],
    ids=["fails", "no-table", "no-column"],
)
async def test_a_failing_database_is_explained_without_the_description(
    own_database: Database, capsys: pytest.CaptureFixture[str], damage: str, status: int
) -> None:
    own_database.execute(BROKEN[own_database.provider] if damage == "broken" else damage)
    lines = await logged(
        own_database,
        capsys,
        ("POST", COLLECTION, {"content": text(description=SECRET), "headers": JSON}),
    )
    cause, request = (json.loads(line) for line in lines)
    assert request["status"] == status
    assert cause["request_id"] == request["request_id"]
    if status == 500:
        assert cause["level"] == "error"
        assert cause["traceback"].startswith("Traceback")
    else:
        assert cause["level"] == "warning"
        assert "video_analysis" in cause["message"] or "description" in cause["message"]
    assert SECRET not in json.dumps(cause)


async def test_from_warning_on_only_what_fails_has_a_line(
    own_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ("POST", COLLECTION, {"content": text(), "headers": {**JSON, "X-Request-ID": "r1"}})
    assert await logged(own_database, capsys, create, log_level="warning") == []
    own_database.execute(BROKEN[own_database.provider])
    (line,) = await logged(own_database, capsys, create, log_level="warning")
    cause = json.loads(line)
    assert (cause["level"], cause["request_id"]) == ("error", "r1")
