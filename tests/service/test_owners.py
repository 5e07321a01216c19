"""Each owner has a store of his own: nothing that another has is seen, counted or met with."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.core.caller import acting_for
from backend.core.owners import ROLE
from backend.engine import fetch
from backend.engine.migrate import deploy
from backend.history import AuditFilters
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisUpdate
from backend.records import ALL, PEOPLE, TAGS, Filters, VideoAnalysisNotFound
from backend.services import Services, make_services
from backend.text.entry import index_entry
from tests.fixtures import SCHEMA, Database, PostgreSQL, SQLite, on_postgresql
from tests.owned_statements import HELD, OWNED, unconfined

pytestmark = pytest.mark.anyio

OF_NOBODY = ("change_seal", "change_follower", "access_key")
EMPTY = ("search_queue", "idempotency_key", "owner_usage")
"""And those of the video index: nothing was written there."""
OWNERS = ("ann", "bob")


@pytest.fixture
async def services(own_database: Database) -> AsyncIterator[Services]:
    services = make_services(own_database.url)
    await services.database.connect()
    yield services
    await services.database.disconnect()


def _memory(owner: str, number: int) -> VideoAnalysisCreate:
    return VideoAnalysisCreate(
        video_id=f"v{number}",
        description=f"A dog of{owner} on the beach, number{number}.",
        location=f"place of {owner}",
        tags=["beach", f"tag-{owner}"],
        people=["Ann", f"person-{owner}"],
        segments=[{"start": 0, "end": 1, "text": f"The dog of{owner} runs."}],
    )


async def _fill(services: Services, *, number: int = 3) -> None:
    """With the same ids, tags and people for both."""
    for of in OWNERS:
        with acting_for(of):
            for each in range(number + (of == "bob")):
                await services.database.create_video_analysis(_memory(of, each))


async def test_the_same_id_is_a_record_of_each(services: Services) -> None:
    await _fill(services)
    database = services.database
    for of in OWNERS:
        with acting_for(of):
            record = await database.get_video_analysis("v1")
            assert f"of{of}" in record["description"]
            changed = VideoAnalysisUpdate(description=f"Changed by of{of}")
            await database.update_video_analysis("v1", changed)
    for of in OWNERS:
        with acting_for(of):
            assert (await database.get_video_analysis("v1"))["description"] == f"Changed by of{of}"
            assert await database.get_version("v1") == 2
    with acting_for("ann"):
        with pytest.raises(VideoAnalysisNotFound):
            await database.get_video_analysis("v3")  # there is one of bob
        with pytest.raises(VideoAnalysisNotFound):
            await database.delete_video_analysis("v3")
        await database.delete_video_analysis("v1")
    with acting_for("bob"):
        assert (await database.get_video_analysis("v1"))["description"] == "Changed by ofbob"
    with pytest.raises(VideoAnalysisNotFound):  # the default owner's
        await database.get_video_analysis("v1")


async def test_records_that_are_read_at_the_same_moment_are_not_mixed_up(
    services: Services,
) -> None:
    await _fill(services)

    async def read(of: str, video_id: str) -> str:
        with acting_for(of):
            return str((await services.database.get_video_analysis(video_id))["description"])

    asked = [(of, f"v{n % 3}") for n in range(30) for of in OWNERS]
    found = await asyncio.gather(*(read(*each) for each in asked))
    for (of, video_id), description in zip(asked, found, strict=True):
        assert description == f"A dog of{of} on the beach, number{video_id[1:]}."


async def test_records_that_are_written_at_the_same_moment_are_each_their_owners(
    services: Services,
) -> None:
    async def write(of: str, number: int) -> None:
        with acting_for(of):
            new = VideoAnalysisCreate(video_id=f"w{number}", description=f"Of{of} {number}")
            await services.database.create_video_analysis(new)
            changed = VideoAnalysisUpdate(description=f"Of{of} {number} again")
            await services.database.update_video_analysis(f"w{number}", changed)

    await asyncio.gather(*(write(of, n) for n in range(40) for of in OWNERS))
    for of in OWNERS:
        with acting_for(of):
            page = await services.database.list_video_analyses(
                ALL, order="-created_at", limit=100, cursor=None, include_total=True
            )
        assert page["total"] == 40
        assert all(each["description"].startswith(f"Of{of} ") for each in page["analyses"])
        assert all(each["description"].endswith(" again") for each in page["analyses"])


async def test_nothing_that_is_counted_or_found_is_anothers(services: Services) -> None:
    await _fill(services)
    database = services.database
    for of, other, number in (("ann", "bob", 3), ("bob", "ann", 4)):
        with acting_for(of):
            answers: list[Any] = [
                await database.list_video_analyses(
                    filters, order="-updated_at", limit=2, cursor=None, include_total=True
                )
                for filters in (ALL, Filters(tag=("beach",)), Filters(person=("Ann",)))
            ]
            assert [page["total"] for page in answers] == [number] * 3
            for kind, name in ((TAGS, "beach"), (PEOPLE, "Ann")):
                names = await database.list_names(kind, limit=10, cursor=None)
                assert {each.name: each.count for each in names.names} == {
                    name: number,
                    f"{kind.noun}-{of}": number,
                }
            answers.append((await database.stats(ALL)).model_dump())
            assert answers[-1]["total"] == number
            for words in ("dog", f"of{other}", f"of{other[:2]}", "beech", f"number{number}"):
                found = await services.search.search(words, limit=10)
                answers.append(found)
            answers.append(await services.history.versions("v0", limit=10, cursor=None))
            answers.append(await services.history.deleted(limit=10, cursor=None))
            answers.append(await services.audit.page(AuditFilters(), limit=100))
            assert answers[-1]["count"] == number
        told = json.dumps(answers, default=str)
        for marker in (f"of{other}", f"place of {other}", f"tag-{other}", f"person-{other}"):
            assert marker not in told


async def test_scores_are_those_of_ones_own_records_alone(
    services: Services, own_database: Database
) -> None:
    with acting_for("ann"):
        for number in range(3):
            await services.database.create_video_analysis(_memory("ann", number))
        alone = await services.search.search("dog beach number1", limit=10)
    with acting_for("bob"):
        for number in range(20):
            new = VideoAnalysisCreate(video_id=f"x{number}", description="dog dog dog beach")
            await services.database.create_video_analysis(new)
        await services.search.search("dog", limit=10)
    with acting_for("ann"):
        assert await services.search.search("dog beach number1", limit=10) == alone


async def test_a_name_is_changed_for_its_owner_alone(services: Services) -> None:
    await _fill(services)
    with acting_for("ann"):
        assert (await services.database.rename(TAGS, "beach", "shore")).count == 3
        await services.database.delete_name(PEOPLE, "Ann")
    with acting_for("bob"):
        record = await services.database.get_video_analysis("v0")
        assert (record["tags"], record["version"]) == (["beach", "tag-bob"], 1)
        assert record["people"] == ["Ann", "person-bob"]
        assert (await services.search.search("shore", limit=10))["count"] == 0
    with acting_for("ann"):
        assert (await services.search.search("shore", limit=10))["count"] == 3


async def test_a_cursor_leads_its_owner_alone(services: Services) -> None:
    await _fill(services)
    with acting_for("ann"):
        page = await services.database.list_video_analyses(
            ALL, order="-created_at", limit=1, cursor=None, include_total=False
        )
        found = await services.search.search("dog", limit=1)
    with acting_for("bob"):
        for ask in (
            services.database.list_video_analyses(
                ALL,
                order="-created_at",
                limit=1,
                cursor=page["next_cursor"],
                include_total=False,
            ),
            services.search.search("dog", limit=1, cursor=found["next_cursor"]),
        ):
            with pytest.raises(Exception, match="another query"):
                await ask


async def test_the_log_is_sealed_for_all_and_verified(services: Services) -> None:
    await _fill(services)
    assert await services.audit.seal() == 7
    found = await services.audit.verify()
    assert (found.rows, found.trouble) == (7, None)


async def test_a_change_of_the_owner_in_the_log_is_found(
    services: Services, own_database: Database
) -> None:
    await _fill(services)
    await services.audit.seal()
    own_database.execute("UPDATE change_log SET owner = 'default' WHERE owner = 'ann'")
    assert "was altered" in str((await services.audit.verify()).trouble)


@on_postgresql
async def test_the_database_itself_shows_rows_of_one_owner(
    services: Services, own_database: Database
) -> None:
    """By raw SQL, over the service's own connections."""
    await _fill(services)
    for of in OWNERS:
        with acting_for(of):
            await services.search.search("dog", limit=1)
            for number in range(2):
                near = f"The dog of{of} runs along the beach all day long, number{number}"
                await services.database.update_video_analysis(
                    f"v{number}", VideoAnalysisUpdate(description=near)
                )
            assert (await services.duplicates.page(0.7, limit=1))["count"] == 1
            await services.duplicates.dismiss(["v0", "v1"])
    await services.audit.seal()
    client = services.database.client
    assert services.database.has_role
    for table in OWNED:
        for of in OWNERS:
            with acting_for(of):
                rows = await fetch(client, f"{HELD} SELECT owner FROM {table}")
                assert {owner for (owner,) in rows} <= {of}, table
                if table not in EMPTY and not table.startswith("twelvelabs_"):
                    assert rows, table
    with acting_for("ann"):
        for table in OF_NOBODY:
            assert await fetch(client, f"SELECT 1 FROM {table}") == []
        await client.execute_raw(f"{HELD} UPDATE video_analysis SET title = 'Hers'")
        with pytest.raises(Exception, match="row-level security"):
            await client.execute_raw(f"{HELD} UPDATE video_analysis SET owner = 'bob'")
        with pytest.raises(Exception, match="row-level security"):
            await client.execute_raw("INSERT INTO tag (owner, name) VALUES ('bob', 'hers')")
    assert isinstance(own_database, PostgreSQL)
    asked = "SELECT count(*), count(*) FILTER (WHERE title = 'Hers') FROM video_analysis"
    assert own_database.server.psql(asked, database=own_database.name).strip() == "7|3"
    for table in (*OWNED, *OF_NOBODY):
        asked = f"SET ROLE {ROLE}; SELECT count(*) FROM {table}"
        found = own_database.server.psql(asked, database=own_database.name)
        assert found.split()[-1] == "0", f"{table}, where no owner is set"


