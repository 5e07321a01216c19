"""Files of many records, read and written.

importing.py    lines become records
reading.py      a file's lines: NDJSON, a JSON array, CSV
packing.py      a file's bytes, unpacked
errors.py       what is wrong with a file
"""

from __future__ import annotations

from .errors import ImportsRunning, ImportTooLarge, LineTooLong, Unreadable
from .importing import Import, ImportTurns, OnError, Options, Summary, Written
from .reading import FORMATS, Format, Line, names_of, read_lines

__all__ = [
    "FORMATS",
    "Format",
    "Import",
    "ImportTooLarge",
    "ImportTurns",
    "ImportsRunning",
    "Line",
    "LineTooLong",
    "OnError",
    "Options",
    "Summary",
    "Unreadable",
    "Written",
    "names_of",
    "read_lines",
]
