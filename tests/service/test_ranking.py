"""Search ranks as one does who scores every document: here in plain Python, beside the service."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.core import cursors
from backend.engine import fetch
from backend.main import create_app
from backend.search import bm25, merging, postings, searcher, segments
from backend.search.changes import apply_some
from backend.search.merging import Listed, due, merge_what_is_due
from backend.search.postings import MOST_DOCUMENTS
from backend.search.searcher import SQL
from backend.text.analysis import terms
from backend.text.entry import index_entry, read_entry
from tests.fixtures import Database, client_of, prisma_on, settings_for

pytestmark = pytest.mark.anyio

COLLECTION = "/api/video-analysis/"
WORDS = [
    *("dog", "cat", "horse", "beach", "wave", "sand", "child"),
    *("mother", "running", "danced", "dancing", "slowly", "red", "blue"),
]
TAGS = ("summer", "winter")


@dataclass
class Reference:
    """Descriptions and tags by video_id, and how they rank."""

    descriptions: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def counts(self, video_id: str) -> Counter[str]:
        return Counter(terms(self.descriptions[video_id]) + terms(self.tags[video_id]))

    def rank(self, slots: list[Any]) -> list[tuple[str, float]]:
        """`slots`: documents, times, and terms with their shares, as a cursor holds them."""
        counts = {video_id: self.counts(video_id) for video_id in self.descriptions}
        total = len(counts)
        average = round(sum(each.total() for each in counts.values()) / total, 6)
        scores = []
        for video_id, each in counts.items():
            damping = 1.5 * (0.25 + 0.75 * each.total() / average)
            score = 0.0
            for documents, times, alternatives in slots:
                idf = math.log(1 + (total - documents + 0.5) / (documents + 0.5))
                count = sum(share * min(each[term], 255) for term, share in alternatives)
                score += round(times * idf, 6) * count / (count + damping)
            if score:
                scores.append((-round(score, 6), video_id))
        return [(video_id, -score) for score, video_id in sorted(scores)]

    def having(self, term: str) -> int:
        return sum(term in self.counts(video_id) for video_id in self.descriptions)


@pytest.fixture(params=["as it is", "in small portions"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what is large in reality only."""
    if request.param == "in small portions":
        monkeypatch.setattr(postings, "PER_BLOCK", 4)
        monkeypatch.setattr(merging, "PORTION", 32)
        monkeypatch.setattr(merging, "SMALLEST", 32)
        monkeypatch.setattr(merging, "MOST_ALIKE", 3)
        monkeypatch.setattr(merging, "FEW_GONE", 10)
        monkeypatch.setattr(segments, "AT_ONCE", 50)
        monkeypatch.setattr(segments, "INLINE", 10)
        monkeypatch.setattr(searcher, "FEW_FILTERED", -1)


@pytest.fixture
async def own_app(own_database: Database) -> AsyncIterator[FastAPI]:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app):
        yield app


async def walked(client: httpx.AsyncClient, **params: Any) -> tuple[list[Any], list[Any]]:
    """All results, as (video_id, score), and the slots of the cursors."""
    found: list[Any] = []
    slots: list[Any] = []
    while True:
        answer = await client.get("/api/search", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(result["video_id"], result["score"]) for result in page["results"]]
        if page["next_cursor"] is None:
            return found, slots
        params["cursor"] = page["next_cursor"]
        slots = _slots(page["next_cursor"])


def _slots(cursor: str) -> list[Any]:
    import json

    packed = cursors.base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_")
    text = packed if packed.startswith(b"[") else cursors._unpacked(packed)
    slots: list[Any] = json.loads(text)[-1]
    return slots


