"""Search on PostgreSQL: the SQL that Prisma cannot express. sqlite.py has the same, in order.

The index is a GIN index over text-search vectors, of which only the lists of documents are used:
ts_rank knows nothing of how rare a word is. What the counts still lack is in search_change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core.filters import Filters
from backend.core.search.dialect import Query
from backend.core.search.plan import Formula, Slot

_CHANGES = (
    # From the first on: the table has many pages that were used once.
    '"search_change" WHERE "id" >= (SELECT min("id") FROM "search_change")'
)

STATISTICS = (
    'SELECT t."documents" + c."documents" AS "documents", t."length" + c."length" AS "length"'
    ' FROM "search_total" AS t, (SELECT coalesce(sum("documents"), 0)::bigint AS "documents",'
    f' coalesce(sum("length"), 0)::bigint AS "length" FROM {_CHANGES}) AS c'
)

_COUNTED = (
    '"documents" + (SELECT coalesce(sum(c."documents"), 0) FROM changes AS c'
    " WHERE c.\"vector\" @@ ('''' || \"term\" || '''')::tsquery)"
)

FREQUENCIES = (
    f'WITH changes AS MATERIALIZED (SELECT "documents", "vector" FROM {_CHANGES})'
    ' SELECT "term", "documents"::int FROM (SELECT "term",'
    f' {_COUNTED} AS "documents" FROM "search_term" WHERE "term" = ANY ($1::text[])'
    # OFFSET: it is counted once, not again for the condition.
    ' OFFSET 0) AS t WHERE "documents" > 0'
)

_BETWEEN = '"term" >= $1::text COLLATE "C" AND "term" < $2::text COLLATE "C"'

BEGINNINGS = (
    'WITH changed AS MATERIALIZED (SELECT "term", sum("documents") AS "documents"'
    f' FROM (SELECT "documents", "vector" FROM {_CHANGES}) AS c,'
    f' unnest(tsvector_to_array("vector")) AS u("term") WHERE {_BETWEEN} GROUP BY "term")'
    ' SELECT "term" FROM (SELECT t."term", t."documents" + coalesce(c."documents", 0)'
    f' AS "documents" FROM (SELECT "term", "documents" FROM "search_term" WHERE {_BETWEEN}'
    ' AND ascii(right("term", 1)) NOT BETWEEN 10240 AND 10495) AS t'
    ' LEFT JOIN changed AS c ON c."term" = t."term" COLLATE "C") AS known'
    ' WHERE "documents" > 0 ORDER BY "documents" DESC, "term" LIMIT $3'
)
"""From, below, and how many. The signs are those of repeated terms (analysis.py)."""


def strings(values: Sequence[str]) -> Any:
    """How a list of strings is bound."""
    return list(values)


def candidates(
    formula: Formula, slots: Sequence[Slot], filters: Filters, most: int | None = None
) -> tuple[str, list[Any]]:
    """One row: `lines`, one text: one for each (see ranking.py). `most`: of those of the fewest
    words."""
    query = Query("postgresql")
    has = f"vector @@ {query.bind(match(formula, slots))}::tsquery"
    # OFFSET: or it would go through all by their length until it has enough.
    rows = f"(SELECT * FROM search_document WHERE {has} OFFSET 0) AS d"
    source = query.narrowed(rows, filters)
    return _lines(query, source, "" if most is None else _shortest_first(most)), query.args


def filtered(filters: Filters) -> tuple[str, list[Any]]:
    """As candidates, but all that the filters name."""
    query = Query("postgresql")
    query.add(filters)
    source = "video_analysis AS v JOIN search_document AS d ON d.video_id = v.video_id"
    return _lines(query, source), query.args


def shortest(
    formula: Formula, slots: Sequence[Slot], filters: Filters, most: int
) -> tuple[str, list[Any]]:
    """As candidates, for words that a good part of all documents has: going through them by
    length soon finds enough."""
    query = Query("postgresql")
    query.conditions.append(f"d.vector @@ {query.bind(match(formula, slots))}::tsquery")
    source = query.narrowed("search_document AS d", filters)
    return _lines(query, source, _shortest_first(most)), query.args


def _shortest_first(most: int) -> str:
    return f' ORDER BY d.length, d.video_id COLLATE "C" LIMIT {most}'


def _lines(query: Query, source: str, ending: str = "") -> str:
    return (
        "SELECT string_agg(line, chr(10)) AS lines FROM ("
        "SELECT d.video_id || ' ' || d.length || ' ' || d.terms AS line"
        f" FROM {source}{query.where()}{ending}) AS t"
    )


FACETS = (
    "WITH found AS MATERIALIZED (SELECT id, location, event_type FROM video_analysis"
    " WHERE video_id IN (SELECT unnest($1::text[]))) "
    "SELECT json_agg(json_build_array(facet, name, count))::text AS counts FROM ("
    "SELECT 'tags' AS facet, r.tag_name AS name, count(*) AS count FROM found"
    " JOIN video_tag AS r ON r.analysis_id = found.id GROUP BY r.tag_name UNION ALL "
    "SELECT 'people', r.person_name, count(*) FROM found"
    " JOIN video_person AS r ON r.analysis_id = found.id GROUP BY r.person_name UNION ALL "
    "SELECT 'location', location, count(*) FROM found"
    " WHERE location IS NOT NULL GROUP BY location UNION ALL "
    "SELECT 'event_type', event_type, count(*) FROM found"
    " WHERE event_type IS NOT NULL GROUP BY event_type) AS t"
)
"""One row: `counts`, as JSON: [facet, name, count] of each, of the videos with these video_ids."""


def match(formula: Formula, slots: Sequence[Slot]) -> str:
    if isinstance(formula, int):
        terms = [f"'{term}'" for term, _ in slots[formula].terms]
        return terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"
    operator, parts = formula
    sign = " & " if operator == "and" else " | "
    return f"({sign.join(match(part, slots) for part in parts)})"


UPKEEP = (
    "SELECT search_add_up()::text",
    "SELECT gin_clean_pending_list('search_document_vector_idx')",
)
"""What writes put off (see the migration `metadata_and_search`)."""
