"""Search on PostgreSQL: the SQL that Prisma cannot express. sqlite.py has the same, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from backend.core.owners import OWNER, found_owned, owned
from backend.records import Conditions, Filters
from backend.search.changes import Blocks, Change, Merged

if TYPE_CHECKING:
    from prisma import Prisma

_PENDING = (
    f'FROM "search_queue" AS q WHERE {owned("q")} AND "xid" >= coalesce((SELECT CASE'
    ' WHEN "applied_before" <= pg_snapshot_xmin(pg_current_snapshot()) THEN "applied_before"'
    f""" ELSE '0'::xid8 END FROM "search_total" AS t WHERE {owned("t")}), '0'::xid8)"""
)
"""The entries of the queue that are not applied yet. They are looked for from where the last
applying ended: before that is nothing but what it removed, which PostgreSQL vacuums much later."""

_MARKED = f"""FROM "video_analysis" AS v WHERE {owned("v")} AND "search_terms" = ''"""

PENDING = f'SELECT (SELECT count(*) {_PENDING}) + (SELECT count(*) {_MARKED}) AS "pending"'
"""How many entries of the queue are not applied, and how many are first to be made."""

# For a list that the planner knows it would plan anew each time.
_ASKED = "ANY (ARRAY(SELECT unnest(string_to_array($1, ' '))))"

OPENING = (
    'SELECT coalesce(o."documents", 0) AS "documents", coalesce(o."length", 0) AS "length",'
    f" EXISTS (SELECT 1 {_PENDING}) OR EXISTS (SELECT 1"
    f' {_MARKED}) AS "pending",'
    ' (SELECT json_object_agg(t."term", t."documents")::text FROM "search_term" AS t'
    f' WHERE {owned("t")} AND t."term" = {_ASKED} AND t."documents" > 0) AS "known"'
    f' FROM (SELECT 1) AS one LEFT JOIN "search_total" AS o ON {owned("o")}'
)
"""The totals, FREQUENCIES (`known`, as JSON), and whether the index must catch up first."""

FREQUENCIES = (
    f'SELECT "term", "documents" FROM "search_term" AS t WHERE {owned("t")}'
    f' AND "term" = {_ASKED} AND "documents" > 0'
)

BEGINNINGS = (
    f'SELECT "term" FROM "search_term" AS t WHERE {owned("t")}'
    ' AND "term" >= $1::text COLLATE "C" AND "term" < $2::text COLLATE "C"'
    ' AND "documents" > 0 ORDER BY "documents" DESC, "term" LIMIT $3'
)
"""From, below, and how many."""


def bound(terms: Sequence[str]) -> str:
    """How terms are bound: as a list the driver would look at each of them."""
    return " ".join(terms)


# Ranking (see segments.py)

# Each segment by itself (OFFSET 0): a join could read all that there are.
POSTINGS = (
    f'SELECT "id", CASE WHEN $1 THEN "members" END, NULL FROM "search_segment" AS s'
    f" WHERE {owned('s')}"
    ' UNION ALL SELECT s."id", NULL, p."postings" FROM "search_segment" AS s'
    ' CROSS JOIN LATERAL (SELECT "postings" FROM "search_postings" AS p'
    f' WHERE {owned("p")} AND p."segment" = s."id"'
    ' AND p."bucket" = ANY (ARRAY(SELECT value::integer >> s."shift"'
    " FROM json_array_elements_text($2::json) AS k(value))) OFFSET 0) AS p"
    f" WHERE {owned('s')}"
)
"""Whether documents are wanted, and prefixes as JSON. Each segment, with its documents; and the
blocks of these prefixes, with their segments."""


def filtered(filters: Filters, most: int) -> tuple[str, list[Any]]:
    """The ids of the documents that the filters name, up to so many: one text, with commas."""
    query = Conditions("postgresql")
    query.own("v", "d")
    query.add(filters)
    source = "video_analysis AS v JOIN search_document AS d ON d.video_id = v.video_id"
    found = f"SELECT d.id FROM {source}{query.where()} LIMIT {query.bind(most)}"
    return f"SELECT string_agg(id::text, ',') FROM ({found}) AS found", query.args


def documents(
    ids: Sequence[int], filters: Filters, *, after: str, limit: int
) -> tuple[str, list[Any]]:
    """id, video_id and facets of those that there still are, that the filters name and whose
    video_id comes after another: of so many, in the order of their video_id."""
    query = Conditions("postgresql")
    rows = f"json_array_elements_text({query.bind(orjson.dumps(ids).decode())}::json) AS k(value)"
    # Each by itself (OFFSET 0): a join could read all that there are.
    source = (
        f"{rows} CROSS JOIN LATERAL"
        f" (SELECT * FROM search_document AS d WHERE {owned('d')} AND id = k.value::bigint"
        " OFFSET 0) AS d"
    )
    query.conditions.append(f'd.video_id COLLATE "C" > {query.bind(after)}')
    source = query.narrow(source, filters)
    found = f"SELECT d.id, d.video_id, d.facets FROM {source}{query.where()}"
    return f'{found} ORDER BY d.video_id COLLATE "C" LIMIT {query.bind(limit)}', query.args


# Applying the queue (see changes.py)

APPLY_AFTER = 1_000
"""Writes after which to apply the queue: the more, the cheaper for each, but a search waits
meanwhile."""

MAX_APPLIED = 2_000
"""Entries that one transaction applies. More than APPLY_AFTER: others write while it begins."""

MAX_APPLIED_BYTES = 2_000_000
"""Of their texts, that one transaction applies."""

# Each video is looked up by itself (OFFSET 0): a join could read all that there are.
_OF_THE_VIDEO = f"""
    LEFT JOIN LATERAL (
        SELECT "id", "length", "terms" FROM "search_document" AS d
        WHERE {owned("d")} AND d."video_id" = w."video_id" OFFSET 0
    ) AS d ON true
    LEFT JOIN LATERAL (
        SELECT "search_terms" FROM "video_analysis" AS v
        WHERE {owned("v")} AND v."video_id" = w."video_id" AND v."search_terms" <> '' OFFSET 0
    ) AS v ON true
