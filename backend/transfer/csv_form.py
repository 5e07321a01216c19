"""Records as CSV (RFC 4180), in UTF-8: a column for each field, lists and objects as JSON.

A spreadsheet takes a text that begins with one of `= + - @`, a tab or a carriage return for a
formula, and runs it. Such a text gets an apostrophe before it. So does one that has apostrophes
before such a sign: whoever takes one away from each of these has the texts as they were.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

import orjson

from backend.records import FIELDS, RecordJson

COLUMNS = ("video_id", *FIELDS, "sources", "created_at", "updated_at", "version", "id")

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What was guarded, as it was."""
    return text[1:] if _GUARDED.match(text) else text


class CsvForm:
    def __init__(self, *, guards: bool) -> None:
        self._guards = guards

    def begin(self) -> bytes:
        return _lines([COLUMNS])

    def part(self, records: Sequence[RecordJson]) -> bytes:
        return _lines([[self._cell(record[name]) for name in COLUMNS] for record in records])

    def end(self) -> bytes:
        return b""

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return guarded(value) if self._guards else value
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
