"""What is stored of videos: read, written, listed, filtered, named, counted.

service.py      DatabaseService, which the endpoints and commands call
reader.py       rows as JSON has them
writer.py       every change of a record; batches.py: those that share a statement
record.py       between JSON, the models and the rows
listing.py      one page of a list, from a cursor on
filters.py      which videos; filter_sql.py: the same in SQL
names.py        tags and people: listed, renamed, merged, deleted
renames.py      a name replaced in all videos by one transaction
stats.py        what is stored, in numbers
errors.py       what is refused
"""

from __future__ import annotations

from .filter_sql import RELATION_TABLES, Conditions
from .filters import ALL, Filters
from .listing import Order
from .reader import Reader
from .record import FACETS, RELATIONS, RecordJson, index_entry_of, record_of, stored_record_json
from .renames import PEOPLE, TAGS, Kind
from .service import DatabaseService

__all__ = [
    "ALL",
    "FACETS",
    "PEOPLE",
    "RELATIONS",
    "RELATION_TABLES",
    "TAGS",
    "Conditions",
    "DatabaseService",
    "Filters",
    "Kind",
    "Order",
    "Reader",
    "RecordJson",
    "index_entry_of",
    "record_of",
    "stored_record_json",
]
