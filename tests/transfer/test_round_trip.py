"""What is exported and imported again says the same, in every form."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.fixtures import Database
from tests.transfer.test_export import FULL, plain, store
from tests.transfer.test_import_endpoint import told

pytestmark = pytest.mark.anyio

TYPES = {"ndjson": "application/x-ndjson", "json": "application/json", "csv": "text/csv"}
OF_THE_SERVICE = ("id", "created_at", "updated_at", "version", "sources")


def said(export: str) -> list[Any]:
    """But for what the service itself says of a record."""
    *lines, trailer = [json.loads(line) for line in export.splitlines()]
    assert trailer["trailer"]["count"] == len(lines)
    return [
        {name: value for name, value in line.items() if name not in OF_THE_SERVICE}
        for line in lines
    ]


@pytest.mark.parametrize("format_", TYPES)
async def test_it_says_the_same(
    client: httpx.AsyncClient, database: Database, format_: str
) -> None:
    formulas = [plain(n, title=f"{sign}1") for n, sign in enumerate(("=", "'=", "''+", "@", "'"))]
    await store(client, FULL, *formulas, plain(9, tags=["a;b", "[c]"]))
    before = (await client.get("/api/export", params={"format": "ndjson"})).text
    exported = await client.get("/api/export", params={"format": format_})
    ids = [line["video_id"] for line in said(before)]
    deleted = await client.post("/api/bulk/delete", json={"video_ids": ids, "confirm": len(ids)})
    assert deleted.status_code == 200, deleted.text
    answer = await client.post(
        "/api/import", content=exported.content, headers={"Content-Type": TYPES[format_]}
    )
    _, summary = told(answer)
    assert (summary["created"], summary["failed"]) == (len(ids), 0), answer.text
    after = (await client.get("/api/export", params={"format": "ndjson"})).text
    assert said(after) == said(before)
