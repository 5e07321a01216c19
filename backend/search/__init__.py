"""Finding descriptions by words: one analysis and one ranking for both databases.

service.py      what the endpoints and commands call
searcher.py     a query: parsed, weighed, ranked, shown page by page
spelling.py     words that a misspelt or unfinished one may mean
weighing.py     what its words weigh
segments.py     the postings of its words, read from the database
bm25.py         the scores of all documents, added up over the postings
results.py      what was found, as it is answered
snippets.py     where the words stand in the text
indexer.py      keeps the index up: when to apply the queue of changed records, and to merge
changes.py      what a batch of the queue changes in the index
merging.py      segments, merged into larger ones
postings.py     segments as bytes that numpy reads
entries.py      what the index is to hold of a record, made anew
sqlite.py, postgresql.py   the SQL that Prisma cannot express, the same functions in each
"""

from __future__ import annotations

import os

# Before numpy is imported: its threads are for matrices, of which there are none.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from .searcher import LONGEST
from .service import SearchService

__all__ = ["LONGEST", "SearchService"]
