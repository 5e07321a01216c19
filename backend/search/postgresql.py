"""Search on PostgreSQL: the SQL that Prisma cannot express. sqlite.py has the same, in order.

The index is a GIN index over text-search vectors, of which only the lists of documents are used:
ts_rank knows nothing of how rare a word is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.records import Conditions, Filters
from backend.search.candidates import Formula, Slot

if TYPE_CHECKING:
    from prisma import Prisma

_PENDING = (
    'FROM "search_queue" WHERE "xid" >= (SELECT CASE'
    ' WHEN "applied_before" <= pg_snapshot_xmin(pg_current_snapshot()) THEN "applied_before"'
    """ ELSE '0'::xid8 END"""
    ' FROM "search_total")'
)
"""The entries of the queue that are not applied yet. They are looked for from where the last
applying ended: before that is nothing but what it removed, which PostgreSQL vacuums much later."""

_MARKED = """FROM "video_analysis" WHERE "search_terms" = ''"""

PENDING = f'SELECT (SELECT count(*) {_PENDING}) + (SELECT count(*) {_MARKED}) AS "pending"'
"""How many entries of the queue are not applied, and how many are first to be made."""

# For a list that the planner knows it would plan anew each time.
_ASKED = "ANY (ARRAY(SELECT unnest(string_to_array($1, ' '))))"

OPENING = (
    f'SELECT "documents", "length", EXISTS (SELECT 1 {_PENDING}) OR EXISTS (SELECT 1'
    f' {_MARKED}) AS "pending",'
    ' (SELECT json_object_agg(t."term", t."documents")::text FROM "search_term" AS t'
    f' WHERE t."term" = {_ASKED} AND t."documents" > 0) AS "known"'
    ' FROM "search_total"'
)
"""The totals, FREQUENCIES (`known`, as JSON), and whether the index must catch up first."""

FREQUENCIES = (
    f'SELECT "term", "documents" FROM "search_term" WHERE "term" = {_ASKED} AND "documents" > 0'
)

RANGES = (
    'SELECT "term", "documents" FROM "search_term"'
    ' WHERE ("term" BETWEEN $1 AND $2 OR "term" BETWEEN $3 AND $4) AND "documents" > 0'
)
"""FREQUENCIES of all terms of two ranges, their ends included."""

BEGINNINGS = (
    'SELECT "term" FROM "search_term"'
    ' WHERE "term" >= $1::text COLLATE "C" AND "term" < $2::text COLLATE "C"'
    ' AND "documents" > 0 AND ascii(right("term", 1)) NOT BETWEEN 10240 AND 10495'
    ' ORDER BY "documents" DESC, "term" LIMIT $3'
)
"""From, below, and how many. The signs are those of repeated terms (analysis.py)."""


def bound(terms: Sequence[str]) -> str:
    """How terms are bound: as a list the driver would look at each of them."""
    return " ".join(terms)


def candidates(
    formulas: Sequence[Formula], slots: Sequence[Slot], filters: Filters, most: int
) -> tuple[str, list[Any]]:
    """One row: `lines`, one text: one for each (see ranking.py) that one of the formulas names.
    `most`: of those of the fewest words."""
    query = Conditions("postgresql")
    asked = query.bind([match(each, slots) for each in formulas])
    # Each by itself: GIN goes through far more for one that joins them with "or". OFFSET: the index
    # first, whatever the filters are.
    rows = (
        f"unnest({asked}::text[]) AS asked CROSS JOIN LATERAL"
        " (SELECT * FROM search_document WHERE vector @@ asked::tsquery OFFSET 0) AS d"
    )
    source = query.narrow(rows, filters)
    columns = 'd.length, d.video_id COLLATE "C"'
    shortest = (
        f"SELECT DISTINCT ON ({columns}) d.video_id, d.length, d.terms, d.facets"
        f" FROM {source}{query.where()} ORDER BY {columns} LIMIT {most}"
    )
    return _lines(f"({shortest}) AS d"), query.args


def filtered(filters: Filters) -> tuple[str, list[Any]]:
    """As candidates, but all that the filters name."""
    query = Conditions("postgresql")
    query.add(filters)
    source = "video_analysis AS v JOIN search_document AS d ON d.video_id = v.video_id"
    return _lines(source + query.where()), query.args


def _lines(source: str) -> str:
    return (
        "SELECT string_agg(d.video_id || ' ' || d.length || chr(9) || ' ' || d.terms || ' '"
        f" || chr(9) || d.facets, chr(10)) AS lines FROM {source}"
    )


def match(formula: Formula, slots: Sequence[Slot]) -> str:
    if isinstance(formula, int):
        terms = [f"'{term}'" for term, _ in slots[formula].terms]
        return terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"
    operator, parts = formula
    sign = " & " if operator == "and" else " | "
    return f"({sign.join(match(part, slots) for part in parts)})"


# Applying the queue (see indexer.py)

APPLY_AFTER = 1_000
"""Writes after which to apply the queue: the more, the cheaper for each, but a search waits
meanwhile."""

MAX_APPLIED = 2_000
"""Entries that one transaction applies. More than APPLY_AFTER: others write while it begins."""

APPLY_QUEUE = (
    # One at a time: the second statement sees what was committed before the lock was had. Both in
    # one block, so that no lock waits for a process that has been stopped between them.
    # Each video is looked up by itself (OFFSET 0): a join could read all that there are.
    f"""
    DO $$ BEGIN
    LOCK TABLE "video_analysis" IN ACCESS SHARE MODE; -- first, as TRUNCATE does
    PERFORM 1 FROM "search_total" FOR UPDATE;
    WITH claimed AS (
        DELETE FROM "search_queue" WHERE ctid = ANY (ARRAY(
            SELECT ctid {_PENDING} ORDER BY "xid", "id" LIMIT {MAX_APPLIED}
        )) RETURNING "video_id", "xid"
    ), changed AS MATERIALIZED (
        SELECT t."video_id", old."length" AS "old_length", old."terms" AS "old_terms",
            split_part(new."search_terms", ' ', 1)::integer AS "length",
            substr(split_part(new."search_terms", chr(10), 1), strpos(new."search_terms", ' ') + 1)
                AS "terms",
            split_part(new."search_terms", chr(10), 2) AS "facets"
        FROM (SELECT DISTINCT "video_id" FROM claimed) AS t
        LEFT JOIN LATERAL (
            SELECT "length", "terms" FROM "search_document" AS d
            WHERE d."video_id" = t."video_id" OFFSET 0
        ) AS old ON true
        LEFT JOIN LATERAL (
            SELECT "search_terms" FROM "video_analysis" AS v
            WHERE v."video_id" = t."video_id" AND v."search_terms" <> '' OFFSET 0
        ) AS new ON true
    ), removed AS (
        DELETE FROM "search_document" WHERE "video_id" = ANY (ARRAY(
            SELECT "video_id" FROM changed WHERE "terms" IS NULL
        ))
    ), written AS (
        INSERT INTO "search_document" ("video_id", "length", "terms", "facets")
        SELECT "video_id", "length", "terms", "facets" FROM changed WHERE "terms" IS NOT NULL
        ON CONFLICT ("video_id") DO UPDATE SET
            "length" = excluded."length", "terms" = excluded."terms", "facets" = excluded."facets"
    ), total AS (
        UPDATE "search_total" SET "documents" = "documents" + (
            SELECT count("terms") - count("old_terms") FROM changed
        ), "length" = "search_total"."length" + (
            SELECT coalesce(sum("length"), 0) - coalesce(sum("old_length"), 0) FROM changed
        ), "applied_before" = least( -- which leaves out what is NULL
            pg_snapshot_xmin(pg_current_snapshot()),
            (SELECT "xid" FROM claimed ORDER BY "xid" OFFSET {MAX_APPLIED - 1})
        )
    )
    INSERT INTO "search_term" ("term", "documents")
    SELECT "term", sum("one") FROM (
        SELECT unnest(string_to_array("terms", ' ')) AS "term", 1 AS "one" FROM changed
        UNION ALL SELECT unnest(string_to_array("old_terms", ' ')), -1 FROM changed
    ) AS counted
    WHERE "term" <> '' GROUP BY "term" HAVING sum("one") <> 0
    ON CONFLICT ("term")
    DO UPDATE SET "documents" = "search_term"."documents" + excluded."documents";
    END $$
    """,
)
"""One transaction."""


# Making entries anew (see entries.py)

_WHAT_IS_TO_BE_READ = (
    'SELECT "id", "updated_at"::text AS "stamp", length("description") + coalesce('
    '(SELECT sum(length("text")) FROM "segment" WHERE "analysis_id" = v."id"), 0) AS "characters"'
    ' FROM "video_analysis" AS v WHERE'
)

MARKED = f"""{_WHAT_IS_TO_BE_READ} "search_terms" = '' ORDER BY "id" LIMIT $1"""
"""So many records whose entry is to be made anew. `stamp` tells when each was last changed."""

FOLLOWING = f'{_WHAT_IS_TO_BE_READ} "id" > $1 ORDER BY "id" LIMIT $2'
"""Of all records, so many from an id on."""

STORE_ENTRIES = (
    'UPDATE "video_analysis" SET "search_terms" = made.value ->> 2'
    ' FROM json_array_elements($1::json) AS made WHERE "id" = made.value ->> 0'
    ' AND "updated_at"::text = made.value ->> 1'
)
"""JSON: [id, stamp, entry] of each. Those that were changed since keep what they have."""

NO_ENTRY = (
    'UPDATE "video_analysis" SET "search_terms" = NULL WHERE "id" = $1 AND "updated_at"::text = $2'
)
"""Of this id and stamp."""


async def tidy(client: Prisma) -> None:
    """Sort in what the index has only listed, and what each search would read from end to end: of
    1,000 documents, in half a millisecond."""
    await client.query_raw("SELECT gin_clean_pending_list('search_document_vector_idx')")
