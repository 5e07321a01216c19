"""Files of many records, read and written.

importing.py    lines become records
validation.py   what is given for a record, checked; pasts.py: with its history
reading.py      a file's lines: NDJSON, a JSON array, CSV; packing.py: its bytes, unpacked
export.py       the records that filters name, streamed
forms.py        how an export writes them; csv_form.py, parquet_form.py: as these
backup.py       all that is stored, into one file; restoring.py: that file into a database
whole.py        all that is stored, as it is at one moment
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
from .forms import FORMS, ExportFormat
from .importing import Import, ImportTurns, OnError, Options, Summary, Written
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
    "Format",
    "Import",
    "ImportTooLarge",
    "ImportTurns",
    "ImportsRunning",
    "Line",
    "LineTooLong",
    "Manifest",
    "OnError",
    "Options",
    "Summary",
    "Unreadable",
    "Written",
    "back_up",
    "copy_sqlite",
    "name_of_now",
    "names_of",
    "read_backup",
    "read_lines",
    "restore",
    "rotate",
    "said_of",
    "whole_file",
]
