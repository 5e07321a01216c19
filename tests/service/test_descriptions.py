"""New descriptions, of records that are read before and of those that need not be: whatever is said
of a record beside its description, and whoever writes at the same time, the outcome is the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prisma import Prisma
from prisma.errors import DataError
from prisma.models import VideoAnalysis

from backend.engine import now
from backend.models.sources import HUMAN as HUMAN_SOURCE
from backend.records import index_entry_of, record_of
from backend.records.descriptions import BatchedDescriptions, NewDescription, new_description
from tests.fixtures import Database, on_postgresql, on_sqlite, prisma_on
from tests.service.test_bad_input import COLLECTION
from tests.service.test_quotas import described, service
from tests.statements import statements

pytestmark = pytest.mark.anyio

V = f"{COLLECTION}v"
MACHINE = {"kind": "machine", "model": "m"}
HUMAN = {"kind": "human"}

SAID: list[dict[str, Any]] = [
    {},
    {"title": "A day"},
    {"recorded_date": "2019-07-14"},
    {"age": 7},
    {"location": "Lisbon"},
    {"country": "Portugal"},
    {"mood": "joyful"},
    {"event_type": "vacation"},
    {"duration": 82.5},
    {"extra": {"camera": "Super 8"}},
    {"tags": ["beach"]},
    {"people": ["Rosa"]},
    {"segments": [{"start": 0.5, "end": 2.0, "text": "A tower falls."}]},
    {"source": MACHINE},
    {"title": "A day", "source": HUMAN},
]


async def create(client: httpx.AsyncClient, video_id: str = "v", **said: Any) -> dict[str, Any]:
    body = {"video_id": video_id, "description": "A dog.", **said}
    answer = await client.post(COLLECTION, json=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def entry_of(record: dict[str, Any]) -> str:
    return index_entry_of(record_of(record))


async def stored_entry(database: Database) -> str | None:
    async with prisma_on(database.url) as db:
        [stored] = await db.videoanalysis.find_many()
    return stored.searchTerms


@pytest.mark.parametrize(
    ("said", "method"),
    [*((said, "PUT") for said in SAID), ({}, "PATCH"), ({"title": "A day"}, "PATCH")],
    ids=str,
)
async def test_all_that_is_said_beside_it_stays(
    client: httpx.AsyncClient, database: Database, said: dict[str, Any], method: str
) -> None:
    before = await create(client, **said)
    answer = await client.request(method, V, json={"description": "Two cats, mewing."})
    assert answer.status_code == 200
    after = answer.json()
    at = after["updated_at"]
    assert after == {
        **before,
        "description": "Two cats, mewing.",
        "updated_at": at,
        "version": 2,
        "sources": {**before["sources"], "description": {"kind": "human", "at": at}},
    }
    assert list(after) == list(before)
    assert at > before["updated_at"]
    assert answer.headers["etag"] == '"2"'
    assert (await client.get(V)).json() == after
    assert await stored_entry(database) == entry_of(after)
    first = (await client.get(f"{V}/versions/1")).json()
    assert first == before


async def test_what_was_said_once_of_another_field_stays_in_its_sources(
    client: httpx.AsyncClient,
) -> None:
    await create(client)
    said = (await client.patch(V, json={"title": "T", "source": MACHINE})).json()
    gone = (await client.patch(V, json={"title": None, "source": MACHINE})).json()
    assert gone["sources"]["title"]["kind"] == "machine"
    assert said["sources"]["title"] != gone["sources"]["title"]
    after = (await client.put(V, json={"description": "A cat."})).json()
    assert after["sources"]["title"] == gone["sources"]["title"]
    assert after["sources"]["description"]["kind"] == "human"


async def test_the_same_words_keep_their_source(client: httpx.AsyncClient) -> None:
    await create(client, source=MACHINE)
    first = (await client.put(V, json={"description": "A cat."})).json()
    by_machine = await client.put(V, json={"description": "A cat.", "source": MACHINE})
    assert by_machine.status_code == 200
    again = by_machine.json()
    assert (again["version"], again["sources"]) == (3, first["sources"])
    assert again["updated_at"] > first["updated_at"]


async def test_a_source_with_braces_is_read_as_it_is(client: httpx.AsyncClient) -> None:
    odd = {"kind": "machine", "model": '{"description":{', "prompt_version": '"kind":"human"'}
    await create(client, source=odd)
    answer = await client.put(V, json={"description": "A cat.", "source": odd})
    assert answer.status_code == 200
    assert {**answer.json()["sources"]["description"], "at": ""} == {**odd, "at": ""}


@pytest.mark.parametrize("version", [1, 2_147_483_648, 9_999_999_999])
async def test_a_version_that_it_has_not(client: httpx.AsyncClient, version: int) -> None:
    await create(client)
    await client.put(V, json={"description": "A cat."})
    headers = {"If-Match": f'"{version}"'}
    answer = await client.put(V, json={"description": "A cow."}, headers=headers)
    assert (answer.status_code, answer.headers["etag"]) == (412, '"2"')
    headers = {"If-Match": f'"{version}", "2"'}
    answer = await client.put(V, json={"description": "A cow."}, headers=headers)
    assert answer.status_code == 200


async def test_a_clock_that_goes_back(client: httpx.AsyncClient, database: Database) -> None:
    await create(client)
    later = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=125_000)
    async with prisma_on(database.url) as db:
        await db.videoanalysis.update_many({"updatedAt": later}, {"videoId": "v"})
    answer = await client.put(V, json={"description": "A cat."})
    assert datetime.fromisoformat(answer.json()["updated_at"]) == later + timedelta(milliseconds=1)


@on_sqlite
async def test_times_that_are_numbers(client: httpx.AsyncClient, database: Database) -> None:
    await create(client)
    database.execute(
        "UPDATE video_analysis SET created_at = 1772357400125, updated_at = 1772357400125"
    )
    record = (await client.put(V, json={"description": "A cat."})).json()
    assert record["created_at"] == "2026-03-01T09:30:00.125Z"
    assert record["updated_at"] > record["created_at"]
    assert (await client.get(V)).json() == record


async def test_each_change_is_laid_to_who_makes_it(client: httpx.AsyncClient) -> None:
    numbers = range(24)
    await asyncio.gather(*(create(client, f"v{n}") for n in numbers))

    async def change(n: int) -> httpx.Response:
        return await client.put(
            f"{COLLECTION}v{n}",
            json={"description": f"A cat, {n}."},
            headers={"X-Request-ID": f"request-{n}"},
        )

    for answer in await asyncio.gather(*map(change, numbers)):
        assert answer.json()["version"] == 2
    for n in numbers:
        newest, first = (await client.get(f"{COLLECTION}v{n}/versions")).json()["versions"]
        assert (newest["action"], newest["request_id"]) == ("update", f"request-{n}")
        assert newest["actor"] == "anonymous"
        assert first["action"] == "create"


async def test_of_many_with_one_etag_one_writes(
    client: httpx.AsyncClient, database: Database
) -> None:
    await create(client)
    await create(client, "titled", title="T")
    for path in (V, f"{COLLECTION}titled"):
        answers = await asyncio.gather(
            *(
                client.put(path, json={"description": f"A {n}."}, headers={"If-Match": '"1"'})
                for n in range(50)
            )
        )
        won = [each.json() for each in answers if each.status_code == 200]
        assert len(won) == 1
        refused = [each for each in answers if each.status_code == 412]
        assert len(refused) == 49
        assert {each.headers["etag"] for each in refused} == {'"2"'}
        assert (await client.get(path)).json() == won[0]
    assert database.count("change_log") == 4


async def test_many_without_conditions_all_write(client: httpx.AsyncClient) -> None:
    await create(client)
    answers = await asyncio.gather(
        *(client.put(V, json={"description": f"A {n}."}) for n in range(30))
    )
    written = sorted((each.json() for each in answers), key=lambda each: each["version"])
    assert [each["version"] for each in written] == list(range(2, 32))
    times = [each["updated_at"] for each in written]
    assert times == sorted(set(times))
    for version, record in enumerate(written[:-1], start=2):
        assert (await client.get(f"{V}/versions/{version}")).json() == record
    assert (await client.get(V)).json() == written[-1]


async def test_of_many_at_once_only_those_that_are_refused_fail(database: Database) -> None:
    async with service(database, quota_bytes=1_000) as client:
        for n in range(8):
            await client.post(COLLECTION, json=described(f"v{n}"))
        sizes = [20, 5_000, 30, 40, 900, 10, 2_000, 15]
        answers = await asyncio.gather(
            *(
                client.put(f"{COLLECTION}v{n}", json={"description": "b" * size})
                for n, size in enumerate(sizes)
            )
        )
    assert [each.status_code for each in answers] == [
        200 if size < 1_000 else 403 for size in sizes[:4]
    ] + [answers[4].status_code, 200, 403, 200]
    stored = database.rows()
    for n, size in enumerate(sizes):
        expected = "b" * size if answers[n].status_code == 200 else "a" * 10
        assert stored[f"v{n}"] == expected
    async with prisma_on(database.url) as db:
        [usage] = await db.query_raw(
            "SELECT bytes FROM owner_usage WHERE owner = current_setting('memory_mirror.owner')"
        )
    assert usage["bytes"] == sum(map(len, stored.values()))


async def test_a_record_that_is_deleted_meanwhile_is_gone(client: httpx.AsyncClient) -> None:
    await create(client)
    deleted, *answers = await asyncio.gather(
        client.delete(V), *(client.put(V, json={"description": f"A {n}."}) for n in range(8))
    )
    assert deleted.status_code == 204
    assert {each.status_code for each in answers} <= {200, 404}
    assert (await client.get(V)).status_code == 404


# The statement

BEFORE = datetime(2026, 3, 1, 9, 30, 0, 125_000, tzinfo=UTC)


async def store(db: Prisma, *video_ids: str) -> None:
    await db.videoanalysis.create_many(
        [
            {
                "id": f"id of {id_}",
                "videoId": id_,
                "description": "A dog.",
                "createdAt": BEFORE,
                "updatedAt": BEFORE,
            }
            for id_ in video_ids
        ]
    )


async def new(video_id: str, description: str, *, version: int = 0) -> NewDescription:
    return await new_description(
        video_id, description, HUMAN_SOURCE, version=version, override_human=False
    )


async def test_those_of_one_turn_share_statements(database: Database) -> None:
    ids = [f"v{number}" for number in range(20)]
    async with prisma_on(database.url) as db:
        await store(db, *ids)
        descriptions = BatchedDescriptions(db, database.provider)
        each = [await new(id_, f"Cat {id_}.") for id_ in ids[:18]]
        each += [await new("v18", "Too late.", version=2), await new("nobody", "Nobody.")]
        before = await statements(db)
        outcomes = await asyncio.gather(*map(descriptions.write, each))
        made = await statements(db) - before
        changed = await VideoAnalysis.prisma(db).find_first(where={"videoId": "v7"})
    assert made == (2 if database.provider == "postgresql" else 20)
    assert [outcome is not None for outcome in outcomes] == [True] * 18 + [False] * 2
    assert database.rows() == {
        **{id_: f"Cat {id_}." for id_ in ids[:18]},
        "v18": "A dog.",
        "v19": "A dog.",
    }
    assert changed is not None
    assert changed.createdAt == BEFORE
    assert changed.updatedAt == each[7].updated_at


@on_postgresql
async def test_a_record_that_is_held_holds_up_no_others(database: Database) -> None:
    async with prisma_on(database.url) as db:
        await store(db, "a", "held", "b")
        descriptions = BatchedDescriptions(db, "postgresql")
        async with db.tx() as transaction:
            await transaction.videoanalysis.update_many({"title": "Held"}, {"videoId": "held"})
            each = [await new(id_, "Cat.") for id_ in ("a", "held", "b")]
            first, held, last = await asyncio.wait_for(
                asyncio.gather(*map(descriptions.write, each)), 5
            )
    assert first is not None
    assert last is not None
    assert held is None
    assert database.rows() == {"a": "Cat.", "held": "A dog.", "b": "Cat."}


async def test_a_record_that_is_held_is_waited_for(
    client: httpx.AsyncClient, database: Database
) -> None:
    await create(client)
    async with prisma_on(database.url) as db:
        async with db.tx() as transaction:
            await transaction.videoanalysis.update_many({"title": "Held"}, {"videoId": "v"})
            writing = asyncio.create_task(client.put(V, json={"description": "A cat."}))
            await asyncio.sleep(0.1)
            assert not writing.done()
        answer = await writing
    record = answer.json()
    assert (record["title"], record["description"]) == ("Held", "A cat.")
    assert record["version"] == 3
    assert await stored_entry(database) == entry_of(record)


REFUSE = {
    "sqlite": "CREATE TRIGGER refuse BEFORE UPDATE ON video_analysis"
    " WHEN NEW.description = 'Refused.' BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "postgresql": "ALTER TABLE video_analysis ADD CHECK (description <> 'Refused.')",
}


async def test_only_those_that_are_refused_fail(own_database: Database) -> None:
    own_database.execute(REFUSE[own_database.provider])
    async with prisma_on(own_database.url) as db:
        await store(db, "a", "b", "c")
        descriptions = BatchedDescriptions(db, own_database.provider)
        each = [await new("a", "Cat."), await new("b", "Refused."), await new("c", "Cow.")]
        outcomes = await asyncio.gather(*map(descriptions.write, each), return_exceptions=True)
    assert isinstance(outcomes[1], DataError)
    assert [type(outcome) for outcome in outcomes[::2]] != [DataError] * 2
    assert own_database.rows() == {"a": "Cat.", "b": "A dog.", "c": "Cow."}
    assert own_database.count("change_log") == 3 + 2


async def test_while_the_database_is_away(database: Database) -> None:
    async with prisma_on(database.url) as db:
        await store(db, "a", "b")
        descriptions = BatchedDescriptions(db, database.provider)
    each = [await new("a", "Cat."), await new("b", "Cow.")]
    outcomes = await asyncio.gather(*map(descriptions.write, each), return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert database.rows() == {"a": "A dog.", "b": "A dog."}


def test_now_is_of_milliseconds() -> None:
    """Or a record would be stored with another time than it is answered with."""
    assert now().microsecond % 1_000 == 0
