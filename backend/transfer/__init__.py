"""Files of many records, read and written.

packing.py      a file's bytes, unpacked
reading.py      its lines: NDJSON, a JSON array, CSV
errors.py       what is wrong with a file
"""

from __future__ import annotations

from .errors import ImportsRunning, ImportTooLarge, LineTooLong, Unreadable
from .reading import FORMATS, Format, Line, read_lines

__all__ = [
    "FORMATS",
    "Format",
    "ImportTooLarge",
    "ImportsRunning",
    "Line",
    "LineTooLong",
    "Unreadable",
    "read_lines",
]
