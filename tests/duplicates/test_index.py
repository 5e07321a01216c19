"""The index follows what becomes of the records, and is right whenever it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.core.caller import acting_for
from backend.core.errors import DatabaseNotReady
from backend.duplicates import change as changes
from backend.duplicates import index as indexes
from backend.duplicates.index import Index
from backend.duplicates.sql import Store
from backend.engine import fetch
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch, VideoAnalysisUpdate
from backend.services import Services, make_services
from backend.transfer import back_up, restore
from tests.duplicates.planted import components, groups, planted, recall, similar_pairs, store
from tests.fixtures import SCHEMA, Database, MakeDatabase, on_postgresql, prisma_on

pytestmark = pytest.mark.anyio

BEACH = (
    "Two children build a sandcastle on the beach while their grandmother reads under a tree and"
    " the dog sleeps beside her in the afternoon sun"
)
NEAR = BEACH.replace("afternoon", "evening")
SNOW = "A train runs through the snow past a village with a white church and seven old houses"
TABLES = (
    "duplicate_record", "duplicate_text", "duplicate_band", "duplicate_pair", "duplicate_dismissal",
)  # fmt: skip


async def put(services: Services, **texts: str) -> None:
    for video_id, text in texts.items():
        if await services.database.get_version(video_id) is None:
            await services.database.create_video_analysis(
                VideoAnalysisCreate(video_id=video_id, description=text)
            )
        else:
            await services.database.update_video_analysis(
                video_id, VideoAnalysisUpdate(description=text)
            )


async def stored(services: Services) -> dict[str, Any]:
    """All that the index has, without the numbers of texts and how far it has come."""
    client = services.database.client
    found: dict[str, Any] = {}
    text = "SELECT t.hash FROM duplicate_text AS t WHERE t.owner = r.owner AND t.id = r.{}"
    for name, statement in {
        "records": "SELECT r.video_id, r.version, ({}) FROM duplicate_record AS r".format(
            text.format("text_id")
        ),
        "texts": "SELECT r.hash, r.records, r.cluster IS NULL FROM duplicate_text AS r",
        "bands": "SELECT r.band, ({}) FROM duplicate_band AS r".format(text.format("text_id")),
        "pairs": "SELECT ({}), ({}), r.similarity FROM duplicate_pair AS r".format(
            text.format("text_id"), text.format("other_id")
        ),
    }.items():
        where = " WHERE r.owner = current_setting('memory_mirror.owner')"
        found[name] = sorted(map(tuple, await fetch(client, statement + where)))
    return found


async def test_equal_and_similar_descriptions_are_a_group(services: Services) -> None:
    await put(services, a=BEACH, b=BEACH.upper(), c=NEAR, d=SNOW)
    assert await groups(services) == [["a", "b", "c"]]
    assert await groups(services, 1.0) == [["a", "b"]]
    [group] = (await services.duplicates.page(0.8, limit=10))["groups"]
    assert group == {"video_ids": ["a", "b", "c"], "count": 3, "similarity": 0.84}
    assert await groups(services, 0.83) == [["a", "b", "c"]]
    assert await groups(services, 0.85) == [["a", "b"]]


async def test_what_becomes_of_records_is_followed(services: Services) -> None:
    await put(services, a=BEACH, b=NEAR, c=SNOW)
    assert await groups(services) == [["a", "b"]]
    await put(services, b=SNOW)
    assert await groups(services) == [["b", "c"]]
    await services.database.patch_video_analysis("c", VideoAnalysisPatch(tags=["snow"]))
    assert await groups(services) == [["b", "c"]]
    await services.database.delete_video_analysis("c")
    assert await groups(services) == []
    await services.history.restore("c", 2)
    await services.history.restore("b", 1)
    assert await groups(services) == [["a", "b"]]
    await services.history.restore("b", 2)
    assert await groups(services) == [["b", "c"]]
    for video_id in "abc":
        await services.database.delete_video_analysis(video_id)
    assert await groups(services) == []
    assert await stored(services) == {"records": [], "texts": [], "bands": [], "pairs": []}


async def test_it_begins_with_what_there_is(services: Services, database: Database) -> None:
    texts = planted(700, seed=1)
    await store(services, texts)
    await services.database.delete_video_analysis("v000003")
    texts.pop("v000003")
    found = await groups(services)
    expected = similar_pairs(texts, 0.8)
    assert len(expected) > 100
    assert recall(found, expected) >= 0.95
    assert {frozenset(group) for group in found} <= components(expected)


async def test_it_finds_what_reading_each_pair_does(services: Services) -> None:
    texts = planted(2_000, seed=2)
    await store(services, texts)
    for threshold in (0.7, 0.8, 0.9):
        expected = similar_pairs(texts, threshold)
        found = await groups(services, threshold)
        assert recall(found, expected) >= (0.95 if threshold >= 0.8 else 0.9)
        group_of = {video: group for group in components(expected) for video in group}
        assert all(set(group) <= group_of[group[0]] for group in found)


async def test_pages_have_each_group_once(services: Services) -> None:
    await store(services, planted(600, seed=4))
    whole = await groups(services, limit=1_000)
    assert len(whole) > 50
    assert await groups(services, limit=7) == whole
    assert await groups(services, limit=1) == whole


async def test_in_whatever_portions_it_follows(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = planted(300, seed=5)
    await store(services, texts)
    await groups(services)
    whole = await stored(services)
    for video_id in list(texts)[::3]:
        await services.database.delete_video_analysis(video_id)
    monkeypatch.setattr(indexes, "_MOST_RECORDS", 7)
    await groups(services)
    await store(services, {id_: texts[id_] for id_ in list(texts)[::3]})
    found = await groups(services)
    again = await stored(services)
    assert again["texts"] == whole["texts"]
    assert again["bands"] == whole["bands"]
    assert again["pairs"] == whole["pairs"]
    assert [record[2] for record in again["records"]] == [each[2] for each in whole["records"]]
    assert recall(found, similar_pairs(texts, 0.8)) >= 0.95


async def test_owners_have_indexes_of_their_own(services: Services) -> None:
    for name in ("ann", "bob"):
        with acting_for(name):
            await put(services, a=BEACH, b=NEAR)
    with acting_for("bob"):
        await put(services, c=BEACH)
        assert await groups(services) == [["a", "b", "c"]]
        assert len((await stored(services))["records"]) == 3
        await services.database.delete_video_analysis("b")
    with acting_for("ann"):
        assert await groups(services) == [["a", "b"]]
        assert len((await stored(services))["records"]) == 2
    with acting_for("bob"):
        assert await groups(services) == [["a", "c"]]
    assert await groups(services) == []


async def test_records_that_another_program_gives_away(
    services: Services, database: Database
) -> None:
    with acting_for("ann"):
        await put(services, a=BEACH, b=NEAR, c=SNOW)
        assert await groups(services) == [["a", "b"]]
    with acting_for("bob"):
        await put(services, x=SNOW)
        assert await groups(services) == []
    sets = "SET owner = 'bob' WHERE owner = 'ann' AND video_id"
    database.execute(
        f"UPDATE video_analysis {sets} IN ('b', 'c');"
        " UPDATE video_analysis SET video_id = 'renamed' WHERE owner = 'ann'"
    )
    with acting_for("ann"):
        assert await groups(services) == []
        assert [record[0] for record in (await stored(services))["records"]] == ["renamed"]
        await put(services, y=BEACH)
        assert await groups(services) == [["renamed", "y"]]
    with acting_for("bob"):
        assert await groups(services) == [["c", "x"]]


async def test_the_follower_keeps_up_each_owner(services: Services) -> None:
    for name in ("ann", "bob"):
        with acting_for(name):
            await put(services, a=BEACH, b=NEAR)
    while await services.duplicates.follow():
        pass
    client, provider = services.database.client, services.database.provider
    for name in ("ann", "bob"):
        with acting_for(name):
            assert await Index(client, provider).pending() == 0
            assert len((await stored(services))["pairs"]) == 2
            await put(services, c=NEAR)
            assert await Index(client, provider).pending() == 1
    while await services.duplicates.follow():
        pass
    with acting_for("ann"):
        assert await Index(client, provider).pending() == 0
    assert await services.duplicates.follow() == 0


class Killed(BaseException):
    """As a process ends: nothing is cleared up."""


async def test_a_follower_that_is_killed_begins_its_portion_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = planted(200, seed=6)
    await store(services, texts)

    async def dies(*_: Any) -> None:
        raise Killed

    def fails(self: Store, *_: Any) -> None:
        self.statements.append(("INSERT INTO duplicate_nothing (owner) VALUES ('x')", ()))

    monkeypatch.setattr(indexes, "_MOST_RECORDS", 50)
    for _ in range(4):
        before = await stored(services)
        with monkeypatch.context() as patched:
            patched.setattr(Index, "_store", dies)
            with pytest.raises(Killed):
                await services.duplicates.follow()
        with monkeypatch.context() as patched:
            patched.setattr(Store, "put_pairs", fails)  # the last of a portion's statements
            with pytest.raises(DatabaseNotReady):
                await services.duplicates.follow()
        assert await stored(services) == before
        assert await services.duplicates.follow() == 50
    assert recall(await groups(services), similar_pairs(texts, 0.8)) >= 0.95


async def test_of_two_processes_one_is_at_it(services: Services, database: Database) -> None:
    texts = planted(400, seed=7)
    await store(services, texts)
    async with served(database) as others:
        for _ in range(5):
            done = await asyncio.gather(
                Index(services.database.client, services.database.provider).advance(),
                Index(others.database.client, others.database.provider).advance(),
            )
            assert None in done or 0 in done
        assert await groups(others) == await groups(services)
    found = await stored(services)
    assert len(found["records"]) == len(texts) == sum(text[1] for text in found["texts"])
    assert recall(await groups(services), similar_pairs(texts, 0.8)) >= 0.95


async def test_what_is_not_compared_yet_is_told(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(services, a=BEACH, b=NEAR)
    assert await groups(services) == [["a", "b"]]
    monkeypatch.setattr(indexes, "_MOST_SECONDS", -1)
    await put(services, c=NEAR, d=SNOW, e=SNOW)
    page = await services.duplicates.page(0.8, limit=10)
    assert (page["pending"], page["groups"][0]["video_ids"]) == (3, ["a", "b"])
    monkeypatch.undo()
    page = await services.duplicates.page(0.8, limit=10)
    assert [group["video_ids"] for group in page["groups"]] == [["a", "b", "c"], ["d", "e"]]
    assert page["pending"] == 0


@on_postgresql
async def test_a_transaction_that_runs_long_hides_nothing(
    services: Services, database: Database
) -> None:
    """Rows of the log that come after those of a running transaction are looked at once."""
    await put(services, a=BEACH)
    await groups(services)
    async with prisma_on(database.url) as other, other.tx() as transaction:
        await transaction.execute_raw(
            "INSERT INTO video_analysis (id, owner, video_id, description, updated_at)"
            f" VALUES ('late', 'default', 'late', '{NEAR}', now())"
        )
        await put(services, b=NEAR)
        assert await groups(services) == [["a", "b"]]
        version = await services.database.client.query_first(
            "SELECT i.version FROM duplicate_index AS i WHERE i.owner = 'default'"
        )
        assert await groups(services) == [["a", "b"]]
        assert version == await services.database.client.query_first(
            "SELECT i.version FROM duplicate_index AS i WHERE i.owner = 'default'"
        )
    assert await groups(services) == [["a", "b", "late"]]


async def test_an_index_that_another_release_made_is_made_anew(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(services, a=BEACH, b=NEAR, c=SNOW)
    await groups(services)
    monkeypatch.setattr(indexes, "_MOST_RECORDS", 2)
    database.execute("UPDATE duplicate_index SET algorithm = 0; DELETE FROM duplicate_pair")
    assert await groups(services) == [["a", "b"]]
    assert len((await stored(services))["texts"]) == 3


async def test_a_cluster_does_not_grow_beyond_its_bound(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_IN_CLUSTER", 10)
    words = BEACH.split()
    texts = {
        f"v{n:02}": " ".join([*words[: n % 24], f"w{n}", *words[n % 24 + 1 :]]) for n in range(40)
    }
    await store(services, texts)
    found = await groups(services, 0.7)
    assert sorted(map(len, found), reverse=True)[0] == 10
    assert sum(map(len, found)) >= 38
    for video_id in found[0][:5]:
        await services.database.delete_video_analysis(video_id)
    assert max(map(len, await groups(services, 0.7))) <= 10


async def test_texts_that_lose_those_they_were_paired_with_find_others(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many that are alike, few pairs of each are kept."""
    monkeypatch.setattr(changes, "_MOST_PAIRS", 2)
    words = (BEACH + " " + SNOW).split()
    texts = {f"v{n:02}": " ".join([*words[:n], f"w{n}", *words[n + 1 :]]) for n in range(30)}
    await store(services, texts)
    assert [len(group) for group in await groups(services, 0.7)] == [30]
    left = list(texts)
    for _ in range(7):
        for video_id in left[:4]:
            await services.database.delete_video_analysis(video_id)
        left = left[4:]
        assert await groups(services, 0.7) == [left]


