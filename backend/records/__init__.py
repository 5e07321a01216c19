"""What is stored of videos: read, written, listed, filtered, named, counted.

service.py      DatabaseService, which the endpoints and commands call
reader.py       rows as JSON has them
writer.py       every change of a record; batches.py: those that share a statement
descriptions.py new descriptions by one statement, mostly without reading before
bulk.py         many records by one transaction; inserts.py: new ones as rows
merging.py      several records made one
rows.py         what one record is made of, and the statements that write it
record.py       between JSON, the models and the rows
listing.py      one page of a list, from a cursor on
images.py       a version of a record, of what the change log keeps of it
past.py         a record with all its changes: read, and taken over from elsewhere
snapshot.py     all records of one moment, page by page
filters.py      which videos; filter_sql.py: the same in SQL
names.py        tags and people: listed, renamed, merged, deleted
renames.py      a name replaced in all videos by one transaction
versions.py     which version a caller expects, and who writes the next
log_rows.py     rows of the change log that no trigger writes
json_descriptions.py  those that are an AI's JSON, as text and fields
sources.py      where the value of each field came from
stats.py        what is stored, in numbers
once.py         doing once what is asked for under one key
errors.py       what is refused
"""

from __future__ import annotations

from .bulk import Given, Mode, Outcome, Status
from .errors import HumanValue, VersionNotFound, VideoAnalysisNotFound
from .filter_sql import RELATION_TABLES, Conditions
from .filters import ALL, Filters
from .images import image_of_record, record_of_image
from .json_descriptions import Plain, json_object_of, plain_of
from .listing import Order
from .log_rows import LogRow, log, log_row
from .once import Once, Progress
from .past import Past, PastChange
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
from .snapshot import Snapshot, snapshot_of
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
    "HumanValue",
    "Kind",
    "LogRow",
    "Mode",
    "Once",
    "Order",
    "Outcome",
    "Past",
    "PastChange",
    "Plain",
    "Progress",
    "Reader",
    "RecordJson",
    "Snapshot",
    "Status",
    "VersionNotFound",
    "VideoAnalysisNotFound",
    "image_of_record",
    "index_entry_of",
    "json_object_of",
    "log",
    "log_row",
    "plain_of",
    "record_of",
    "record_of_image",
    "snapshot_of",
    "stored_record_json",
]
