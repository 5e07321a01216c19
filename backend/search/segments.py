"""The segments of postings that a database holds, read for a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

import orjson

from backend.core.threads import in_thread
from backend.engine import fetch
from backend.search.bm25 import Scores
from backend.search.postings import hash_of, prefix_of, read_members
from backend.search.weighing import WeightedQuery, WeightedSlot

if TYPE_CHECKING:
    from prisma import Prisma

AT_ONCE = 500_000
"""Postings that are read together, unless one word has more: 2 MB, and 10 ms."""
INLINE = 20_000
"""So few are added up on the event loop."""


async def scores(
    client: Prisma, sql: ModuleType, query: WeightedQuery, known: Mapping[str, int]
) -> Scores:
    """Of all documents that have a term of the query; of those of one moment. `known`: in how many
    documents each term occurs."""
    while True:
        found = await _scores(client, sql, query, known)
        if found is not None:
            return found


async def _scores(
    client: Prisma, sql: ModuleType, query: WeightedQuery, known: Mapping[str, int]
) -> Scores | None:
    """None: segments have been merged between two statements."""
    found: Scores | None = None
    segments: set[int] = set()
    for group in _groups(query.slots, known):
        terms = {term for slot in group for term, _ in slot.terms}
        prefixes = sorted({prefix_of(hash_of(term)) for term in terms})
        rows = await fetch(client, sql.POSTINGS, found is None, orjson.dumps(prefixes).decode())
        there = {segment for segment, _, data in rows if data is None}
        if found is None:
            segments = there
            members = {row[0]: read_members(row[1]) for row in rows if row[1] is not None}
            found = Scores(members, query)
        elif not segments <= there:
            return None
        blocks = [(segment, data) for segment, _, data in rows if data is not None]
        if sum(len(data) for _, data in blocks) <= 4 * INLINE:
            found.add(group, blocks, lambda: True)
        else:
            await in_thread(partial(found.add, group, blocks))
    return found if found is not None else Scores({}, query)


def _groups(
    slots: Sequence[WeightedSlot], known: Mapping[str, int]
) -> Iterator[list[WeightedSlot]]:
    group: list[WeightedSlot] = []
    postings = 0
    for slot in slots:
        more = sum(known.get(term, 0) for term, _ in slot.terms)
        if group and postings + more > AT_ONCE:
            yield group
            group, postings = [], 0
        group.append(slot)
        postings += more
    if group:
        yield group