"""

CLAIM = f"""
    WITH waiting AS MATERIALIZED (
        SELECT "id", "video_id", "xid" {_PENDING} ORDER BY "xid", "id" LIMIT {MAX_APPLIED}
    ), sized AS (
        SELECT w."id", w."video_id", w."xid", coalesce(octet_length(v."search_terms"), 0)
            + coalesce(octet_length(d."terms"), 0) AS "size"
        FROM waiting AS w {_OF_THE_VIDEO}
    ), claimed AS MATERIALIZED (
        SELECT "id", "video_id", "xid" FROM (
            SELECT *, sum("size") OVER (ORDER BY "xid", "id") - "size" AS "before" FROM sized
        ) AS s WHERE "before" < {MAX_APPLIED_BYTES}
    ), counted AS (
        SELECT (SELECT count(*) FROM claimed) < (SELECT count(*) FROM waiting)
            OR (SELECT count(*) FROM waiting) = {MAX_APPLIED} AS "more"
    )
    SELECT t."version", t."last_document",
        (SELECT json_build_array(
            least( -- which leaves out what is NULL
                pg_snapshot_xmin(pg_current_snapshot()),
                CASE WHEN "more" THEN (SELECT "xid" FROM claimed ORDER BY "xid" DESC LIMIT 1) END
            )::text,
            (SELECT json_agg(json_build_array("xid"::text, "id")) FROM claimed)
        )::text),
        "more",
        (SELECT json_agg(
            json_build_array(w."video_id", d."id", d."length", d."terms", v."search_terms")
        ) FROM (SELECT DISTINCT "video_id" FROM claimed) AS w {_OF_THE_VIDEO})::text
    FROM "search_total" AS t CROSS JOIN counted WHERE {owned("t")}
