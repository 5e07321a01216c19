"""Records on their way out of the database and in again.

export.py       the records that filters name, streamed
forms.py        how an export writes them; csv_form.py, parquet_form.py: as these
backup.py       all that is stored, into one file; restoring.py: into a database
tables.py       the tables and their rows; archive.py: the file of a portable backup
files.py        a file that is whole, or not there
"""

from __future__ import annotations

from .backup import SUFFIXES, back_up, copy_sqlite, name_of_now, rotate, said_of
from .errors import BackupError
from .export import ExportService
from .files import whole_file
from .forms import FORMS, Format
from .restoring import restore

__all__ = [
    "FORMS",
    "SUFFIXES",
    "BackupError",
    "ExportService",
    "Format",
    "back_up",
    "copy_sqlite",
    "name_of_now",
    "restore",
    "rotate",
    "said_of",
    "whole_file",
]
