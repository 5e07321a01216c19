"""Moves: whole, from either database into either, and back; beside writers, to the last of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count, pairwise
from typing import Any

import pytest

from backend.core.caller import ALL_OWNERS, acting_for
from backend.core.errors import DatabaseMoved
from backend.main import create_app
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.records import ALL, TAGS, Once
from backend.services import Services
from backend.transfer import (
    BackupError,
    Following,
    Moved,
    Progress,
    TakenOver,
    is_moved_into,
    move,
    move_under_way,
    reopen,
)
from backend.transfer.refusing import close
from backend.transfer.targets import Place
from backend.transfer.whole import whole_database
from tests.fixtures import SCHEMA, Database, client_of, settings_for
from tests.transfer.conftest import NewDatabase
from tests.transfer.test_backup import OWNERS, PROVIDERS, contents, fill, served

pytestmark = pytest.mark.anyio

TEXTS = ["É 海 \U0001f993", "\r\n\t\"'\\", "x"]
EXTRA = {"n": 1.5, "big": -(2**53), "flag": False, "l": ["x"]}
PAIRS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]


async def moved(source: Database, target: Database, **options: bool) -> Moved:
    options = {"force": False, "follow": False, **options}
    return await move(source.url, target.url, schema=SCHEMA, progress=Progress(), **options)


@asynccontextmanager
async def followed(source: Database, target: Database) -> AsyncIterator[Following]:
    async with move_under_way(
        source.url, target.url, schema=SCHEMA, progress=Progress()
    ) as followed:
        yield followed


async def fill_with_every_shape(services: Services) -> None:
    await fill(services)
    chosen = random.Random(7)
    for name in OWNERS:
        with acting_for(name):
            for n in range(80):
                new = VideoAnalysisCreate(
                    video_id=f"r{n}",
                    description=f"{name} {n}: " + chosen.choice(TEXTS),
                    title=chosen.choice([None, "=1+1", "Ünï"]),
                    age=chosen.choice([None, 0, 99]),
                    duration=chosen.choice([None, 0.1, 1e-7, 123456.789, 5]),
                    tags=chosen.sample(["a", "B", "b", "é", "海", "a b", "z"], chosen.randrange(4)),
                    people=chosen.sample(["Ann", "Zoë"], chosen.randrange(3)),
                    segments=[
                        {"start": k / 3, "end": k / 3 + 1, "text": f"part {k}"}
                        for k in range(chosen.randrange(4))
                    ],
                    extra=chosen.choice([{}, EXTRA]),
                )
                await services.database.create_video_analysis(new)
            for n in range(0, 80, 3):
                patch = VideoAnalysisPatch(title=f"Title {n}", tags=["a", f"t{n}"])
                await services.database.patch_video_analysis(f"r{n}", patch)
            for n in range(0, 80, 10):
                await services.database.delete_video_analysis(f"r{n}")
    await services.audit.seal()


async def exported(services: Services) -> dict[str, bytes]:
    found = {}
    for name in OWNERS:
        with acting_for(name):
            async with services.exports.export(ALL, "ndjson") as parts:
                found[name] = b"".join([part async for part in parts])
    return found


async def test_there_and_back_again(new_database: NewDatabase) -> None:
    databases = [new_database(each) for each in ("sqlite", "postgresql", "sqlite")]
    async with served(databases[0]) as services:
        await fill_with_every_shape(services)
        expected = await contents(services)
        bytes_ = await exported(services)
    assert expected["seals"].trouble is None
    assert bytes_["ann"].count(b"\n") > 70
    hashes = []
    for source, target in pairwise(databases):
        done = await moved(source, target)
        assert done.out_of_order == 0
        assert done.tables["video_analysis"].rows == source.count("video_analysis")
        hashes.append({name: each for name, each in done.tables.items() if name != "change_log"})
        async with served(target) as services:
            assert await exported(services) == bytes_
            assert await contents(services) == expected
            with acting_for("ann"):
                found = await services.search.search("sandcastle OR part", ALL, limit=10)
                assert found["results"]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_what_is_changed_meanwhile_comes_too(
    source: str, target: str, new_database: NewDatabase
) -> None:
    old, new = new_database(source), new_database(target)
    async with served(old) as services:
        await fill(services)
        assert not await is_moved_into(new.url, schema=SCHEMA)
        await moved(old, new, follow=True)
        assert await is_moved_into(new.url, schema=SCHEMA)
        async with served(new) as early:  # it is not to be written to yet
            with pytest.raises(DatabaseMoved):
                await early.database.delete_video_analysis("v1")
        async with followed(old, new) as follower:
            records = services.database
            with acting_for("default"):  # the move acts for all
                await change_much(services)
            await follower.catch_up()
            assert counts(old) == counts(new)
            async with served(new) as early:
                assert await exported(early) == await exported(services)
            with acting_for("ann"):
                await records.delete_video_analysis("v0")
            client: Any = records.client
            with acting_for(ALL_OWNERS):  # of which the log says nothing
                await client.execute_raw("UPDATE access_key SET name = 'renamed'")
                await client.execute_raw(
                    "UPDATE change_log SET image = NULL, image_hash = 'x' WHERE version = 3"
                )
                await client.execute_raw("DELETE FROM idempotency_key")
            with acting_for("default"):
                await records.once(Once("later", "key", "fingerprint"), outcome)
            done = await follower.cut_over()
        expected = await contents(services)
        refused_one = VideoAnalysisCreate(video_id="n", description="x", tags=["q"])
        for refused in (
            records.delete_video_analysis("v1"),
            records.create_video_analysis(refused_one),
            records.patch_video_analysis("v1", VideoAnalysisPatch(title="x")),
            records.rename(TAGS, "b", "c"),
        ):
            with pytest.raises(DatabaseMoved):
                await refused
        assert await contents(services) == expected  # and is read on
        assert (await services.search.search("day", ALL, limit=10))["results"]
    assert done.tables["video_analysis"].rows == new.count("video_analysis")
    assert not await is_moved_into(new.url, schema=SCHEMA)
    with pytest.raises(BackupError, match="No move"):
        async with followed(old, new):
            pass
    async with served(new) as services:
        assert await contents(services) == expected
        again = VideoAnalysisCreate(video_id="v2", description="Again.")
        assert (await services.database.create_video_analysis(again))["version"] == 3
        assert await services.audit.seal() == 8  # with the row of the key
        assert (await services.audit.verify()).trouble is None
        found = await services.search.search("again", ALL, limit=10)
        assert [result["video_id"] for result in found["results"]] == ["v2"]
    await reopen(old.url, schema=SCHEMA)
    async with served(old) as services:
        await services.database.delete_video_analysis("v1")
    assert old.count("change_log") == new.count("change_log")


async def outcome() -> dict[str, str]:
    return {"stored": "once"}


async def change_much(services: Services) -> None:
    records = services.database
    await records.delete_video_analysis("v0")
    new = VideoAnalysisCreate(video_id="v0", description="Another day.", tags=["z", "new"])
    await records.create_video_analysis(new)
    await records.patch_video_analysis("v1", VideoAnalysisPatch(tags=["b"], people=["Kim"]))
    await records.rename(TAGS, "z", "zebra")


def counts(database: Database) -> list[int]:
    tables = ("video_analysis", "change_log", "video_tag", "video_person", "segment")
    return [database.count(table) for table in tables]


@pytest.mark.parametrize(("source", "target"), PAIRS[:2])
async def test_writers_beside_it_lose_nothing(
    source: str, target: str, new_database: NewDatabase
) -> None:
    old, new = new_database(source), new_database(target)
    acknowledged: dict[str, str | None] = {}
    async with served(old) as services:
        await fill(services)
        numbers = count()

        async def write() -> None:
            while True:
                name = f"w{next(numbers)}"
                text = f"{name} is seen."
                await services.database.create_video_analysis(
                    VideoAnalysisCreate(video_id=name, description=text, tags=["w", name])
                )
                acknowledged[name] = text
                await services.database.patch_video_analysis(
                    name, VideoAnalysisPatch(description=text + " Again.")
                )
                acknowledged[name] = text + " Again."
                if int(name[1:]) % 3 == 0:
                    await services.database.delete_video_analysis(name)
                    acknowledged[name] = None

        async def write_until_refused() -> None:
            with suppress(DatabaseMoved):
                await write()

        writing = [asyncio.create_task(write_until_refused()) for _ in range(4)]
        await moved(old, new, follow=True)
        async with followed(old, new) as follower:
            task = asyncio.create_task(follower.follow())
            await asyncio.sleep(1)
            assert not task.done()
            async with followed(old, new) as second:
                await second.cut_over()
            with pytest.raises(TakenOver):
                await task
        await asyncio.gather(*writing)  # each was refused
        expected = await contents(services)
    there = new.rows()
    assert len(acknowledged) > 20
    for name, text in acknowledged.items():
        assert there.get(name) == text
    async with served(new) as services:
        found = await contents(services)
        assert found["seals"].trouble is None
        for name in ("records of default", "records of ann", "versions of default", "access_key"):
            assert found[name] == expected[name]
        order, here = ([row["number"] for row in log["log"]] for log in (found, expected))
        # SQLite has them in the order of their numbers, in which they were not committed.
        assert order == (here if target == "postgresql" else sorted(here, reverse=True))
        seen = await services.search.search("seen", ALL, limit=1000)
        living = {name for name, text in acknowledged.items() if text is not None}
        assert {result["video_id"] for result in seen["results"]} == living


async def test_what_fails_leaves_both_as_they_were(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider in PROVIDERS:
        old, new = new_database(provider), new_database(provider)
        for database in (old, new):
            async with served(database) as services:
                await fill(services)
                before = await contents(services)
        with pytest.raises(BackupError, match="not empty"):
            await moved(old, new)
        with pytest.raises(BackupError, match="same database"):
            await moved(old, old)
        with monkeypatch.context() as broken:
            broken.setattr("backend.transfer.moving.sums_of", _wrong_sums)
            with pytest.raises(BackupError, match="did not come"):
                await moved(old, new, force=True)
        async with served(new) as services:
            assert await contents(services) == before
        await moved(old, new, force=True, follow=True)
        with pytest.raises(BackupError, match="moved into"):
            await moved(new, new_database("sqlite"))
        async with followed(old, new) as follower:
            with monkeypatch.context() as broken:
                broken.setattr("backend.transfer.following.take_writes", _failing)
                with pytest.raises(BackupError, match="by a test"):
                    await follower.cut_over()
            with acting_for("default"):
                async with served(old) as services:  # it takes writes again
                    await services.database.delete_video_analysis("v1")
            await follower.cut_over()
        async with served(new) as services:
            with pytest.raises(Exception, match="not found"):
                await services.database.get_video_analysis("v1")


async def _wrong_sums(client: Any, provider: Any, table: Any, progress: Progress) -> Any:
    from backend.transfer.comparing import Sums

    return Sums(table)


async def _failing(*_: Any) -> None:
    raise BackupError("It fails by a test")


async def test_the_service_answers_503_and_reads_on(own_database: Database) -> None:
    async with served(own_database) as services:
        await fill(services)
    # Of an owner who had a quota: a service without quotas would take it away when it starts.
    own_database.execute(
        "INSERT INTO owner_usage (owner, records, bytes, most_records, most_bytes)"
        " VALUES ('default', 1, 1, 1, 1)"
    )
    async with whole_database(own_database.url) as database:
        await close(Place(database, getattr(own_database, "path", None)), "a test")
    before = counts(own_database)
    app = create_app(settings_for(own_database.url, auth="off"))
    async with app.router.lifespan_context(app), client_of(app) as client:
        path, body = "/api/video-analysis/", {"video_id": "n", "description": "x", "tags": ["z"]}
        for answer in (
            await client.post(path, json=body),
            await client.post(path, json=body, headers={"Idempotency-Key": "k"}),
            await client.put(f"{path}v1", json={"description": "x"}),
            await client.patch(f"{path}v1", json={"tags": ["q"]}),
            await client.delete(f"{path}v1"),
            await client.post("/api/bulk", json={"items": [body]}),
            await client.patch("/api/tags", params={"name": "b"}, json={"name": "c"}),
        ):
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5")
            assert "being moved" in answer.json()["detail"]
        for read in (path, f"{path}v1", "/api/search?q=day", "/api/tags", "/api/test/health"):
            assert (await client.get(read)).status_code == 200
    assert counts(own_database) == before
    own_database.execute("UPDATE video_analysis SET search_terms = ''")  # what reads keep up
    await reopen(own_database.url, schema=SCHEMA)
    own_database.execute("DELETE FROM video_analysis")
    assert own_database.count("video_analysis") == 0