@pytest.mark.usefixtures("sizes")
async def test_every_page_is_that_of_an_exhaustive_scorer(
    own_app: FastAPI, own_database: Database
) -> None:
    choose = random.Random(11)
    reference = Reference()

    def text() -> str:
        weights = range(len(WORDS), 0, -1)
        if choose.random() < 0.3:  # many are the same
            return " ".join(choose.choices(WORDS[:3], k=2))
        return " ".join(choose.choices(WORDS, weights, k=choose.randint(1, 30)))

    async with client_of(own_app) as client:
        for step in range(3):
            for _ in range(70):
                video_id, description = f"v{choose.randint(0, 10**6)}", text()
                tag = choose.choice(TAGS)
                body = {"video_id": video_id, "description": description, "tags": [tag]}
                assert (await client.post(COLLECTION, json=body)).status_code == 201
                reference.descriptions[video_id], reference.tags[video_id] = description, tag
                if choose.random() < 0.1:
                    await client.get("/api/search", params={"q": "dog"})  # a segment for few
            for video_id in choose.sample(sorted(reference.descriptions), 20):
                if choose.random() < 0.5:
                    await client.delete(f"{COLLECTION}{video_id}")
                    del reference.descriptions[video_id], reference.tags[video_id]
                else:
                    reference.descriptions[video_id] = description = text()
                    body = {"description": description}
                    await client.put(f"{COLLECTION}{video_id}", json=body)
            for query in (
                "dog cat.",
                "dog dog beach.",
                "running danc",
                "slowley mothr dog",
                *(" ".join(choose.choices(WORDS, k=choose.randint(1, 6))) for _ in range(3)),
            ):
                found, slots = await walked(client, q=query, limit=9)
                assert slots, query
                ranked = reference.rank(slots)
                assert found == ranked, (step, query)
                tag = choose.choice(TAGS)
                tagged, _ = await walked(client, q=query, limit=9, tag=tag)
                assert tagged == [hit for hit in ranked if reference.tags[hit[0]] == tag]
            found, _ = await walked(client, q="dog", limit=9)
            assert len(found) == reference.having("dog")
    assert own_database.indexed() == set(reference.descriptions)


