"""Files of many records, read and written.

importing.py    lines become records
validation.py   what is given for a record, checked; pasts.py: with its history
reading.py      a file's lines: NDJSON, a JSON array, CSV; packing.py: its bytes, unpacked
export.py       the records that filters name, streamed
forms.py        how an export writes them; csv_form.py, parquet_form.py: as these
backup.py       all that is stored, into one file; restoring.py: that file into a database
whole.py        all that is stored, as it is at one moment
moving.py       all that is stored, into another database; following.py: and what is changed since
comparing.py    whether two databases have the same; refusing.py: one that takes no writes
tables.py       the tables and their rows; archive.py: the file of a portable backup
replacing.py    a database, replaced as a whole; targets.py: rows into it; log_order.py: their order
files.py        a file that is whole, or not there
errors.py       what is wrong with a file
"""

from __future__ import annotations

from .archive import Manifest
from .backup import (
    SUFFIXES,
    BackupService,
    back_up,
    copy_sqlite,
    name_of_now,
    read_backup,
    rotate,
    said_of,
)
from .errors import BackupError, ImportsRunning, ImportTooLarge, LineTooLong, Unreadable
from .export import ExportService
from .files import whole_file
from .following import Following, TakenOver, move_under_way, reopen
from .forms import FORMS, ExportFormat
from .importing import Import, ImportTurns, OnError, Options, Summary, Written
from .moving import Moved, Progress, is_moved_into, move
from .reading import FORMATS, Format, Line, names_of, read_lines
from .restoring import restore

__all__ = [
    "FORMATS",
    "FORMS",
    "SUFFIXES",
    "BackupError",
    "BackupService",
    "ExportFormat",
    "ExportService",
    "Following",
    "Format",
    "Import",
    "ImportTooLarge",
    "ImportTurns",
    "ImportsRunning",
    "Line",
    "LineTooLong",
    "Manifest",
    "Moved",
    "OnError",
    "Options",
    "Progress",
    "Summary",
    "TakenOver",
    "Unreadable",
    "Written",
    "back_up",
    "copy_sqlite",
    "is_moved_into",
    "move",
    "move_under_way",
    "name_of_now",
    "names_of",
    "read_backup",
    "read_lines",
    "reopen",
    "restore",
    "rotate",
    "said_of",
    "whole_file",
]
