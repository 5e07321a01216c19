"""GET /api/backup: all owners, for who may act for all of them, one at a time, whole or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from backend.core.caller import ADMIN, ALL_OWNERS, Caller, acting_for
from backend.models.schemas import VideoAnalysisCreate
from backend.transfer import BackupError, restore
from backend.transfer.archive import ArchiveReader
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import SCHEMA, Database
from tests.transfer.conftest import NewDatabase

pytestmark = pytest.mark.anyio

PATH = "/api/backup"
OWNERS = ("default", "ann")


class Served(NamedTuple):
    app: FastAPI
    client: httpx.AsyncClient
    headers: dict[str, str]
    """Of who may act for all owners."""


@pytest.fixture
async def served(database: Database) -> AsyncIterator[Served]:
    async with service(database) as (app, client):
        for name in OWNERS:
            with acting_for(name):
                for n in range(3):
                    new = VideoAnalysisCreate(video_id=f"v{n}", description=f"Day {n} of {name}.")
                    await app.state.database.create_video_analysis(new)
        _, key = await make_key(app, ADMIN, owners=(ALL_OWNERS,))
        yield Served(app, client, shown(key))


async def test_it_is_a_backup_of_all_owners(
    served: Served, new_database: NewDatabase, tmp_path: Path
) -> None:
    answer = await served.client.get(PATH, headers=served.headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    name = answer.headers["content-disposition"].partition("filename=")[2].strip('"')
    assert name.startswith("memory-mirror-")
    path = tmp_path / name
    path.write_bytes(answer.content)
    target = new_database("sqlite")
    await restore(path, target.url, schema=SCHEMA, force=False)
    assert target.count("video_analysis WHERE owner = 'ann'") == 3
    assert target.count("video_analysis") == 6
    assert target.count("change_log") == 7  # with the key's
    assert target.count("access_key") == 1


async def test_what_was_cut_is_no_backup(served: Served, tmp_path: Path) -> None:
    whole = (await served.client.get(PATH, headers=served.headers)).content
    path = tmp_path / "cut.mmz"
    for length in (*range(0, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            ArchiveReader(path)
    path.write_bytes(whole)
    with closing(ArchiveReader(path)) as archive:
        archive.verify()


async def test_it_is_not_for_who_acts_for_some(served: Served) -> None:
    _, key = await make_key(served.app, ADMIN, owners=OWNERS)
    answer = await served.client.get(PATH, headers=shown(key))
    assert (answer.status_code, answer.json()["type"]) == (
        403,
        "urn:memory-mirror:problem:all-owners-needed",
    )


async def test_nobody_has_it_without_a_key(client: httpx.AsyncClient) -> None:
    assert (await client.get(PATH)).status_code == 403


async def test_one_is_made_at_a_time(served: Served) -> None:
    asked = Caller("key", "k", "k", (ALL_OWNERS,), frozenset({ADMIN}))
    for _ in range(2):
        async with served.app.state.backups.backup(asked) as parts:
            await anext(parts)  # and no more of it is taken
            answer = await served.client.get(PATH, headers=served.headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            with acting_for("ann"):  # no writer waits for it
                await served.app.state.database.delete_video_analysis("v0")
                again = VideoAnalysisCreate(video_id="v0", description="Again.")
                await served.app.state.database.create_video_analysis(again)
    assert (await served.client.get(PATH, headers=served.headers)).status_code == 200


async def test_a_database_that_cannot_be_read_is_said_before_it_begins(
    own_database: Database,
) -> None:
    async with service(own_database) as (app, client):
        _, key = await make_key(app, ADMIN, owners=(ALL_OWNERS,))
        own_database.execute("DELETE FROM _prisma_migrations")
        answers = [await client.get(PATH, headers=shown(key)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert "migrations" in answers[0].json()["detail"]


async def test_a_client_that_leaves_ends_it(served: Served) -> None:
    asked = Caller("key", "k", "k", (ALL_OWNERS,), frozenset({ADMIN}))
    begun = asyncio.Event()

    async def take() -> None:
        async with served.app.state.backups.backup(asked) as parts:
            await anext(parts)
            begun.set()
            await asyncio.Event().wait()

    taking = asyncio.create_task(take())
    await begun.wait()
    taking.cancel()
    await asyncio.wait([taking])
    assert (await served.client.get(PATH, headers=served.headers)).status_code == 200