"""
"""One row: see changes.Claim. What is claimed are rows of the queue by their keys, as those of
later transactions may come before those of earlier ones, and up to which transaction all are."""

# One statement: no lock waits for a process that has been stopped between two. Of tables it locks
# video_analysis first, as TRUNCATE does, and of rows that of search_total, from which all else is
# read.
_STORE = f"""
    WITH first AS (
        SELECT 1 FROM "video_analysis" AS v WHERE {owned("v")} LIMIT 1
    ), total AS (
        UPDATE "search_total" AS t SET
            "version" = CASE WHEN "version" = $1 THEN "version" + 1 END,
            "documents" = "documents" + $2, "length" = "length" + $3,
            "last_document" = $4, "last_segment" = "last_segment" + 1,
            "applied_before" = ($5::json ->> 0)::xid8
        WHERE {owned("t")}
        RETURNING "last_segment"
    ), removed AS (
        DELETE FROM "search_document" AS d WHERE {owned("d")} AND "id" = ANY (ARRAY(
            SELECT value::bigint
            FROM total CROSS JOIN json_array_elements_text($6::json) AS k(value)
        ))
    ), written AS (
        INSERT INTO "search_document" ("owner", "id", "video_id", "length", "terms", "facets")
        SELECT {OWNER}, (value ->> 0)::bigint, value ->> 1, (value ->> 2)::integer, value ->> 3,
            value ->> 4
        FROM total CROSS JOIN json_array_elements($7::json) AS k(value)
        ON CONFLICT ("owner", "video_id") DO UPDATE SET "id" = excluded."id",
            "length" = excluded."length", "terms" = excluded."terms", "facets" = excluded."facets"
    ), counted AS (
        INSERT INTO "search_term" ("owner", "term", "documents")
        SELECT {OWNER}, key, value::integer FROM total CROSS JOIN json_each_text($8::json)
        ON CONFLICT ("owner", "term")
        DO UPDATE SET "documents" = "search_term"."documents" + excluded."documents"
    ), segment AS (
        INSERT INTO "search_segment"
            ("owner", "id", "documents", "postings", "shift", "members")
        SELECT {OWNER}, "last_segment", $9::integer, $10::integer, $11::integer, $12::bytea
        FROM total WHERE $9::integer > 0
    ), stored AS (
        INSERT INTO "search_postings" ("owner", "segment", "bucket", "postings")
        SELECT {OWNER}, "last_segment", (value ->> 0)::integer,
            substr($13::bytea, (value ->> 1)::integer, (value ->> 2)::integer)
        FROM total CROSS JOIN json_array_elements($14::json) AS k(value)
    ), taken AS (
        DELETE FROM "search_queue" AS q WHERE {owned("q")} AND ctid = ANY (ARRAY(
            SELECT q.ctid FROM total CROSS JOIN json_array_elements($5::json -> 1) AS k(value)
            CROSS JOIN LATERAL (
                SELECT ctid FROM "search_queue" AS q
                WHERE {owned("q")} AND "xid" = (value ->> 0)::xid8
                    AND "id" = (value ->> 1)::bigint OFFSET 0
            ) AS q
        ))
    )
    SELECT count(*) FROM (SELECT 1 FROM "video_analysis" AS v WHERE {owned("v")} LIMIT 1) AS v
"""

BEGIN_INDEX = f'INSERT INTO "search_total" ("owner") VALUES ({OWNER}) ON CONFLICT DO NOTHING'


async def store(client: Prisma, change: Change) -> None:
    """As one transaction. Raises DataError (see database.is_outdated) where the index is no longer
    as it was read."""
    segment = change.segment
    await client.execute_raw(
        _STORE,
        change.version,
        change.more_documents,
        change.more_length,
        change.last_document,
        change.claim,
        orjson.dumps(change.removed).decode(),
        orjson.dumps(change.documents).decode(),
        orjson.dumps(change.terms).decode(),
        len(change.documents),
        segment.postings if segment else 0,
        segment.shift if segment else 0,
        segment.members if segment else b"",
        segment.blocks.data if segment else b"",
        segment.blocks.places() if segment else "[]",
    )


# Merging (see merging.py)

SEGMENTS = (
    'SELECT s."id", s."documents", s."postings", t."documents"'
    ' FROM "search_segment" AS s CROSS JOIN "search_total" AS t'
    f' WHERE {owned("s")} AND {owned("t")} ORDER BY s."id"'
)
"""Its documents and postings, and how many documents there are in all."""

MEMBERS = (
    f'SELECT "id", "members" FROM "search_segment" AS s WHERE {owned("s")} AND "id" = ANY (ARRAY('
    'SELECT value::bigint FROM json_array_elements_text($1::json) AS k(value))) ORDER BY "id"'
)

LIVING = f"""
    SELECT string_agg("id"::text, ',') FROM "search_document" AS d
    WHERE {owned("d")} AND "id" BETWEEN $1 AND $2
"""
"""Their ids: one text, with commas."""

PORTION = (
    'SELECT s."id", p."postings" FROM json_array_elements_text($1::json) AS k(value)'
    ' CROSS JOIN LATERAL (SELECT * FROM "search_segment" AS s'
    f' WHERE {owned("s")} AND "id" = k.value::bigint OFFSET 0) AS s'
    ' CROSS JOIN LATERAL (SELECT * FROM "search_postings" AS p'
    f' WHERE {owned("p")} AND p."segment" = s."id"'
    ' AND p."bucket" BETWEEN $2::integer >> s."shift" AND $3::integer >> s."shift" OFFSET 0) AS p'
    ' ORDER BY s."id", p."bucket"'
)
"""Of these segments, the blocks of the prefixes from the first to the last."""

LEASE = f"""
    SELECT "merging", "merging_until" < extract(epoch FROM clock_timestamp())::bigint
    FROM "search_total" AS t WHERE {owned("t")}
