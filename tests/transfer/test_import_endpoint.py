"""`POST /api/import`: its answer is a line for each line, and a summary."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from backend.main import create_app
from backend.transfer import importing, validation
from tests.fixtures import Database, client_of, settings_for
from tests.transfer.test_importing import BEACH, SNOW
from tests.transfer.test_reading import gzipped

pytestmark = pytest.mark.anyio

I = "/api/import"  # noqa: E741
NDJSON = {"Content-Type": "application/x-ndjson"}


def body_of(*records: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def told(answer: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    assert list(last) == ["summary"]
    return lines, last["summary"]


async def test_each_line_and_the_summary_are_answered(
    client: httpx.AsyncClient, database: Database
) -> None:
    body = gzipped(body_of(BEACH, {"video_id": "b"}, SNOW))
    answer = await client.post(
        I,
        params={"on_error": "continue"},
        content=body,
        headers={"Content-Type": "application/gzip"},
    )
    lines, summary = told(answer)
    assert lines[0] == {"line": 1, "video_id": "beach", "status": "created"}
    assert lines[2] == {"line": 3, "video_id": "snow", "status": "created"}
    single = await client.post("/api/video-analysis/", json={"video_id": "b"})
    assert lines[1] == {
        "line": 2,
        "video_id": "b",
        "status": "failed",
        "error": single.json() | {"instance": I},
    }
    assert summary == {
        "lines": 3,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "failed": 1,
        "last_line": 3,
        "resumed_after": None,
        "dry_run": False,
        "complete": True,
        "committed": True,
    }
    record = (await client.get("/api/video-analysis/beach")).json()
    assert {name: record[name] for name in BEACH} == BEACH
    changes = (await client.get("/api/audit")).json()["changes"]
    assert {change["request_id"] for change in changes} == {answer.headers["x-request-id"]}
    assert set(database.rows()) == {"beach", "snow"}


async def test_what_is_exported_can_be_imported(client: httpx.AsyncClient) -> None:
    await client.post(I, content=body_of(BEACH), headers=NDJSON)
    record = (await client.get("/api/video-analysis/beach")).json()
    await client.delete("/api/video-analysis/beach")
    lines, _ = told(await client.post(I, content=body_of(record), headers=NDJSON))
    assert lines[0]["status"] == "created"
    again = (await client.get("/api/video-analysis/beach")).json()
    of_the_service = validation.OF_THE_SERVICE
    assert {name: again[name] for name in record if name not in of_the_service} == {
        name: record[name] for name in record if name not in of_the_service
    }


async def test_stop_stores_nothing_and_says_where(
    client: httpx.AsyncClient, database: Database
) -> None:
    lines, summary = told(
        await client.post(I, content=body_of(BEACH, {"video_id": "b"}), headers=NDJSON)
    )
    assert [(line["line"], line["status"]) for line in lines] == [(2, "failed")]
    assert (summary["committed"], summary["complete"]) == (False, False)
    assert database.rows() == {}


async def test_csv_with_other_names(client: httpx.AsyncClient, database: Database) -> None:
    lines, _ = told(
        await client.post(
            I,
            params={"map": "video=video_id,text=description", "mode": "upsert"},
            content="\ufeffvideo;text\r\na1;Ein Tag\r\n".encode(),
            headers={"Content-Type": "text/csv; charset=utf-8"},
        )
    )
    assert lines == [{"line": 2, "video_id": "a1", "status": "created"}]
    assert database.rows() == {"a1": "Ein Tag"}


async def test_the_same_key_goes_on_and_is_of_one_file(
    client: httpx.AsyncClient, database: Database
) -> None:
    headers = NDJSON | {"Idempotency-Key": "once"}
    for on_error in ("continue", "stop"):
        for each in (1, 2):
            lines, summary = told(
                await client.post(
                    I,
                    params={"on_error": on_error, "mode": "skip"},
                    content=body_of(BEACH, SNOW),
                    headers=headers | {"Idempotency-Key": on_error},
                )
            )
            assert (len(lines), summary["lines"]) == (2 if each == 1 else 0, 2)
            assert summary["resumed_after"] == (None if each == 1 else 2)
        other = await client.post(
            I, content=body_of(BEACH), headers=headers | {"Idempotency-Key": on_error}
        )
        assert other.json()["type"].endswith(":idempotency-key-reused")
    assert database.count("change_log") == 2


@pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data; boundary=x", ""])
async def test_what_a_page_may_send_unasked_is_refused(
    client: httpx.AsyncClient, database: Database, media_type: str
) -> None:
    answer = await client.post(I, content=body_of(SNOW), headers={"Content-Type": media_type})
    assert (answer.status_code, database.rows()) == (415, {})


@pytest.mark.parametrize(
    ("params", "content", "status"),
    [
        ({"map": "x"}, b"", 422),
        ({"mode": "x"}, b"", 422),
        ({"format": "json"}, body_of(SNOW), 422),
        ({}, gzipped(body_of(SNOW))[:-9], 422),
        ({"mode": "skip"}, gzipped(body_of(*[SNOW] * 9_000)), 413),
        ({}, body_of(*[SNOW] * 9_000), 413),
    ],
)
async def test_what_cannot_be_read_is_refused(
    database: Database, params: dict[str, str], content: bytes, status: int
) -> None:
    app = create_app(settings_for(database.url, import_max_bytes=300_000, audit_seal_seconds=0))
    async with app.router.lifespan_context(app), client_of(app) as client:
        answer = await client.post(I, params=params, content=content, headers=NDJSON)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert database.rows() == {}
        # And gives its turn back.
        for _ in range(importing.MOST_AT_ONCE + 1):
            told(await client.post(I, params={"mode": "skip"}, content=b"", headers=NDJSON))


async def test_a_larger_body_than_other_paths_take(
    client: httpx.AsyncClient, database: Database
) -> None:
    records = [{"video_id": f"v{n}", "description": "x" * 60_000} for n in range(40)]
    lines, _ = told(await client.post(I, content=body_of(*records), headers=NDJSON))
    assert len(lines) == len(database.rows()) == 40
    too_long = json.dumps({"video_id": "long", "title": "x" * 2**20}).encode()
    lines, summary = told(
        await client.post(
            I,
            params={"on_error": "continue"},
            content=too_long + b"\n" + body_of(SNOW),
            headers=NDJSON,
        )
    )
    assert lines[0]["error"]["status"] == 413
    assert (lines[1]["status"], summary["failed"]) == ("created", 1)


async def test_only_so_many_run_at_once(client: httpx.AsyncClient) -> None:
    async def slow(answers: list[httpx.Response]) -> AsyncIterator[bytes]:
        yield body_of(SNOW)
        if len(answers) < importing.MOST_AT_ONCE:
            answers.append(
                await client.post(I, params={"mode": "skip"}, content=slow(answers), headers=NDJSON)
            )

    answers: list[httpx.Response] = []
    told(await client.post(I, params={"mode": "skip"}, content=slow(answers), headers=NDJSON))
    assert [answer.status_code for answer in answers] == [503, 200]
    assert answers[0].json()["type"].endswith(":imports-running")