@asynccontextmanager
async def served(database: Database) -> AsyncIterator[Services]:
    services = make_services(database.url)
    await services.database.connect()
    try:
        yield services
    finally:
        await services.database.disconnect()


async def test_a_backup_keeps_what_was_dismissed_and_the_index_is_made_anew(
    services: Services, database: Database, make_database: MakeDatabase, tmp_path: Path
) -> None:
    await put(services, a=BEACH, b=BEACH, c=NEAR, d=SNOW, e=SNOW)
    await services.duplicates.dismiss(["a", "b", "c"])
    assert await groups(services) == [["d", "e"]]
    await back_up(database.url, tmp_path / "all.mmz", verify=True)
    other = make_database()
    async with served(other) as others:
        await put(others, d=BEACH, x=BEACH, y=BEACH)
        assert await groups(others) == [["d", "x", "y"]]
    await restore(tmp_path / "all.mmz", other.url, schema=SCHEMA, force=True)
    async with served(other) as others:
        assert await groups(others) == [["d", "e"]]
        assert await stored(others) == await stored(services)
        await put(others, a=SNOW)
        assert await groups(others) == [["a", "d", "e"]]


async def test_many_clusters_that_lose_a_text_are_taken_apart_some_at_a_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {}
    for number in range(20):
        own = " ".join(f"w{number}x{n}" for n in range(20))
        texts |= {f"a{number:02}": own, f"b{number:02}": own + " b", f"c{number:02}": own + " c"}
    await store(services, texts)
    assert len(await groups(services)) == 20
    for number in range(20):
        await services.database.delete_video_analysis(f"a{number:02}")
    monkeypatch.setattr(changes, "_MOST_TAKEN_APART", 15)
    client, provider = services.database.client, services.database.provider
    assert await Index(client, provider).advance() == 5
    assert await groups(services) == [[f"b{number:02}", f"c{number:02}"] for number in range(20)]