"""
"""The segment that is being made; 0: none. And whether its maker is taken to be gone."""

_HELD = (
    'UPDATE "search_total" AS t SET "merging" = CASE WHEN "merging" = $1::bigint THEN {} END,'
    ' "merging_until" = extract(epoch FROM clock_timestamp())::bigint + $2::integer{}'
    f" WHERE {owned('t')}"
)


async def begin_merge(client: Prisma, left: int, seconds: int) -> int:
    """The number of the segment that is to be made, in place of one that was left unfinished (0:
    none). Raises DataError (see database.is_outdated) where another began, as do those below where
    it took over."""
    begin = _HELD.format('"last_segment" + 1', ', "last_segment" = "last_segment" + 1')
    row: Any = await client.query_first(f'{begin} RETURNING "merging"', left, seconds)
    await client.execute_raw(
        f'DELETE FROM "search_postings" AS p WHERE {owned("p")} AND "segment" = $1', left
    )
    return int(row["merging"])


async def store_blocks(client: Prisma, segment: int, blocks: Blocks, seconds: int) -> None:
    held = _HELD.format('"merging"', "")
    await client.execute_raw(
        f"WITH held AS ({held} RETURNING 1)"
        ' INSERT INTO "search_postings" ("owner", "segment", "bucket", "postings")'
        f" SELECT {OWNER}, $1::bigint, (value ->> 0)::integer,"
        " substr($3::bytea, (value ->> 1)::integer, (value ->> 2)::integer)"
        " FROM held CROSS JOIN json_array_elements($4::json) AS k(value)",
        segment,
        seconds,
        blocks.data,
        blocks.places(),
    )


async def end_merge(client: Prisma, segment: int, merged: Merged | None, sources: str) -> None:
    """Put the segment, or nothing, in the place of its sources (JSON)."""
    gone = (
        "ANY (ARRAY(SELECT value::bigint"
        " FROM held CROSS JOIN json_array_elements_text($3::json) AS k(value)))"
    )
    await client.execute_raw(
        f'WITH first AS (SELECT 1 FROM "video_analysis" AS v WHERE {owned("v")} LIMIT 1),'
        f" held AS ({_HELD.format('0', '')} RETURNING 1),"
        f' segments AS (DELETE FROM "search_segment" AS s WHERE {owned("s")} AND "id" = {gone}),'
        ' postings AS (DELETE FROM "search_postings" AS p'
        f' WHERE {owned("p")} AND "segment" = {gone}),'
        ' merged AS (INSERT INTO "search_segment"'
        ' ("owner", "id", "documents", "postings", "shift", "members")'
        f" SELECT {OWNER}, $1::bigint, $4::integer, $5::integer, $6::integer, $7::bytea"
        " FROM held WHERE $4::integer > 0)"
        " SELECT count(*) FROM"
        f' (SELECT 1 FROM "video_analysis" AS v WHERE {owned("v")} LIMIT 1) AS v',
        segment,
        0,
        sources,
        *(merged or (0, 0, 0, b"")),
    )


# Making entries anew (see entries.py)

_WHAT_IS_TO_BE_READ = (
    'SELECT "id", "updated_at"::text AS "stamp", length("description") + coalesce('
    f'(SELECT sum(length("text")) FROM "segment" AS s WHERE {found_owned("s")}'
    ' AND "analysis_id" = v."id"), 0) AS "characters"'
    f' FROM "video_analysis" AS v WHERE {owned("v")} AND'
)

MARKED = f"""{_WHAT_IS_TO_BE_READ} "search_terms" = '' ORDER BY "id" LIMIT $1"""
"""So many records whose entry is to be made anew. `stamp` tells when each was last changed."""

FOLLOWING = f'{_WHAT_IS_TO_BE_READ} "id" > $1 ORDER BY "id" LIMIT $2'
"""Of all records, so many from an id on."""

STORE_ENTRIES = (
    'UPDATE "video_analysis" AS v SET "search_terms" = made.value ->> 2'
    f" FROM json_array_elements($1::json) AS made WHERE {found_owned('v')}"
    ' AND "id" = made.value ->> 0 AND "updated_at"::text = made.value ->> 1'
)
"""JSON: [id, stamp, entry] of each. Those that were changed since keep what they have."""

NO_ENTRY = (
    f'UPDATE "video_analysis" AS v SET "search_terms" = NULL WHERE {found_owned("v")}'
    ' AND "id" = $1 AND "updated_at"::text = $2'
)
"""Of this id and stamp."""
