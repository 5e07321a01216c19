"""Search on SQLite: the SQL that Prisma cannot express. postgresql.py has the same, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from backend.core.owners import OWNER, found_owned, owned
from backend.records import Conditions, Filters
from backend.search.changes import Blocks, Change, Merged

if TYPE_CHECKING:
    from prisma import Prisma

_QUEUE = f'FROM "search_queue" AS q WHERE {owned("q")}'
_MARKED = f"""FROM "video_analysis" AS v WHERE {owned("v")} AND "search_terms" = ''"""

PENDING = f'SELECT (SELECT count(*) {_QUEUE}) + (SELECT count(*) {_MARKED}) AS "pending"'
"""How many entries of the queue are not applied, and how many are first to be made."""

OPENING = (
    'SELECT coalesce(o."documents", 0) AS "documents", coalesce(o."length", 0) AS "length",'
    f' EXISTS (SELECT 1 {_QUEUE}) OR EXISTS (SELECT 1 {_MARKED}) AS "pending",'
    ' (SELECT json_group_object("term", "documents") FROM "search_term" AS t'
    f' WHERE {owned("t")} AND "term" IN (SELECT value FROM json_each(?)) AND "documents" > 0)'
    ' AS "known"'
    f' FROM (SELECT 1) AS one LEFT JOIN "search_total" AS o ON {owned("o")}'
)
"""The totals, FREQUENCIES (`known`, as JSON), and whether the index must catch up first."""

FREQUENCIES = (
    f'SELECT "term", "documents" FROM "search_term" AS t WHERE {owned("t")}'
    ' AND "term" IN (SELECT value FROM json_each(?)) AND "documents" > 0'
)

BEGINNINGS = (
    f'SELECT "term" FROM "search_term" AS t WHERE {owned("t")} AND "term" >= ? AND "term" < ?'
    ' AND "documents" > 0 ORDER BY "documents" DESC, "term" LIMIT ?'
)
"""From, below, and how many."""


def bound(terms: Sequence[str]) -> str:
    """How terms are bound."""
    return json.dumps(terms)


# Ranking (see segments.py)

POSTINGS = (
    f'SELECT "id", CASE WHEN ? THEN "members" END, NULL FROM "search_segment" AS s'
    f" WHERE {owned('s')}"
    ' UNION ALL SELECT p."segment", NULL, p."postings" FROM "search_segment" AS s'
    f' CROSS JOIN "search_postings" AS p ON {owned("p")} AND p."segment" = s."id"'
    ' AND p."bucket" IN (SELECT value >> s."shift" FROM json_each(?))'
    f" WHERE {owned('s')}"
)
"""Whether documents are wanted, and prefixes as JSON. Each segment, with its documents; and the
blocks of these prefixes, with their segments."""


def filtered(filters: Filters, most: int) -> tuple[str, list[Any]]:
    """The ids of the documents that the filters name, up to so many: one text, with commas."""
    query = Conditions("sqlite")
    query.own("v", "d")
    query.add(filters)
    source = "video_analysis AS v CROSS JOIN search_document AS d ON d.video_id = v.video_id"
    found = f"SELECT d.id FROM {source}{query.where()} LIMIT {query.bind(most)}"
    return f"SELECT group_concat(id) FROM ({found})", query.args


def documents(
    ids: Sequence[int], filters: Filters, *, after: str, limit: int
) -> tuple[str, list[Any]]:
    """id, video_id and facets of those that there still are, that the filters name and whose
    video_id comes after another: of so many, in the order of their video_id."""
    query = Conditions("sqlite")
    rows = f"json_each({query.bind(orjson.dumps(ids).decode())}) AS k"
    source = f"{rows} CROSS JOIN search_document AS d ON {owned('d')} AND d.id = k.value"
    query.conditions.append(f"d.video_id > {query.bind(after)}")
    source = query.narrow(source, filters)
    found = f"SELECT d.id, d.video_id, d.facets FROM {source}{query.where()}"
    return f"{found} ORDER BY d.video_id LIMIT {query.bind(limit)}", query.args


# Applying the queue (see changes.py)

APPLY_AFTER = 256
"""Writes after which to apply the queue: the more, the cheaper for each, but the writer waits
meanwhile."""

MAX_APPLIED = 1_000
"""Entries that one transaction applies, during which writers wait."""

MAX_APPLIED_BYTES = 2_000_000
"""Of their texts, that one transaction applies."""

CLAIM = f"""
    WITH waiting AS (
        SELECT "id", "video_id" {_QUEUE} ORDER BY "id" LIMIT {MAX_APPLIED}
    ), sized AS (
        SELECT w."id", w."video_id", coalesce(length(CAST(v."search_terms" AS BLOB)), 0)
            + coalesce(length(CAST(d."terms" AS BLOB)), 0) AS "size" FROM waiting AS w
        LEFT JOIN "video_analysis" AS v ON {owned("v")} AND v."video_id" = w."video_id"
        LEFT JOIN "search_document" AS d ON {owned("d")} AND d."video_id" = w."video_id"
    ), claimed AS MATERIALIZED (
        SELECT "id", "video_id" FROM (
            SELECT "id", "video_id", sum("size") OVER (ORDER BY "id") - "size" AS "before"
            FROM sized
        ) WHERE "before" < {MAX_APPLIED_BYTES}
    )
    SELECT t."version", t."last_document",
        (SELECT CAST(max("id") AS TEXT) FROM claimed),
        EXISTS (SELECT 1 {_QUEUE} AND "id" > (SELECT max("id") FROM claimed)),
        (SELECT json_group_array(
            json_array(c."video_id", d."id", d."length", d."terms", v."search_terms")
        ) FROM (SELECT DISTINCT "video_id" FROM claimed) AS c
        LEFT JOIN "search_document" AS d ON {owned("d")} AND d."video_id" = c."video_id"
        LEFT JOIN "video_analysis" AS v
            ON {owned("v")} AND v."video_id" = c."video_id" AND v."search_terms" <> '')
    FROM "search_total" AS t WHERE {owned("t")}