@on_postgresql
async def test_every_table_has_row_level_security(own_database: Database) -> None:
    assert isinstance(own_database, PostgreSQL)
    found = own_database.server.psql(
        "SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'public'::regnamespace AND relname <> '_prisma_migrations'"
        " AND NOT (relrowsecurity AND relforcerowsecurity)",
        database=own_database.name,
    )
    assert found.strip() == ""


async def test_what_there_was_before_belongs_to_default(
    own_database: Database, tmp_path: Path
) -> None:
    """A database of the release before, with records that search knew."""
    before = tmp_path / "prisma"
    shutil.copytree(SCHEMA.parent, before)
    for folder in (before / "migrations" / own_database.provider).glob("20260[4-9]*"):
        shutil.rmtree(folder)
    if isinstance(own_database, SQLite):
        old: Database = SQLite(tmp_path / "old.db")
    else:
        old = PostgreSQL(own_database.server, own_database.server.create_database())
    await deploy(before / SCHEMA.name, old.url, log=lambda _: None)
    entry = index_entry(["An old dog."]).replace("'", "''")
    old.execute(
        "INSERT INTO video_analysis (id, video_id, description, updated_at, search_terms,"
        " has_relations) VALUES"
        f" ('c1', 'old', 'An old dog.', '2026-03-01T00:00:00.000+00:00', '{entry}', true);"
        "INSERT INTO tag VALUES ('beach');"
        "INSERT INTO video_tag VALUES ('c1', 'beach', 0, '2026-03-01T00:00:00.000+00:00');"
    )
    await deploy(SCHEMA, old.url, log=lambda _: None)
    services = make_services(old.url)
    await services.database.connect()
    try:
        record = await services.database.get_video_analysis("old")
        assert (record["tags"], record["version"]) == (["beach"], 1)
        assert (await services.search.search("dog", limit=10))["count"] == 1
        assert await services.database.reader.owners() == ["default"]
        with acting_for("ann"), pytest.raises(VideoAnalysisNotFound):
            await services.database.get_video_analysis("old")
        await services.database.rename(TAGS, "beach", "shore")
        await services.audit.seal()
        assert (await services.audit.verify()).trouble is None
    finally:
        await services.database.disconnect()


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT * FROM tag", "tag"),
        ("SELECT * FROM tag AS t WHERE t.owner = 'x'", None),
        ('SELECT 1 FROM "main"."video_tag" WHERE "main"."video_tag"."owner" = ?', None),
        ("SELECT 1 FROM tag AS t JOIN person AS p ON true WHERE t.owner = 'x'", "person"),
        ("INSERT INTO tag (name) VALUES (?)", "tag"),
        ("DELETE FROM segment WHERE analysis_id = ?", "segment"),
        ("UPDATE video_analysis SET title = ?", "video_analysis"),
        ("SELECT count(*) FROM taglike", None),
    ],
)
def test_a_statement_that_does_not_say_whose_rows_is_told(sql: str, table: str | None) -> None:
    assert unconfined(sql) == table
