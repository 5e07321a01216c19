"""The lines of a file that is imported: NDJSON, a JSON array, or CSV.

A line is what one record is made of; what is wrong with one is said of it, and the next is read.
Never more than one line and one block are held.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any, Literal, NamedTuple, get_args

from backend.core.errors import FieldError, InvalidRequest, ServiceError
from backend.core.strict_json import parse_json
from backend.transfer.csv_form import unguarded
from backend.transfer.errors import LineTooLong, Unreadable
from backend.transfer.forms import CHANGE_OF
from backend.transfer.packing import unpacked

Format = Literal["ndjson", "json", "csv"]
_TRAILER = {"trailer"}
"""Of the last line of an export as NDJSON, which is no record."""
FORMATS: tuple[Format, ...] = get_args(Format)

LEAST_LINE = 16
"""Bytes that a line has on the average where the bytes of a file are bounded: so are its lines,
which would take minutes where each is empty."""

DEEPEST = 1_000
"""Brackets in brackets of a JSON array; no JSON of so many can be read."""
MOST_SKIPPED = 16 * 2**20
"""Bytes of an element of a JSON array that is too long, while its end is looked for: seconds."""

MOST_HISTORY = 32 * 2**20
"""Bytes of the changes of one record, which are held until the record comes."""

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_OUTSIDE_STRINGS = re.compile(rb'["\[\]{},]')
_IN_STRING = re.compile(rb'["\\]')
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

_LISTS = ("people", "tags")
_OBJECTS = ("extra", "segments", "source", "sources")


def names_of(text: str) -> dict[str, str]:
    """Fields by their names in the file: `video=video_id,text=description`. Raises ValueError."""
    names: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, separator, field = part.rpartition("=")
        if not separator or not name or name in names:
            raise ValueError("It is a list such as video=video_id,text=description")
        names[name] = field
    return names


class Line(NamedTuple):
    number: int
    """From 1 on: the line in the file on which it begins; in a JSON array the element."""
    values: dict[str, Any] | ServiceError
    size: int
    """About how many bytes it has."""
    changes: Sequence[dict[str, Any]] = ()
    """Of the record, where its history is read: those whose lines come before it."""


def read_lines(
    file: IO[bytes],
    *,
    max_line: int,
    max_bytes: int | None = None,
    format: Format | None = None,  # noqa: A002 - its name in the interface
    names: Mapping[str, str] | None = None,
    with_history: bool = False,
) -> Iterator[Line]:
    """`format` None: it is looked for. `names`: what columns, or members of objects, are called
    here, by their names in the file. `with_history`: a record's changes are read with it, or else
    left out. Raises ImportTooLarge and Unreadable, which end it."""
    blocks = unpacked(file, max_bytes=max_bytes)
    first = next(blocks, b"").removeprefix(_BOM)
    if first.startswith(_UTF_16):
        raise Unreadable("The file is UTF-16. Save it as UTF-8.")
    blocks = chain([first], blocks)
    max_lines = None if max_bytes is None else max_bytes // LEAST_LINE
    match format or _format_of(first):
        case "csv":
            lines = _read_csv(_text_lines(blocks, max_line, max_lines), max_line, names or {})
        case "json":
            if not first.lstrip().startswith(b"["):
                raise Unreadable("The file is not a JSON array.")
            lines = _read_json(_elements(blocks, max_line), max_line, names or {})
        case "ndjson":
            texts = _not_blank(_text_lines(blocks, max_line, max_lines))
            lines = _with_changes(_read_json(texts, max_line, names or {}), kept=with_history)
    yield from lines


def _with_changes(lines: Iterator[Line], *, kept: bool) -> Iterator[Line]:
    """Lines of changes go with the record that they lead up to, or are left out."""
    changes: list[dict[str, Any]] = []
    size, is_broken = 0, False
    for line in lines:
        values = line.values
        if isinstance(values, ServiceError):
            is_broken = True
            changes = []
        elif CHANGE_OF in values:
            size += line.size
            if kept and size <= MOST_HISTORY:
                changes.append(values)
            continue
        elif kept and size > MOST_HISTORY:
            values = LineTooLong(MOST_HISTORY)
        elif kept and is_broken and (not changes or changes[0].get("version") != 1):
            reason = "A line before it, maybe of its history, could not be read"
            values = InvalidRequest([FieldError(("body",), reason, "history")])
        yield Line(line.number, values, line.size + (size if kept else 0), changes)
        if not isinstance(line.values, ServiceError):
            is_broken = False
        changes, size = [], 0


def _format_of(first: bytes) -> Format:
    start = first.lstrip()[:1]
    return "json" if start == b"[" else "ndjson" if start == b"{" else "csv"


def _text_lines(
    blocks: Iterable[bytes], max_line: int, max_lines: int | None
) -> Iterator[tuple[int, bytes | None]]:
    """None: it is too long. Raises Unreadable."""
    number, held, is_long = 1, bytearray(), False
    for block in blocks:
        if max_lines is not None and number > max_lines:
            raise Unreadable(f"The file has more than {max_lines} lines: records are longer.")
        *ended, rest = block.split(b"\n")
        for part in ended:
            line = None if is_long or len(held) + len(part) > max_line else bytes(held) + part
            yield number, line
            number, is_long = number + 1, False
            held.clear()
        held += rest
        if len(held) > max_line:
            is_long = True
            held.clear()
    if held or is_long:
        yield number, None if is_long else bytes(held)


def _not_blank(lines: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[int, bytes | None]]:
    return (each for each in lines if each[1] is None or each[1].strip())


def _elements(blocks: Iterable[bytes], max_line: int) -> Iterator[tuple[int, bytes | None]]:
    """Of a JSON array, as they are written. None: it is too long. Raises Unreadable."""
    number, depth, skipped, held, is_long = 0, 0, 0, bytearray(), False
    in_string = is_escaped = False
    blocks = iter(blocks)
    for block in blocks:
        at, start = int(is_escaped), 0
        is_escaped = False
        while match := (_IN_STRING if in_string else _OUTSIDE_STRINGS).search(block, at):
            sign, at = match[0], match.end()
            if sign == b'"':
                in_string = not in_string
            elif sign == b"\\":
                is_escaped = at == len(block)
                at += 1
            elif sign in b"[{":
                depth += 1
                if depth == 1:
                    start = at
                elif depth > DEEPEST:
                    raise Unreadable(f"Element {number + 1} is nested too deeply.")
            elif sign != b",":
                depth -= 1
            if depth == 0 or (depth == 1 and sign == b","):
                held += block[start : at - 1]
                is_long = is_long or len(held) > max_line
                number, start = number + 1, at
                is_end = depth == 0
                if not is_end or number > 1 or is_long or held.strip():
                    yield number, None if is_long else bytes(held)
                held.clear()
                skipped, is_long = 0, False
                if is_end:
                    if sign != b"]" or block[at:].strip() or any(each.strip() for each in blocks):
                        raise Unreadable("After the end of the JSON array there is more.")
                    return
        held += block[start:]
        if len(held) > max_line:
            is_long = True
        if is_long:
            skipped += len(held)
            held.clear()
            if skipped > MOST_SKIPPED:
                raise Unreadable(f"Element {number + 1} has more than {MOST_SKIPPED} bytes.")
    raise Unreadable("The JSON array ends before its end: it was cut.")


def _read_json(
    texts: Iterable[tuple[int, bytes | None]], max_line: int, names: Mapping[str, str]
) -> Iterator[Line]:
    for number, text in texts:
        if text is None:
            yield Line(number, LineTooLong(max_line), 0)
        else:
            values = _object(text, names)
            if not (isinstance(values, dict) and values.keys() == _TRAILER):
                yield Line(number, values, len(text))


def _object(text: bytes, names: Mapping[str, str]) -> dict[str, Any] | ServiceError:
    try:
        values = parse_json(text)
    except InvalidRequest as error:
        return error
    if not isinstance(values, dict):
        return InvalidRequest([FieldError(("body",), "The line is not a JSON object", "dict_type")])
    return _renamed(values, names)


def _renamed(values: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any] | InvalidRequest:
    """Those that are called nothing are left out."""
    if not names:
        return values
    kept = [(names.get(name, name), value) for name, value in values.items()]
    renamed = dict(each for each in kept if each[0])
    if len(renamed) != sum(bool(name) for name, _ in kept):
        reason = "Two members have one name, as they are called here"
        return InvalidRequest([FieldError(("body",), reason, "json_invalid")])
    return renamed


class _CsvText(Iterator[str]):
    """What csv.reader reads. It joins lines as long as a quote is open, so they are counted."""

    def __init__(self, lines: Iterable[tuple[int, bytes | None]], max_line: int) -> None:
        self._lines = iter(lines)
        self._max_line = max_line
        self.taken = 0
        """Bytes of the record that is being read."""

    def __next__(self) -> str:
        number, line = next(self._lines)
        self.taken += self._max_line + 1 if line is None else len(line) + 1
        if line is None or self.taken > self._max_line + 1:
            raise Unreadable(
                f"The record that goes on in line {number} has more than {self._max_line} bytes. "
                "Maybe a quote is not closed."
            )
        return line.decode("utf-8", "surrogateescape") + "\n"


def _read_csv(
    lines: Iterator[tuple[int, bytes | None]], max_line: int, names: Mapping[str, str]
) -> Iterator[Line]:
    """RFC 4180; columns are separated by commas, or by what the header has more of: semicolons or
    tabs."""
    head = next(lines, None)
    if head is None:
        return
    csv.field_size_limit(2**31 - 1)  # of the process; _CsvText bounds what is read here
    text = _CsvText(chain([head], lines), max_line)
    delimiter = max(",;\t", key=lambda sign: (head[1] or b"").count(sign.encode()))
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        text.taken, number = 0, rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            if header is None:
                raise Unreadable(f"The header is not CSV: {error}.") from error
            reason = f"The line is not CSV: {error}"
            yield Line(
                number,
                InvalidRequest([FieldError(("body",), reason, "csv_invalid")]),
                text.taken,
            )
            continue
        if row is None:
            return
        if header is None:
            header = _header(row, names)
        elif row:
            yield Line(number, _record(header, row), text.taken)


def _header(row: list[str], names: Mapping[str, str]) -> list[str]:
    """What each column is called here; empty: it is left out."""
    header = [names.get(name.strip(), name.strip()) for name in row]
    given = [name for name in header if name]
    if len(set(given)) != len(given):
        raise Unreadable("Two columns have the same name.")
    if "video_id" not in given:
        raise Unreadable(
            "No column is called video_id. If it has another name, say so: map=video=video_id."
        )
    return header


def _record(header: list[str], row: list[str]) -> dict[str, Any] | InvalidRequest:
    if len(row) != len(header):
        reason = f"The line has {len(row)} columns, and the header {len(header)}"
        return InvalidRequest([FieldError(("body",), reason, "csv_invalid")])
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return InvalidRequest([FieldError(("body",), "The line is not UTF-8", "csv_invalid")])
    values: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        if name and cell:
            try:
                values[name] = _value(name, cell)
            except InvalidRequest as error:
                errors = [each._replace(loc=("body", name)) for each in error.errors]
                return InvalidRequest(errors)
    return values


def _value(name: str, cell: str) -> Any:
    """What does not read as the column's type stays a text, which the record's model refuses."""
    if name in _OBJECTS or (name in _LISTS and cell.startswith("[")):
        return parse_json(cell.encode())
    if name in _LISTS:
        return [part.strip() for part in cell.split(";") if part.strip()]
    if name in ("age", "version") and _WHOLE_NUMBER.fullmatch(cell):
        return int(cell)
    if name == "duration" and _NUMBER.fullmatch(cell):
        return float(cell)
    return unguarded(cell)