"""
"""One row: see changes.Claim. In the order of the numbers of the queue, which SQLite gives in the
order of the transactions that are committed, as there is one at a time."""


def _item(number: int) -> str:
    """Of an array of JSON."""
    return f"json_extract(value, '$[{number}]')"


_PLACED = f"{_item(0)}, substr(?, {_item(1)}, {_item(2)})"
"""The bucket and the bytes of each block: see changes.Blocks."""


async def store(client: Prisma, change: Change) -> None:
    """As one transaction. Raises DataError (see database.is_outdated) where the index is no longer
    as it was read."""
    batch = client.batch_()
    batch.execute_raw(
        'UPDATE "search_total" AS t SET'
        ' "version" = CASE WHEN "version" = ? THEN "version" + 1 END,'
        ' "documents" = "documents" + ?, "length" = "length" + ?,'
        ' "last_document" = ?, "last_segment" = "last_segment" + 1'
        f" WHERE {owned('t')}",
        change.version,
        change.more_documents,
        change.more_length,
        change.last_document,
    )
    batch.execute_raw(
        f'DELETE FROM "search_document" AS d WHERE {owned("d")}'
        ' AND "id" IN (SELECT value FROM json_each(?))',
        orjson.dumps(change.replaced + change.removed).decode(),
    )
    batch.execute_raw(
        'INSERT INTO "search_document" ("owner", "id", "video_id", "length", "terms", "facets")'
        f" SELECT {OWNER}, {', '.join(map(_item, range(5)))} FROM json_each(?)",
        orjson.dumps(change.documents).decode(),
    )
    batch.execute_raw(
        'INSERT INTO "search_term" ("owner", "term", "documents")'
        f" SELECT {OWNER}, key, value FROM json_each(?) WHERE true"
        ' ON CONFLICT ("owner", "term")'
        ' DO UPDATE SET "documents" = "documents" + excluded."documents"',
        orjson.dumps(change.terms).decode(),
    )
    if change.segment is not None:
        segment = change.segment
        batch.execute_raw(
            'INSERT INTO "search_segment"'
            ' ("owner", "id", "documents", "postings", "shift", "members")'
            f' SELECT {OWNER}, "last_segment", ?, ?, ?, ? FROM "search_total" AS t'
            f" WHERE {owned('t')}",
            len(change.documents),
            segment.postings,
            segment.shift,
            segment.members,
        )
        batch.execute_raw(
            'INSERT INTO "search_postings" ("owner", "segment", "bucket", "postings")'
            f' SELECT {OWNER}, "last_segment", {_PLACED}'
            f' FROM json_each(?) CROSS JOIN "search_total" AS t WHERE {owned("t")}',
            segment.blocks.data,
            segment.blocks.places(),
        )
    batch.execute_raw(f'DELETE {_QUEUE} AND "id" <= ?', int(change.claim))
    await batch.commit()


BEGIN_INDEX = f'INSERT INTO "search_total" ("owner") VALUES ({OWNER}) ON CONFLICT DO NOTHING'
"""For an owner who has none yet."""


# Merging (see merging.py)

SEGMENTS = (
    'SELECT s."id", s."documents", s."postings", t."documents"'
    ' FROM "search_segment" AS s CROSS JOIN "search_total" AS t'
    f' WHERE {owned("s")} AND {owned("t")} ORDER BY s."id"'
)
"""Its documents and postings, and how many documents there are in all."""

MEMBERS = (
    f'SELECT "id", "members" FROM "search_segment" AS s WHERE {owned("s")}'
    ' AND "id" IN (SELECT value FROM json_each(?)) ORDER BY "id"'
)

LIVING = (
    'SELECT group_concat("id") FROM "search_document" AS d'
    f' WHERE {owned("d")} AND "id" BETWEEN ? AND ?'
)
"""Their ids: one text, with commas."""

PORTION = (
    'SELECT p."segment", p."postings" FROM json_each(?) AS k'
    f' CROSS JOIN "search_segment" AS s ON {owned("s")} AND s."id" = k.value'
    f' CROSS JOIN "search_postings" AS p ON {owned("p")} AND p."segment" = s."id"'
    ' AND p."bucket" BETWEEN ? >> s."shift" AND ? >> s."shift"'
    ' ORDER BY p."segment", p."bucket"'
)
"""Of these segments, the blocks of the prefixes from the first to the last."""

_NOW = "CAST(strftime('%s', 'now') AS INTEGER)"

LEASE = f'SELECT "merging", "merging_until" < {_NOW} FROM "search_total" AS t WHERE {owned("t")}'
"""The segment that is being made; 0: none. And whether its maker is taken to be gone."""

_HELD = (
    'UPDATE "search_total" AS t SET "merging" = CASE WHEN "merging" = ? THEN {} END,'
    f' "merging_until" = {_NOW} + ?{{}} WHERE {owned("t")}'
)


async def begin_merge(client: Prisma, left: int, seconds: int) -> int:
    """The number of the segment that is to be made, in place of one that was left unfinished (0:
    none). Raises DataError (see database.is_outdated) where another began, as do those below where
    it took over."""
    begin = _HELD.format('"last_segment" + 1', ', "last_segment" = "last_segment" + 1')
    row: Any = await client.query_first(f'{begin} RETURNING "merging"', left, seconds)
    await client.execute_raw(
        f'DELETE FROM "search_postings" AS p WHERE {owned("p")} AND "segment" = ?', left
    )
    return int(row["merging"])


async def store_blocks(client: Prisma, segment: int, blocks: Blocks, seconds: int) -> None:
    batch = client.batch_()
    batch.execute_raw(_HELD.format('"merging"', ""), segment, seconds)
    batch.execute_raw(
        'INSERT INTO "search_postings" ("owner", "segment", "bucket", "postings")'
        f" SELECT {OWNER}, ?, {_PLACED} FROM json_each(?)",
        segment,
        blocks.data,
        blocks.places(),
    )
    await batch.commit()


async def end_merge(client: Prisma, segment: int, merged: Merged | None, sources: str) -> None:
    """Put the segment, or nothing, in the place of its sources (JSON)."""
    batch = client.batch_()
    batch.execute_raw(_HELD.format("0", ""), segment, 0)
    for table, column in (("search_segment", "id"), ("search_postings", "segment")):
        batch.execute_raw(
            f'DELETE FROM "{table}" AS s WHERE {owned("s")}'
            f' AND "{column}" IN (SELECT value FROM json_each(?))',
            sources,
        )
    if merged is not None:
        batch.execute_raw(
            'INSERT INTO "search_segment"'
            ' ("owner", "id", "documents", "postings", "shift", "members")'
            f" VALUES ({OWNER}, ?, ?, ?, ?, ?)",
            segment,
            *merged,
        )
    await batch.commit()


# Making entries anew (see entries.py)

_WHAT_IS_TO_BE_READ = (
    'SELECT "id", CAST("updated_at" AS TEXT) AS "stamp", length("description") + coalesce('
    f'(SELECT sum(length("text")) FROM "segment" AS s WHERE {found_owned("s")}'
    ' AND "analysis_id" = v."id"), 0) AS "characters"'
    f' FROM "video_analysis" AS v WHERE {owned("v")} AND'
)

MARKED = f"""{_WHAT_IS_TO_BE_READ} "search_terms" = '' ORDER BY "id" LIMIT ?"""
"""So many records whose entry is to be made anew. `stamp` tells when each was last changed."""

FOLLOWING = f'{_WHAT_IS_TO_BE_READ} "id" > ? ORDER BY "id" LIMIT ?'
"""Of all records, so many from an id on."""

STORE_ENTRIES = (
    'UPDATE "video_analysis" AS v SET "search_terms" = json_extract(made.value, \'$[2]\')'
    f" FROM json_each(?) AS made WHERE {found_owned('v')}"
    " AND v.id = json_extract(made.value, '$[0]')"
    " AND CAST(\"updated_at\" AS TEXT) = json_extract(made.value, '$[1]')"
)
"""JSON: [id, stamp, entry] of each. Those that were changed since keep what they have."""

NO_ENTRY = (
    f'UPDATE "video_analysis" AS v SET "search_terms" = NULL WHERE {found_owned("v")}'
    ' AND "id" = ? AND CAST("updated_at" AS TEXT) = ?'
)
"""Of this id and stamp."""
