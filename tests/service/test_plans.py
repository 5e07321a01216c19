"""The indexes that queries use: what keeps them quick however many videos there are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from prisma.models import VideoAnalysis

from backend.core.owners import ROLE, SETTING
from backend.engine import JsonRecords
from backend.engine.drivers.sqlite.settings import CurrentSettings
from backend.records.descriptions import SQL
from backend.records.filters import Filters
from backend.records.listing import Order, Position, statements
from backend.records.reader import RELATED
from backend.records.record import JSON_FORM
from backend.search import postgresql, sqlite
from tests.fixtures import Database, SQLite, prisma_on

pytestmark = pytest.mark.anyio

POSITION = Position("2026-03-01T00:00:00.000+00:00", "c" * 25)
TAGGED = Filters(tag=("beach",))
PLACED = Filters(location="Lisbon")
SAID = Filters(has_description_containing="wave")

LISTS: list[tuple[Filters, Order, str]] = [
    (Filters(), "-created_at", "video_analysis_owner_created_at_id_idx"),
    (Filters(), "created_at", "video_analysis_owner_created_at_id_idx"),
    (Filters(), "-updated_at", "video_analysis_owner_updated_at_id_idx"),
    (PLACED, "-created_at", "video_analysis_owner_location_created_at_id_idx"),
    (TAGGED, "-created_at", "video_tag_owner_tag_name_created_at_analysis_id_idx"),
    (TAGGED, "created_at", "video_tag_owner_tag_name_created_at_analysis_id_idx"),
]


def _key(video_id: str) -> dict[str, Any]:
    return {"owner_videoId": {"owner": "default", "videoId": video_id}}


def plan(database: Database, sql: str, args: list[Any]) -> str:
    if isinstance(database, SQLite):
        with contextlib.closing(sqlite3.connect(database.path)) as connection:
            CurrentSettings(connection).values = {SETTING: "default"}
            rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", args).fetchall()
        return "\n".join(row[3] for row in rows)
    for number in range(len(args), 0, -1):
        value = args[number - 1]
        text = f"{{{json.dumps(value)[1:-1]}}}" if isinstance(value, list) else str(value)
        text = text.replace("'", "''")
        sql = sql.replace(f"${number}", text if isinstance(value, int) else f"'{text}'")
    # Of a few rows PostgreSQL reads all: what it would do with many.
    return database.server.psql(
        f"SET {SETTING} = 'default'; SET ROLE {ROLE}; SET enable_seqscan = off;"
        f" SET enable_sort = off; EXPLAIN {sql}",
        database=database.name,
    )


@pytest.mark.parametrize(("filters", "order", "index"), LISTS, ids=str)
@pytest.mark.parametrize("position", [None, POSITION], ids=["first", "deep"])
async def test_a_page_of_the_list_is_read_from_one_index_in_its_order(
    database: Database, filters: Filters, order: Order, index: str, position: Position | None
) -> None:
    ((sql, args),) = statements(database.provider, filters, order, 100, position)
    found = plan(database, sql, args)
    assert index in found
    assert "TEMP B-TREE" not in found  # SQLite's word for sorting
    assert "Sort" not in found


@pytest.mark.parametrize("order", get_args(Order))
async def test_a_deep_page_begins_at_its_place_not_at_a_bound(
    database: Database, order: Order
) -> None:
    field = order.removeprefix("-").partition("_")[0]
    end = "to" if order.startswith("-") else "from"
    bound: Any = "2026-02-01" if field == "recorded" else datetime(2026, 2, 1, tzinfo=UTC)
    filters = Filters(**{f"{field}_{end}": bound})
    sql, args = statements(database.provider, filters, order, 100, POSITION)[0]
    if isinstance(database, SQLite):
        args = [str(each) if isinstance(each, datetime) else each for each in args]
    found = plan(database, sql, args)
    assert f"({order.removeprefix('-')},id)" in found or "ROW(" in found


async def test_search_reads_its_tables_by_their_keys(database: Database) -> None:
    sql = sqlite if isinstance(database, SQLite) else postgresql
    flag: Any = 1 if isinstance(database, SQLite) else "true"
    postings = plan(database, sql.POSTINGS, [flag, "[1, 2]"])
    found = plan(database, *sql.documents([1, 2], SAID, after="", limit=10))
    frequencies = plan(database, sql.FREQUENCIES, [sql.bound(["beach"])])
    claimed = plan(database, sql.CLAIM, [])
    if isinstance(database, SQLite):
        assert "sqlite_autoindex_search_postings_1 (owner=? AND segment=? AND bucket=?)" in postings
        assert "SEARCH d USING INDEX sqlite_autoindex_search_document_1 (owner=? AND id=?)" in found
        assert "SEARCH v USING INDEX video_analysis_owner_video_id_key" in found
        assert "SEARCH t USING PRIMARY KEY (owner=? AND term=?)" in frequencies
        assert claimed.count("SEARCH v USING INDEX video_analysis_owner_video_id_key") == 2
        assert claimed.count("SEARCH d USING INDEX sqlite_autoindex_search_document_2") == 2
    else:
        assert "Index Scan using search_postings_pkey" in postings
        assert "Index Scan using search_document_pkey" in found
        assert "Index Scan using video_analysis_owner_video_id_key" in found
        assert "search_term_pkey" in frequencies
        assert claimed.count("Index Scan using video_analysis_owner_video_id_key") == 2
        assert claimed.count("Index Scan using search_document_owner_video_id_key") == 2


async def test_relations_are_found_by_their_records(database: Database) -> None:
    found = plan(database, RELATED[database.provider], [json.dumps(["a", "b"])])
    for table in ("video_tag", "video_person", "segment"):
        assert f"SCAN {table}" not in found
        assert f"Seq Scan on {table}" not in found
        assert f"USING INDEX sqlite_autoindex_{table}_1" in found or f"{table}_pkey" in found


async def test_a_record_is_found_and_the_newest_are_listed_by_an_index(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    client = prisma_on(database.url, log_queries=True)
    async with client:
        videos = JsonRecords(client, VideoAnalysis, JSON_FORM)
        caplog.set_level("INFO")
        await videos.find_unique(_key("v"))
        await asyncio.gather(*(videos.find_unique(_key(id_)) for id_ in "vw"))
        await videos.find_many(take=100, order=[{"createdAt": "desc"}, {"id": "desc"}])
    one, both, *_, newest = [
        str(record.args[0])
        for record in caplog.records
        if record.name == "backend.engine.engine" and record.args
    ]
    for sql, index in (
        (one, "video_analysis_owner_video_id_key"),
        (both, "video_analysis_owner_video_id_key"),
        (newest, "video_analysis_owner_created_at_id_idx"),
    ):
        found = plan(database, sql, ["1"] * (sql.count("?") or sql.count("$")))
        assert index in found, sql
        assert "TEMP B-TREE" not in found
        assert "Sort" not in found


async def test_gathered_updates_find_their_records_by_an_index(database: Database) -> None:
    values = [
        "v", "1", "A dog.", "6 dog", "6", "{}", "2026-03-01T00:00:01", ",null]", "false", "false"
    ]  # fmt: skip
    gathered = database.provider == "postgresql"
    args = [[each] * 2 for each in values] if gathered else values
    found = plan(database, SQL[database.provider], args)
    assert "video_analysis_owner_video_id_key" in found
    assert "Seq Scan on video_analysis" not in found
    assert "SCAN v" not in found
    if gathered:
        assert "Index Scan using video_analysis_pkey" in found, "to write what is locked"
