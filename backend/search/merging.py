"""Segments, merged: a query reads something of each, so there must not be many.

Those of about one size are merged when there are MOST_ALIKE, so that a posting is written anew
some three times on its way into a segment of a million. Postings of documents that are gone are
left out. A large merge is done in portions, each a transaction of its own; what it writes counts
when all is written, in place of its sources. One process merges at a time: it holds a lease, which
others take over when it was not renewed for long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import orjson
from prisma.errors import DataError

from backend.core.database import is_outdated
from backend.core.threads import GoOn, in_thread
from backend.engine import fetch
from backend.search.changes import Blocks, Merged
from backend.search.postings import (
    MOST_DOCUMENTS,
    PREFIXES,
    Numbers,
    blocks_of,
    ids_in,
    merged_members,
    merged_postings,
    pack_members,
    read_members,
    shift_for,
)

if TYPE_CHECKING:
    from prisma import Prisma

MOST_ALIKE = 8
SMALLEST = 4_096
"""Postings up to which segments are taken to be alike; then from each MOST_ALIKE times to the
next."""
AT_ONCE = 64
"""Segments, if there are so many more."""
FEW_GONE = 1_000
"""Documents that are gone, but still in segments: they are tolerated, or as many as live."""
PORTION = 65_536
"""Postings that are merged by one transaction."""
LEASE_SECONDS = 60


class Listed(NamedTuple):
    """A segment."""

    id: int
    documents: int
    """Those that are gone included."""
    postings: int


async def merge_what_is_due(client: Prisma, sql: ModuleType) -> None:
    """Until nothing more is due, or another process merges."""
    while await _due(client, sql):
        [(left, is_over)] = await fetch(client, sql.LEASE)
        if left and not is_over:
            return
        try:
            number = await sql.begin_merge(client, left, LEASE_SECONDS)
            await _merge(client, sql, await _due(client, sql), number)
        except DataError as error:
            if not is_outdated(error):
                raise
            return


async def _due(client: Prisma, sql: ModuleType) -> list[Listed]:
    rows = await fetch(client, sql.SEGMENTS)
    return due([Listed(*row[:3]) for row in rows], int(rows[0][3]) if rows else 0)


def due(segments: Sequence[Listed], living: int) -> list[Listed]:
    """Which to merge. `living`: how many documents there are."""
    in_all = sum(segment.documents for segment in segments)
    if in_all - living > max(living, FEW_GONE) and in_all <= MOST_DOCUMENTS:
        return list(segments)
    levels: dict[int, list[Listed]] = defaultdict(list)
    for segment in segments:
        if segment.documents <= MOST_DOCUMENTS // MOST_ALIKE:
            levels[_level(segment.postings)].append(segment)
    for _, alike in sorted(levels.items()):
        if len(alike) >= MOST_ALIKE:
            return alike[:AT_ONCE] if alike[0].postings < SMALLEST else alike[:MOST_ALIKE]
    return []


def _level(postings: int) -> int:
    level = 0
    while postings >= SMALLEST:
        postings //= MOST_ALIKE
        level += 1
    return level


async def _merge(client: Prisma, sql: ModuleType, sources: Sequence[Listed], number: int) -> None:
    chosen = orjson.dumps([source.id for source in sources]).decode()
    each = {id_: read_members(data) for id_, data in await fetch(client, sql.MEMBERS, chosen)}
    ids = [int(ids[at]) for ids, _ in each.values() for at in (0, -1)]
    [(living,)] = await fetch(client, sql.LIVING, min(ids, default=0), max(ids, default=0))
    members, numbers = await in_thread(
        lambda _: merged_members(list(each.values()), ids_in(living))
    )
    of_source = dict(zip(each, numbers, strict=True))
    in_all = sum(source.postings for source in sources)
    shift = shift_for(in_all)
    portions = 1
    while portions * PORTION < in_all and portions < PREFIXES >> shift:
        portions *= 2
    width, postings = PREFIXES // portions, 0
    for first in range(0, PREFIXES, width) if len(members.ids) else ():
        last = first + width - 1
        rows = await fetch(client, sql.PORTION, chosen, first, last)

        found = [(of_source[segment], data) for segment, data in rows]
        count, blocks = await in_thread(partial(_portion, found, first, last, shift))
        postings += count
        await sql.store_blocks(client, number, blocks, LEASE_SECONDS)
    merged = Merged(len(members.ids), postings, shift, pack_members(members))
    await sql.end_merge(client, number, merged if len(members.ids) else None, chosen)


def _portion(
    found: Sequence[tuple[Numbers, bytes]], first: int, last: int, shift: int, _: GoOn
) -> tuple[int, Blocks]:
    """How many postings, and their blocks."""
    hashes, postings = merged_postings(found, first, last)
    return len(postings), Blocks(blocks_of(hashes, postings, shift))
