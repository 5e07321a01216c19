"""The index, made anew from the records: after rows were written by other programs, or before
there was an index. The service may run meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from backend.models.schemas import VideoAnalysis
from backend.records import Reader, index_entry_of, record_of
from backend.search.indexer import Indexer

if TYPE_CHECKING:
    from prisma import Prisma

_AT_ONCE = 100


async def reindex(reader: Reader) -> int:
    """How many records were indexed."""
    total, after = 0, ""
    while True:
        rows = await reader.rows.find_many(
            where={"id": {"gt": after}}, order={"id": "asc"}, take=_AT_ONCE
        )
        if not rows:
            return total
        after = rows[-1]["id"]
        found = await reader.answers(rows)
        await asyncio.gather(*(_index(reader.client, record_of(answer)) for answer in found))
        total += len(found)


async def _index(client: Prisma, record: VideoAnalysis) -> None:
    columns: Any = {
        "searchTerms": index_entry_of(record),
        "updatedAt": record.updated_at,  # or Prisma would set the present time
    }
    where: Any = {"id": record.id, "updatedAt": record.updated_at}
    if await client.videoanalysis.update_many(columns, where) == 1:
        return
    # Changed meanwhile, and so indexed by whoever did; or its time stands there in another form.
    row = await client.videoanalysis.find_unique({"id": record.id})
    if row is not None and row.updatedAt == record.updated_at:
        await client.videoanalysis.update_many(columns, {"id": record.id})


async def is_behind(client: Prisma, indexer: Indexer) -> bool:
    """Whether there are fewer entries than records, those counted that are still in the queue.
    What others left there is applied soon, and the index tidied."""
    waiting = await indexer.pending()
    indexer.record_written()
    totals: Any = await client.query_first('SELECT "documents" FROM "search_total"')
    return int(totals["documents"]) + waiting < await client.videoanalysis.count()
