"""What is stored of videos: read, written, listed, filtered, named, counted.

service.py      DatabaseService, which the endpoints and commands call
reader.py       rows as JSON has them
writer.py       every change of a record; batches.py: those that share a statement
bulk.py         many records by one transaction; inserts.py: new ones as rows
rows.py         what one record is made of, and the statements that write it
record.py       between JSON, the models and the rows
listing.py      one page of a list, from a cursor on
snapshot.py     all records of one moment, page by page
filters.py      which videos; filter_sql.py: the same in SQL
names.py        tags and people: listed, renamed, merged, deleted
renames.py      a name replaced in all videos by one transaction
versions.py     which version a caller expects, and who writes the next
sources.py      where the value of each field came from
stats.py        what is stored, in numbers
once.py         doing once what is asked for under one key
errors.py       what is refused
"""

from __future__ import annotations

from .bulk import Given, Mode, Outcome, Status
from .errors import VersionNotFound, VideoAnalysisNotFound
from .filter_sql import RELATION_TABLES, Conditions
from .filters import ALL, Filters
from .listing import Order
from .once import Once, Progress
from .reader import Reader
from .record import (
    COLUMNS,
    FACETS,
    FIELDS,
    RELATIONS,
    RecordJson,
    index_entry_of,
    record_of,
    stored_record_json,
)
from .renames import PEOPLE, TAGS, Kind
from .service import DatabaseService
from .snapshot import snapshot_of
from .versions import Expected

__all__ = [
    "ALL",
    "COLUMNS",
    "FACETS",
    "FIELDS",
    "PEOPLE",
    "RELATIONS",
    "RELATION_TABLES",
    "TAGS",
    "Conditions",
    "DatabaseService",
    "Expected",
    "Filters",
    "Given",
    "Kind",
    "Mode",
    "Once",
    "Order",
    "Outcome",
    "Progress",
    "Reader",
    "RecordJson",
    "Status",
    "VersionNotFound",
    "VideoAnalysisNotFound",
    "index_entry_of",
    "record_of",
    "snapshot_of",
    "stored_record_json",
]
