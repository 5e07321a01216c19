"""Records that are exported with their history, and taken over, on either database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from backend.core.errors import InvalidRequest
from backend.main import create_app
from backend.transfer.pasts import past_of
from tests.fixtures import Database, client_of, settings_for
from tests.transfer.conftest import NewDatabase
from tests.transfer.test_export import FULL
from tests.transfer.test_import_endpoint import told

pytestmark = pytest.mark.anyio

V = "/api/video-analysis/"
NDJSON = {"Content-Type": "application/x-ndjson"}


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_for(database.url, audit_seal_seconds=0))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


async def filled(client: httpx.AsyncClient) -> None:
    async def ask(method: str, name: str, **request: Any) -> None:
        answer = await client.request(method, f"{V}{name}", **request)
        assert answer.is_success, answer.text

    async def post(name: str, description: str, **more: Any) -> None:
        await ask("POST", "", json={"description": description, **more, "video_id": name})

    await ask("POST", "", json={**FULL, "video_id": "a"})
    await ask("PATCH", "a", json={"title": 'ünï "x" \u2028', "segments": None})
    machine = {"description": "Two.", "source": {"kind": "machine"}}
    await ask("PUT", "a", json=machine, params={"override": "human"})
    await post("b", "One.")
    await ask("DELETE", "b")
    await post("b", "Again.")
    await post("c", "Once.")
    for n in range(9):
        await ask("PUT", "c", json={"description": f"{n} times."})
    await post("d", "New.", tags=["sea"])
    await post("gone", "New.")
    await ask("DELETE", "gone")


async def exported(client: httpx.AsyncClient, **params: str) -> bytes:
    answer = await client.get("/api/export", params={"with_history": "true", **params})
    assert answer.status_code == 200
    return answer.content


async def imported(client: httpx.AsyncClient, content: bytes, **params: str) -> Any:
    params = {"with_history": "true", **params}
    return told(await client.post("/api/import", content=content, params=params, headers=NDJSON))


async def reads(client: httpx.AsyncClient) -> list[Any]:
    """All that can be read of the records' past."""
    found = []
    for name, newest in (("a", 3), ("b", 3), ("c", 10), ("d", 1), ("gone", 1)):
        paths = [f"{V}{name}", f"{V}{name}/versions"]
        paths += [f"{V}{name}/versions/{n}" for n in range(1, newest + 1)]
        paths += [f"{V}{name}/versions/1/diff?to={newest}"]
        found += [(await client.get(path)).json() for path in paths]
    return found


@pytest.mark.parametrize(("other", "on_error"), [("sqlite", "stop"), ("postgresql", "continue")])
async def test_all_is_as_it_was_on_either_database(
    client: httpx.AsyncClient,
    database: Database,
    new_database: NewDatabase,
    other: str,
    on_error: str,
) -> None:
    await filled(client)
    database.execute("UPDATE change_log SET image = NULL WHERE name = 'c' AND version = 2")
    content = await exported(client)
    assert json.loads(content.splitlines()[-1])["trailer"]["count"] == 4
    target = new_database(other)
    async with served(target) as there:
        lines, summary = await imported(there, content, on_error=on_error)
        assert (summary["created"], summary["failed"], summary["committed"]) == (4, 0, True), lines
        assert await exported(there) == content
        # Of what was deleted nothing is exported.
        assert (await reads(there))[:-3] == (await reads(client))[:-3]
        found = await there.get("/api/search", params={"q": "again"})
        assert [each["video_id"] for each in found.json()["results"]] == ["b"]
        changes = (await there.get("/api/audit", params={"action": "import"})).json()["changes"]
        assert {(each["kind"], each["name"], each["actor"]) for each in changes} == {
            ("history", name, "anonymous") for name in "abcd"
        }
        # And it goes on from there.
        restored = (await there.post(f"{V}a/versions/1/restore")).json()
        assert (restored["version"], restored["description"]) == (4, FULL["description"])
        await there.delete(f"{V}b")
        assert (await there.post(f"{V}b/versions/3/restore")).json()["description"] == "Again."
        assert target.indexed() == {"a", "b", "c", "d"}


async def test_without_being_asked_nothing_is_taken_over(
    client: httpx.AsyncClient, new_database: NewDatabase
) -> None:
    await filled(client)
    content = await exported(client, tag="sea")
    assert len(content.splitlines()) == 3
    async with served(new_database("sqlite")) as there:
        _, summary = await imported(there, await exported(client), with_history="false")
        assert (summary["created"], summary["failed"]) == (4, 0)
        assert (await there.get(f"{V}c")).json()["version"] == 1


