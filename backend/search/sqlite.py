"""Search on SQLite: the SQL that Prisma cannot express. postgresql.py has the same, in order.

The index is FTS5, of which only the lists of documents are used: its own ranking would weigh
words in another way than PostgreSQL can be made to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.records import Conditions, Filters
from backend.search.candidates import Formula, Slot

if TYPE_CHECKING:
    from prisma import Prisma

_MARKED = """FROM "video_analysis" WHERE "search_terms" = ''"""

PENDING = f'SELECT (SELECT count(*) FROM "search_queue") + (SELECT count(*) {_MARKED}) AS "pending"'
"""How many entries of the queue are not applied, and how many are first to be made."""

OPENING = (
    'SELECT "documents", "length", EXISTS (SELECT 1 FROM "search_queue") OR EXISTS (SELECT 1'
    f' {_MARKED}) AS "pending",'
    ' (SELECT json_group_object("term", "documents") FROM "search_term"'
    ' WHERE "term" IN (SELECT value FROM json_each(?)) AND "documents" > 0) AS "known"'
    ' FROM "search_total"'
)
"""The totals, FREQUENCIES (`known`, as JSON), and whether the index must catch up first."""

FREQUENCIES = (
    'SELECT "term", "documents" FROM "search_term"'
    ' WHERE "term" IN (SELECT value FROM json_each(?)) AND "documents" > 0'
)

RANGES = (
    'SELECT "term", "documents" FROM "search_term"'
    ' WHERE ("term" BETWEEN ? AND ? OR "term" BETWEEN ? AND ?) AND "documents" > 0'
)
"""FREQUENCIES of all terms of two ranges, their ends included."""

BEGINNINGS = (
    'SELECT "term" FROM "search_term" WHERE "term" >= ? AND "term" < ?'
    ' AND "documents" > 0 AND unicode(substr("term", -1)) NOT BETWEEN 10240 AND 10495'
    ' ORDER BY "documents" DESC, "term" LIMIT ?'
)
"""From, below, and how many. The signs are those of repeated terms (analysis.py)."""


def bound(terms: Sequence[str]) -> str:
    """How terms are bound."""
    return json.dumps(terms)


def candidates(
    formulas: Sequence[Formula], slots: Sequence[Slot], filters: Filters, most: int
) -> tuple[str, list[Any]]:
    """One row: `lines`, one text: one for each (see ranking.py) that one of the formulas names.
    `most`: of those of the fewest words."""
    query = Conditions("sqlite")
    asked = " OR ".join(match(each, slots) for each in formulas)
    query.conditions.append(f"i.search_index MATCH {query.bind(asked)}")
    index = "" if filters.facets() else "INDEXED BY search_document_lengths"
    rows = f"search_index AS i CROSS JOIN search_document AS d {index} ON d.id = i.rowid"
    source = query.narrow(rows, filters)
    order = f" ORDER BY d.length, d.video_id LIMIT {most}"
    shortest = f"SELECT d.id FROM {source}{query.where()}{order}"
    return _lines(f"({shortest}) AS s CROSS JOIN search_document AS d ON d.id = s.id"), query.args


def filtered(filters: Filters) -> tuple[str, list[Any]]:
    """As candidates, but all that the filters name."""
    query = Conditions("sqlite")
    query.add(filters)
    source = "video_analysis AS v JOIN search_document AS d ON d.video_id = v.video_id"
    return _lines(source + query.where()), query.args


def _lines(source: str) -> str:
    return (
        "SELECT group_concat(d.video_id || ' ' || d.length || char(9) || ' ' || d.terms || ' '"
        f" || char(9) || d.facets, char(10)) AS lines FROM {source}"
    )


def match(formula: Formula, slots: Sequence[Slot]) -> str:
    if isinstance(formula, int):
        terms = [f'"{term}"' for term, _ in slots[formula].terms]
        return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"
    operator, parts = formula
    return f"({f' {operator.upper()} '.join(match(part, slots) for part in parts)})"


# Applying the queue (see indexer.py)

APPLY_AFTER = 128
"""Writes after which to apply the queue: the more, the cheaper for each, but the writer waits
meanwhile."""

MAX_APPLIED = 1_000
"""Entries that one transaction applies, during which writers wait."""

_FIRST = f'FROM "search_queue" ORDER BY "id" LIMIT {MAX_APPLIED}'
_CLAIMED = f'SELECT "video_id" {_FIRST}'


def _count_terms(change: str) -> str:
    """Add to search_term, for those of the claimed videos that search_document has."""
    return (
        f'INSERT INTO "search_term" ("term", "documents") SELECT value, {change}'
        ' FROM "search_document" AS d CROSS JOIN'
        """ json_each('["' || replace(d."terms", ' ', '","') || '"]')"""
        f" WHERE d.\"video_id\" IN ({_CLAIMED}) AND value <> '' GROUP BY value"
        ' ON CONFLICT ("term") DO UPDATE SET "documents" = "documents" + excluded."documents"'
    )


APPLY_QUEUE = (
    _count_terms("-count(*)"),
    f'DELETE FROM "search_document" WHERE "video_id" IN ({_CLAIMED})',
    'INSERT INTO "search_document" ("video_id", "length", "terms", "facets")'
    ' SELECT "video_id", CAST("entry" AS INTEGER),'
    ' substr("entry", instr("entry", \' \') + 1, "end" - instr("entry", \' \') - 1),'
    ' substr("entry", "end" + 1) FROM ('
    'SELECT "video_id", "search_terms" AS "entry",'
    ' instr("search_terms" || char(10), char(10)) AS "end"'
    f' FROM "video_analysis" WHERE "video_id" IN ({_CLAIMED}) AND "search_terms" <> \'\')',
    _count_terms("count(*)"),
    f'DELETE FROM "search_queue" WHERE "id" IN (SELECT "id" {_FIRST})',
)
"""One transaction. The index itself follows search_document by triggers."""

# Making entries anew (see entries.py)

_WHAT_IS_TO_BE_READ = (
    'SELECT "id", CAST("updated_at" AS TEXT) AS "stamp", length("description") + coalesce('
    '(SELECT sum(length("text")) FROM "segment" WHERE "analysis_id" = v."id"), 0) AS "characters"'
    ' FROM "video_analysis" AS v WHERE'
)

MARKED = f"""{_WHAT_IS_TO_BE_READ} "search_terms" = '' ORDER BY "id" LIMIT ?"""
"""So many records whose entry is to be made anew. `stamp` tells when each was last changed."""

FOLLOWING = f'{_WHAT_IS_TO_BE_READ} "id" > ? ORDER BY "id" LIMIT ?'
"""Of all records, so many from an id on."""

STORE_ENTRIES = (
    'UPDATE "video_analysis" SET "search_terms" = json_extract(made.value, \'$[2]\')'
    " FROM json_each(?) AS made WHERE video_analysis.id = json_extract(made.value, '$[0]')"
    " AND CAST(\"updated_at\" AS TEXT) = json_extract(made.value, '$[1]')"
)
"""JSON: [id, stamp, entry] of each. Those that were changed since keep what they have."""

NO_ENTRY = (
    'UPDATE "video_analysis" SET "search_terms" = NULL'
    ' WHERE "id" = ? AND CAST("updated_at" AS TEXT) = ?'
)
"""Of this id and stamp."""

_PARTS = (
    'SELECT max("pages") AS "largest", sum("pages") AS "pages" FROM'
    ' (SELECT count(*) AS "pages" FROM "search_index_idx" GROUP BY "segid")'
)
_MERGE = """INSERT INTO "search_index" ("search_index", "rank") VALUES ('merge', ?)"""
_PAGES = 16
"""Merged in one transaction, during which writers wait: some 2 ms."""


async def tidy(client: Prisma) -> None:
    """Merge the parts of the index, which FTS5 leaves for each search to go through."""
    pages, largest = await _parts(client)
    if pages - largest <= pages / 8:  # it takes as long as the index is large
        return
    await client.execute_raw(_MERGE, -_PAGES)  # to begin: all parts into one
    for _ in range(pages // _PAGES * 2):
        pages, largest = await _parts(client)
        if pages == largest:
            return
        await client.execute_raw(_MERGE, _PAGES)


async def _parts(client: Prisma) -> tuple[int, int]:
    """The index's pages, and those of its largest part."""
    row: Any = await client.query_first(_PARTS)
    return row["pages"] or 0, row["largest"] or 0
