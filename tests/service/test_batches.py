"""What is written at the same time goes in one statement, and stays apart for all that."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pytest
from prisma.errors import DataError, UniqueViolationError

from backend.records import batches
from backend.records.batches import BatchedCreates
from tests.fixtures import Database, on_postgresql, prisma_on
from tests.statements import statements

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"


def row(video_id: str, **fields: Any) -> Any:
    return {"id": f"id of {video_id}", "videoId": video_id, "description": "A dog.", **fields}


async def test_creates_of_one_turn_are_few_statements(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        before = await statements(db)
        await asyncio.gather(
            *(creates.create(row(f"v{number}", title=None)) for number in range(21)),
            *(creates.create(row(f"w{number}", title="Dogs")) for number in range(2)),
        )
        assert await statements(db) - before == 4, "16 + 4 + 1, and 2 with a title"
    assert len(database.rows()) == 23


class GivenUpError(Exception):
    pass


async def test_those_that_come_meanwhile_are_one_statement(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_MAX_DELAY", 1e3)
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        with contextlib.suppress(GivenUpError):
            async with db.tx() as transaction:
                await transaction.videoanalysis.create(row("first"))
                before = await statements(db)
                made = [creates.create(row("first"))]  # waits for the transaction's end
                await asyncio.sleep(0.05)
                for number in range(4):
                    made.append(creates.create(row(f"v{number}")))
                    await asyncio.sleep(0)
                raise GivenUpError
        await asyncio.gather(*made)
        assert await statements(db) - before == 2
    assert len(database.rows()) == 5


# SQLite writes one thing at a time.
@on_postgresql
async def test_a_statement_that_waits_holds_up_nobody(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        async with db.tx() as transaction:
            await transaction.videoanalysis.create(row("b"))
            waiting = creates.create(row("b"))
            await asyncio.sleep(0.01)
            await asyncio.wait_for(creates.create(row("c")), 5)
            assert not waiting.done()
        with pytest.raises(UniqueViolationError):
            await waiting
    assert sorted(database.rows()) == ["b", "c"]


async def test_only_those_that_are_refused_fail(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        await creates.create(row("taken"))
        ids = ["a", "taken", "b", "c", "b", "d"]
        made = [row(id_) | {"id": f"{place}"} for place, id_ in enumerate(ids)]
        outcomes = await asyncio.gather(
            *(creates.create(each) for each in made),
            creates.create(row("null in a required field", description=None)),
            return_exceptions=True,
        )
    failed = {place: type(each) for place, each in enumerate(outcomes) if each is not None}
    assert failed.pop(6) is not UniqueViolationError
    assert list(failed.values()) == [UniqueViolationError] * 2
    assert 1 in failed, "taken before"
    assert (2 in failed) != (4 in failed), "one of the two that are the same"
    assert sorted(database.rows()) == ["a", "b", "c", "d", "taken"]


async def test_a_database_that_is_away_is_told_to_all(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
    outcomes = await asyncio.gather(
        *(creates.create(row(f"v{number}")) for number in range(4)), return_exceptions=True
    )
    assert all(isinstance(each, Exception) for each in outcomes)
    assert not any(isinstance(each, DataError) and each.code == "P2002" for each in outcomes)
    assert database.rows() == {}


async def test_who_leaves_before_it_begins_is_not_written(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        leaving, staying = (creates.create(row(id_)) for id_ in ("a", "b"))
        leaving.cancel()
        await staying
    assert list(database.rows()) == ["b"]


async def test_who_leaves_later_takes_nobody_along(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        leaving, staying = (creates.create(row(id_)) for id_ in ("a", "b"))
        for _ in range(3):
            await asyncio.sleep(0)
        leaving.cancel()
        await staying
    assert "b" in database.rows()


async def test_a_statement_that_nobody_waits_for_is_given_up(database: Database) -> None:
    async with prisma_on(database.url) as db:
        creates = BatchedCreates(db.videoanalysis)
        await creates.create(row("before"))  # its plan is there
        with contextlib.suppress(ZeroDivisionError):
            async with db.tx() as transaction:
                await transaction.videoanalysis.create(row("b"))  # those below wait for it
                leaving = [creates.create(row("b")), creates.create(row("c"))]
                await asyncio.sleep(0.1)
                for one in leaving:
                    one.cancel()
                await asyncio.sleep(0.1)
                raise ZeroDivisionError  # rolled back: now they could be written
        await creates.create(row("after"))
    assert sorted(database.rows()) == ["after", "before"]


async def test_the_same_video_twice_at_once_is_stored_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    answers = await asyncio.gather(
        *(
            client.post(COLLECTION, json={"video_id": f"v{n // 2}", "description": f"Dog {n}."})
            for n in range(16)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 8 + [409] * 8
    stored = database.rows()
    for answer in answers:
        if answer.status_code == 201:
            made = answer.json()
            assert answer.headers["location"] == f"/api/video-analysis/{made['video_id']}"
            assert stored[made["video_id"]] == made["description"]
    assert database.indexed() == set(stored)


# Updates

WORDS = [letter * 8 for letter in "abcdefghijklmnopqrstuvwx"]


async def test_descriptions_that_are_replaced_at_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    for number in range(8):
        body = {"video_id": f"v{number}", "description": "A dog.", "tags": ["t"][: number % 2]}
        assert (await client.post(COLLECTION, json=body)).status_code == 201
    answers = await asyncio.gather(
        *(
            client.put(f"{COLLECTION}v{n % 8}", json={"description": f"A cat, {word}."})
            for n, word in enumerate(WORDS)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * len(WORDS)
    last: dict[str, Any] = {}
    for answer in answers:
        record = answer.json()
        assert record["tags"] == ["t"][: int(record["video_id"][1:]) % 2]
        before = last.setdefault(record["video_id"], record)
        if record["updated_at"] > before["updated_at"]:
            last[record["video_id"]] = record
    assert database.rows() == {id_: record["description"] for id_, record in last.items()}
    for id_, record in last.items():
        word = record["description"].removeprefix("A cat, ").removesuffix(".")
        answer = await client.get("/api/search", params={"q": word})
        assert [hit["video_id"] for hit in answer.json()["results"]] == [id_]
    answer = await client.get("/api/search", params={"q": "dog"})
    assert answer.json()["results"] == []