async def test_what_there_has_been_stays(client: httpx.AsyncClient, database: Database) -> None:
    await filled(client)
    content = await exported(client)
    lines, summary = await imported(client, content, on_error="continue")
    assert [each["error"]["type"].rpartition(":")[2] for each in lines] == [
        "video-analysis-exists"
    ] * 4
    _, summary = await imported(client, content, mode="skip")
    assert summary["skipped"] == 4
    await client.delete(f"{V}a")
    lines, _ = await imported(client, content, mode="skip", on_error="continue")
    assert lines[0]["error"]["type"].endswith(":versions-exist")
    database.execute("UPDATE video_analysis SET owner = 'ann' WHERE video_id = 'd'")
    database.execute("DELETE FROM change_log WHERE name = 'd'")
    lines, summary = await imported(client, content, mode="skip", on_error="continue")
    assert (lines[3]["error"]["type"].rpartition(":")[2], summary["failed"]) == ("id-taken", 2)
    assert set(database.rows()) == {"b", "c", "d"}


BEFORE = {"video_id": "x", "description": "One.", "id": "cx", "version": 1, "sources": {},
          "created_at": "2026-01-01T00:00:00.000Z",
          "updated_at": "2026-01-01T00:00:00.000Z"}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {"version_of": "x", "version": 1, "at": "2026-01-01T00:00:00.000Z", "action": "create",
     "actor": None, "request_id": None, "before": None},
    {"version_of": "x", "version": 2, "at": "2026-01-02T00:00:00.000Z", "action": "update",
     "actor": "key x (y)", "request_id": "r", "before": BEFORE},
]  # fmt: skip
RECORD = {**BEFORE, "version": 2, "description": "Two.", "updated_at": "2026-01-02T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("change", "record", "said"),
    [
        ({}, {}, None),
        ({"version": 3, "before": None}, {}, "do not lead up"),
        ({"version_of": "y"}, {}, "A change of y stands before"),
        ({"before": {**BEFORE, "version": 2}}, {}, "is not the version before"),
        ({"before": {**BEFORE, "video_id": "y"}}, {}, "is not the version before"),
        ({"before": {**BEFORE, "description": ""}}, {}, "description"),
        ({"at": "yesterday"}, {}, "A time is such as"),
        ({"at": "2026-01-02T00:00:00.1234Z"}, {}, "A time is such as"),
        ({"actor": "\0"}, {}, "no NUL"),
        ({"actor": "\ud800"}, {}, "unicode"),
        ({"action": ""}, {}, "action"),
        ({"number": 1}, {}, "number"),
        ({}, {"version": 3}, "do not lead up"),
        ({}, {"version": 0}, "version"),
        ({}, {"version": 2**31}, "version"),
        ({}, {"id": "x\0"}, "no NUL"),
        ({}, {"id": None}, "id"),
        ({}, {"sources": {"title": {"kind": "ghost", "at": BEFORE["created_at"]}}}, "kind"),
        ({}, {"created_at": "0001-01-01T99:00:00.000Z"}, "no such time"),
        ({}, {"title": 7}, "title"),
    ],
)
def test_each_line_of_a_history_is_checked(change: Any, record: Any, said: str | None) -> None:
    changes = [CHANGES[0], {**CHANGES[1], **change}]
    if said is None:
        past = past_of(RECORD, changes)
        assert (past.id, past.version, [each.version for each in past.changes]) == ("cx", 2, [1, 2])
    else:
        with pytest.raises(InvalidRequest, match=said):
            past_of({**RECORD, **record}, changes)


async def test_a_line_that_cannot_be_read_takes_its_record_along(
    client: httpx.AsyncClient, database: Database
) -> None:
    other = {**BEFORE, "video_id": "y", "id": "cy"}
    good = [{**CHANGES[0], "version_of": "y"}, other]
    sent = [json.dumps(CHANGES[0]).encode(), b"{", json.dumps(RECORD).encode(),
            *(json.dumps(each).encode() for each in good)]  # fmt: skip
    lines, _ = await imported(client, b"\n".join(sent), on_error="continue")
    assert [(each["line"], each["status"]) for each in lines] == [
        (2, "failed"), (3, "failed"), (5, "created"),
    ]  # fmt: skip
    assert set(database.rows()) == {"y"}


async def test_it_is_for_ndjson_and_new_records(client: httpx.AsyncClient) -> None:
    for params in ({"mode": "upsert"}, {"mode": "replace"}, {"format": "csv"}):
        params = {"with_history": "true", **params}
        answer = await client.post("/api/import", content=b"", params=params, headers=NDJSON)
        assert answer.status_code == 422
    answer = await client.get("/api/export", params={"with_history": "true", "format": "csv"})
    assert answer.status_code == 422
