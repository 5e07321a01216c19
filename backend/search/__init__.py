"""Finding descriptions by words: one analysis and one ranking for both databases.

service.py      what the endpoints and commands call
searcher.py     a query: parsed, weighted, ranked, shown page by page
candidates.py   which documents to rank
sqlite.py, postgresql.py   the SQL that Prisma cannot express, the same functions in each
bm25.py         BM25 over the documents that the database names
spelling.py     words that a misspelt or unfinished one may mean
snippets.py     where the words stand in the text
results.py      what was found, as it is answered
indexer.py      applies the queue of changed records to the index
entries.py      what the index is to hold of a record, made anew
"""

from __future__ import annotations

from .searcher import LONGEST
from .service import SearchService

__all__ = ["LONGEST", "SearchService"]
