"""What a batch of the queue's entries changes in the index.

It is read without a lock, prepared here, and stored by one transaction, which does nothing where
another has changed the index meanwhile: then it is read anew. A process that dies on the way
leaves the queue and the index as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from prisma.errors import DataError

from backend.core.database import is_outdated
from backend.core.threads import WORTH_A_THREAD, GoOn, in_thread
from backend.engine import fetch
from backend.search.postings import (
    Block,
    Members,
    blocks_of,
    pack_members,
    postings_of,
    shift_for,
)
from backend.text.entry import IndexEntry, read_entry

if TYPE_CHECKING:
    from prisma import Prisma


class Claim(NamedTuple):
    """As the databases' CLAIM has it."""

    version: int
    """Of the index."""
    last_document: int
    """The greatest id that was given."""
    claim: str | None
    """Which entries of the queue these are, as the database's `store` reads it; None: none."""
    more: bool
    """Whether there are more."""
    changed: str | None
    """JSON: video_id; id, length and terms of its document; its new entry: of each video."""


class Blocks(NamedTuple):
    """Of a segment, all or some."""

    blocks: Sequence[Block]

    @property
    def data(self) -> bytes:
        return b"".join([block.data for block in self.blocks])

    def places(self) -> str:
        """JSON: the bucket of each, and where it begins in `data`, from 1 on, and its length."""
        places, begin = [], 1
        for block in self.blocks:
            places.append((block.bucket, begin, len(block.data)))
            begin += len(block.data)
        return orjson.dumps(places).decode()


class Merged(NamedTuple):
    """A segment of which the blocks are stored."""

    documents: int
    postings: int
    shift: int
    members: bytes


class NewSegment(NamedTuple):
    postings: int
    shift: int
    members: bytes
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Change:
    version: int
    claim: str
    last_document: int
    removed: list[int]
    """Ids of documents that have no successor."""
    replaced: list[int]
    documents: list[tuple[int, str, int, str, str]]
    """id, video_id, length, terms, facets"""
    terms: dict[str, int]
    """How many documents more, or fewer, have each."""
    more_documents: int
    more_length: int
    segment: NewSegment | None
    """Of the documents."""


async def apply_some(client: Prisma, sql: ModuleType) -> bool:
    """Apply the first entries of the queue; whether there are more. `sql`: sqlite.py or
    postgresql.py."""
    while True:
        rows = await fetch(client, sql.CLAIM)
        if not rows:
            await client.execute_raw(sql.BEGIN_INDEX)
            continue
        claim = Claim(*rows[0])
        if claim.claim is None or claim.changed is None:
            return False
        if len(claim.changed) > WORTH_A_THREAD:
            change = await in_thread(partial(_change, claim))
        else:
            change = _change(claim)
        try:
            await sql.store(client, change)
        except DataError as error:
            if not is_outdated(error):
                raise
        else:
            return bool(claim.more)


def _change(claim: Claim, _: GoOn = lambda: True) -> Change:
    removed: list[int] = []
    replaced: list[int] = []
    old_terms: list[str] = []
    entries: list[IndexEntry] = []
    documents: list[tuple[int, str, int, str, str]] = []
    id_, more_length = claim.last_document, 0
    for video_id, old_id, old_length, terms, text in orjson.loads(claim.changed or "[]"):
        if old_id is not None:
            (removed if text is None else replaced).append(old_id)
            old_terms.append(terms)
            more_length -= old_length
        if text is not None:
            entry = read_entry(text)
            id_ += 1
            entries.append(entry)
            named = " ".join(entry.terms)
            documents.append((id_, video_id, entry.length, named, entry.facets))
            more_length += entry.length
    more = Counter(chain.from_iterable([entry.terms for entry in entries]))
    if old_terms:
        more.subtract(Counter(chain.from_iterable([terms.split() for terms in old_terms])))
    return Change(
        claim.version,
        claim.claim or "",
        id_,
        removed,
        replaced,
        documents,
        {term: number for term, number in more.items() if number} if old_terms else more,
        len(documents) - len(old_terms),
        more_length,
        _segment(documents, entries) if documents else None,
    )


def _segment(documents: Sequence[tuple[Any, ...]], entries: Sequence[IndexEntry]) -> NewSegment:
    hashes, postings = postings_of(entries)
    shift = shift_for(len(postings))
    members = Members(
        np.array([document[0] for document in documents], np.uint64),
        np.array([entry.length for entry in entries], np.uint32),
    )
    blocks = Blocks(blocks_of(hashes, postings, shift))
    return NewSegment(len(postings), shift, pack_members(members), blocks)
