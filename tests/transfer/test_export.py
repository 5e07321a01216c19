"""Exports: whole, of one moment, the same bytes from either database."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from hashlib import sha256
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from backend.records import ALL
from backend.transfer.csv_form import COLUMNS, guarded, unguarded
from backend.transfer.export import AT_ONCE
from tests.fixtures import Database

pytestmark = pytest.mark.anyio

PATH = "/api/export"
FULL: dict[str, Any] = {
    "video_id": "full",
    "description": '=SUM(A1) is what the "whiteboard" says,\r\nthen 海 and\ttabs.',
    "title": "-5 degrees",
    "recorded_date": "2026-01-02",
    "age": 7,
    "location": "@home",
    "country": "Norway",
    "mood": "'=calm",
    "event_type": "birthday",
    "duration": 12.3456789012345678,
    "tags": ["b", "a, with a comma", "+c"],
    "people": ["Ann", "Zoë"],
    "segments": [{"start": 0.1, "end": 2.5, "text": "=cake"}],
    "extra": {"n": 1.5, "list": ["x", "y"], "flag": True, "text": "@"},
    "source": {"kind": "machine", "model": "pegasus"},
}


async def store(client: httpx.AsyncClient, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        answer = await client.post("/api/video-analysis/", json=body)
        assert answer.status_code == 201, answer.text


def plain(number: int, **more: Any) -> dict[str, Any]:
    return {"video_id": f"v{number}", "description": f"Day {number}.", **more}


async def test_lines_are_the_records_as_they_are_read(
    client: httpx.AsyncClient, database: Database
) -> None:
    await store(client, FULL, plain(1), plain(2, tags=["a"]))
    answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="memory-mirror.ndjson"'
    *lines, last = answer.content.splitlines(keepends=True)
    assert lines == [
        (await client.get(f"/api/video-analysis/{id_}")).content + b"\n"
        for id_ in ("full", "v1", "v2")
    ]
    digest = sha256(b"".join(lines)).hexdigest()
    assert json.loads(last) == {"trailer": {"count": 3, "sha256": digest}}


async def test_nothing_stored_is_an_export_too(client: httpx.AsyncClient) -> None:
    trailer = {"count": 0, "sha256": sha256(b"").hexdigest()}
    assert (await client.get(PATH)).json() == {"trailer": trailer}
    assert (await client.get(PATH, params={"format": "json"})).json() == []
    assert (await client.get(PATH, params={"format": "csv"})).text == ",".join(COLUMNS) + "\r\n"


async def test_filters_are_those_of_the_list(client: httpx.AsyncClient) -> None:
    await store(client, *(plain(n, tags=["even"] if n % 2 == 0 else []) for n in range(10)))
    for params in (
        {"tag": "even"},
        {"has_description_containing": "7"},
        {"created_from": "2020-01-01", "tag": "even"},
        {"location": "nowhere"},
    ):
        exported = (await client.get(PATH, params={**params, "format": "json"})).json()
        listed = (
            await client.get("/api/video-analysis/", params={**params, "order": "created_at"})
        ).json()
        assert exported == listed["analyses"]
    assert (await client.get(PATH, params={"color": "red"})).status_code == 422
    assert (await client.get(PATH, params={"format": "xml"})).status_code == 422


async def test_csv_has_every_field_as_it_was(client: httpx.AsyncClient) -> None:
    await store(client, FULL, plain(1))
    answer = await client.get(PATH, params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    full, bare = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (full["description"], full["title"]) == (f"'{FULL['description']}", "'-5 degrees")
    assert full["mood"] == "''=calm"
    record = (await client.get("/api/video-analysis/full")).json()
    for name in ("tags", "people", "segments", "extra", "sources", "age", "duration", "version"):
        assert json.loads(full[name]) == record[name], name
    for name in ("description", "title", "location", "mood", "country", "created_at", "id"):
        assert unguarded(full[name]) == record[name], name
    assert (bare["title"], bare["age"], bare["tags"], bare["extra"]) == ("", "", "[]", "{}")


async def test_parquet_has_every_field_as_it_was(client: httpx.AsyncClient) -> None:
    await store(client, FULL, *(plain(n) for n in range(300)))
    answer = await client.get(PATH, params={"format": "parquet"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    records = (await client.get(PATH, params={"format": "json"})).json()
    for row in rows:
        for name in ("created_at", "updated_at"):
            row[name] = row[name].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for name in ("extra", "sources"):
            row[name] = json.loads(row[name])
    assert rows == records


async def test_parquet_is_refused_where_it_cannot_be_written(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "backend.transfer.parquet_form", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = await client.get(PATH, params={"format": "parquet"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["msg"].startswith("Parquet is written by the package pyarrow")


@pytest.mark.parametrize(
    "text", ["=1", "'=1", "''=1", "'", "''", "'a", "a=1", "", "\t=", "\r", "@x", "+", "-"]
)
def test_what_is_guarded_can_be_had_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")


async def test_an_export_is_of_one_moment(app: Any, client: httpx.AsyncClient) -> None:
    await store(client, *(plain(n) for n in range(450)))
    async with app.state.exports.export(ALL, "json") as chunks:
        parts = [await anext(chunks), await anext(chunks)]
        assert (await client.delete("/api/video-analysis/v449")).status_code == 204
        changed = await client.patch("/api/video-analysis/v448", json={"title": "New"})
        assert changed.status_code == 200
        await store(client, plain(450))
        parts += [part async for part in chunks]
    exported = json.loads(b"".join(parts))
    assert [record["video_id"] for record in exported] == [f"v{n}" for n in range(450)]
    assert exported[448]["title"] is None


async def test_a_few_run_at_once(app: Any, client: httpx.AsyncClient) -> None:
    await store(client, plain(1))
    waiting = asyncio.Event()

    async def hold(begun: asyncio.Event) -> None:
        async with app.state.exports.export(ALL, "json"):
            begun.set()
            await waiting.wait()

    events = [asyncio.Event() for _ in range(AT_ONCE)]
    tasks = [asyncio.create_task(hold(event)) for event in events]
    for event in events:
        await event.wait()
    refused = await client.get(PATH)
    assert (refused.status_code, refused.json()["type"]) == (
        429,
        "urn:memory-mirror:problem:too-many-exports",
    )
    assert refused.headers["retry-after"] == "1"
    # Nobody else is kept waiting by them.
    assert (await client.get("/api/video-analysis/v1")).status_code == 200
    await store(client, plain(2))
    tasks[0].cancel()
    waiting.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in range(AT_ONCE + 1):
        assert (await client.get(PATH)).status_code == 200
