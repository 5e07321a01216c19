"""Finding descriptions by words: one analysis and one ranking for both databases.

analysis.py     text -> words -> terms; what the index holds of a document
plan.py         query -> slots of terms with their weights -> which documents to look at
sqlite.py, postgresql.py   the SQL that Prisma cannot express, the same functions in each
ranking.py      BM25 over the documents that the database names
snippets.py     where the words stand in the text
results.py      what was found, as it is answered
indexer.py       the index, brought up to what the records noted
reindex.py      the same for records that other programs wrote
"""