async def test_of_very_many_equals_each_is_on_one_page(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        body = {"video_id": f"v{number * 37 % 60:02}", "description": "A dog plays."}
        assert (await client.post(COLLECTION, json=body)).status_code == 201
    body = {"video_id": "best", "description": "A dog."}
    assert (await client.post(COLLECTION, json=body)).status_code == 201
    for video_id in ("v03", "v41"):
        assert (await client.delete(f"{COLLECTION}{video_id}")).status_code == 204
    found, _ = await walked(client, q="dog", limit=4)
    expected = [f"v{number:02}" for number in range(60) if number not in (3, 41)]
    assert [video_id for video_id, _ in found] == ["best", *expected]


def test_segments_are_merged_when_there_are_many_alike() -> None:
    small = [Listed(number, 10, 500) for number in range(8)]
    large = [Listed(100 + number, 1_000, 30_000) for number in range(7)]
    assert due([*large, *small[:7]], 7_070) == []
    assert due([*large, *small], 7_080) == small
    assert due([*large, Listed(9, 1_000, 30_000)], 8_000) == [*large, Listed(9, 1_000, 30_000)]
    whole = [Listed(number, MOST_DOCUMENTS // 8 + 1, 10**9) for number in range(8)]
    assert due(whole, MOST_DOCUMENTS) == []


def test_segments_of_which_most_is_gone_are_merged() -> None:
    both = [Listed(1, 5_000, 10**5), Listed(2, 10, 500)]
    assert due(both, 2_505) == []
    assert due(both, 2_504) == both
    assert due([Listed(1, 1_000, 10**4)], 0) == []


@pytest.fixture
async def alone(own_database: Database) -> AsyncIterator[Any]:
    async with prisma_on(own_database.url) as client:
        yield client


async def write(client: Any, number: int, description: str = "A dog.") -> None:
    row: Any = {"videoId": f"v{number}", "description": description}
    await client.videoanalysis.create({**row, "searchTerms": index_entry([description])})


async def apply(client: Any, sql: Any) -> None:
    while await apply_some(client, sql):
        pass


async def test_a_merge_that_another_left_is_done_anew(own_database: Database, alone: Any) -> None:
    sql = SQL[own_database.provider]
    for number in range(merging.MOST_ALIKE):
        await write(alone, number)
        await apply(alone, sql)
    left = await sql.begin_merge(alone, 0, 60)
    block = postings.Block(0, b"unfinished")
    await sql.store_blocks(alone, left, segments_blocks(block), 60)
    await merge_what_is_due(alone, sql)
    assert own_database.count("search_segment") == merging.MOST_ALIKE, "it may still go on"
    own_database.execute("UPDATE search_total SET merging_until = 1")
    await merge_what_is_due(alone, sql)
    assert own_database.count("search_segment") == 1
    assert own_database.count(f"search_postings WHERE segment = {left}") == 0
    with pytest.raises(Exception, match=r"[Nn]ull|NULL"):
        await sql.store_blocks(alone, left, segments_blocks(block), 60)
    assert own_database.indexed() == {f"v{number}" for number in range(merging.MOST_ALIKE)}


def segments_blocks(block: postings.Block) -> Any:
    from backend.search.changes import Blocks

    return Blocks([block])


async def test_two_processes_apply_and_merge_at_once(
    own_database: Database, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MOST_ALIKE", 3)
    sql = SQL[own_database.provider]
    ended = asyncio.Event()

    async def keep_up(client: Any) -> None:
        while not ended.is_set():
            await apply(client, sql)
            await merge_what_is_due(client, sql)
            await asyncio.sleep(0.001)

    async with prisma_on(own_database.url) as other:
        both = [asyncio.create_task(keep_up(client)) for client in (alone, other)]
        for number in range(120):
            await write(alone if number % 2 else other, number, f"A dog and number{number}.")
            if number % 5 == 0:
                await alone.videoanalysis.delete_many({"videoId": f"v{number}"})
            if number % 7 == 1:
                text = "A changed cat."
                changed: Any = {"description": text, "searchTerms": index_entry([text])}
                where: Any = {"videoId": f"v{number}"}
                await other.videoanalysis.update_many(changed, where)
        ended.set()
        await asyncio.gather(*both)
        assert own_database.indexed() == {f"v{n}" for n in range(120) if n % 5}
        await merge_what_is_due(alone, sql)
        assert own_database.indexed() == {f"v{n}" for n in range(120) if n % 5}


async def test_what_was_prepared_for_an_older_index_is_not_stored(
    own_database: Database, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = SQL[own_database.provider]
    await write(alone, 1)
    store, tries = sql.store, []

    async def store_after_another(client: Any, change: Any) -> None:
        tries.append(change.version)
        if len(tries) == 1:
            await write(alone, 2)
            await store(client, change)  # the other process was first
        await store(client, change)

    monkeypatch.setattr(sql, "store", store_after_another)
    await apply(alone, sql)
    assert tries == [0, 1]
    assert own_database.indexed() == {"v1", "v2"}


async def test_a_merge_between_two_statements_of_a_query(
    own_app: FastAPI, own_database: Database, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "AT_ONCE", 1)
    sql = SQL[own_database.provider]
    for number in range(merging.MOST_ALIKE):
        await write(alone, number, "A dog and a cat.")
        await apply(alone, sql)
    reads = []

    async def fetch_and_merge(client: Any, *args: Any) -> Any:
        rows = await fetch(client, *args)
        reads.append(args[1])
        if len(reads) == 1:
            await merge_what_is_due(alone, sql)
            assert own_database.count("search_segment") == 1
        return rows

    monkeypatch.setattr(segments, "fetch", fetch_and_merge)
    async with client_of(own_app) as client:
        found = await client.get("/api/search", params={"q": "dog cat"})
    assert reads == [True, False, True, False], "read anew"
    assert found.json()["count"] == merging.MOST_ALIKE


def test_what_others_wrote_as_an_entry_is_read_as_far_as_it_can_be() -> None:
    for entry, expected in {
        '2 a dog\n!"': (2, "a dog", '!"', ""),
        "2 a dog\n!!\n{}": (2, "a dog", "!!", "{}"),
        "0 \n": (0, "", "", ""),
        "2 a dog": (2, "a dog", "!!", ""),
        '2 a dog\n{"tags":["x"]}': (2, "a dog", "!!", ""),
        "a dog dog": (1, "dog", "!", ""),
        "-5 a": (1, "a", "!", ""),
        "": (0, "", "", ""),
    }.items():
        length, terms, *others = read_entry(entry)
        assert (length, " ".join(terms), *others) == expected, entry


def test_portions_share_no_score() -> None:
    members = postings.Members(
        postings.np.arange(100, dtype="u8"), postings.np.full(100, 5, dtype="u4")
    )
    from backend.search.weighing import WeightedQuery

    scores = bm25.Scores({1: members}, WeightedQuery((), 5.0))
    scores._scores[:] = [float(number // 30) for number in range(100)]
    portions = list(scores.best(5))
    assert [(len(each.ids), each.scores[0], each.tied) for each in portions] == [
        (10, 3.0, True),
        (30, 2.0, True),
        (30, 1.0, True),
    ]
    assert [each.scores[0] for each in scores.best(5, below=2.0)] == [2.0, 1.0]
