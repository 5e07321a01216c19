"""How an export writes records: as lines of JSON, one JSON array, CSV, or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, Protocol

import orjson
from pydantic_core import to_json

from backend.core.errors import FieldError, InvalidRequest
from backend.records import RecordJson
from backend.transfer.csv_form import CsvForm

CHANGE_OF = "version_of"
"""The member that only the line of a change has."""

ExportFormat = Literal["ndjson", "json", "csv", "parquet"]


class Form(Protocol):
    """The bytes of one export, in their order."""

    def begin(self) -> bytes: ...

    def part(self, records: Sequence[RecordJson]) -> bytes: ...

    def end(self) -> bytes: ...


class NdjsonForm:
    """A line for each record, and before it for each of its changes where they are wanted; last a
    line with the records' number and the SHA-256 of all before it: without it, the export was cut
    short."""

    def __init__(self) -> None:
        self._count = 0
        self._hash = sha256()

    def begin(self) -> bytes:
        return b""

    def part(self, records: Sequence[RecordJson]) -> bytes:
        lines = b"".join(json_of(record) + b"\n" for record in records)
        self._count += records_among(records)
        self._hash.update(lines)
        return lines

    def end(self) -> bytes:
        trailer = {"count": self._count, "sha256": self._hash.hexdigest()}
        return orjson.dumps({"trailer": trailer}) + b"\n"


class JsonForm:
    """An array, whose end is missing where the export was cut short."""

    def __init__(self) -> None:
        self._separator = b"\n"

    def begin(self) -> bytes:
        return b"["

    def part(self, records: Sequence[RecordJson]) -> bytes:
        separator, self._separator = self._separator, b",\n"
        return separator + b",\n".join(map(json_of, records))

    def end(self) -> bytes:
        return b"\n]\n"


@dataclass(frozen=True, slots=True)
class FormOf:
    media_type: str
    make: Callable[[bool], Form]
    """Of whether CSV is guarded."""


FORMS: dict[ExportFormat, FormOf] = {
    "ndjson": FormOf("application/x-ndjson", lambda _: NdjsonForm()),
    "json": FormOf("application/json", lambda _: JsonForm()),
    "csv": FormOf("text/csv", lambda guards: CsvForm(guards=guards)),
    "parquet": FormOf("application/vnd.apache.parquet", lambda _: _parquet()),
}


def records_among(lines: Sequence[RecordJson]) -> int:
    """Others are changes of records."""
    return sum(CHANGE_OF not in line for line in lines)


def _parquet() -> Form:
    """Raises InvalidRequest where it is not installed."""
    try:
        from backend.transfer.parquet_form import ParquetForm  # pyarrow is large, and optional
    except ModuleNotFoundError as error:
        reason = f"Parquet is written by the package {error.name}, which is not installed here"
        raise InvalidRequest([FieldError(("query", "format"), reason, "not_installed")]) from error
    return ParquetForm()


def json_of(record: RecordJson) -> bytes:
    """As it is answered."""
    try:
        return orjson.dumps(record)
    except TypeError:  # integers of more than 64 bits, which other programs may have stored
        return to_json(record)
