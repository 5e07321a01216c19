"""Where our engine differs from Prisma's own client on purpose, or because Prisma's is wrong.

A difference that no entry explains fails the run, and so does an entry that explains none.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from oracle.comparison import Difference
from oracle.outcomes import Failure


@dataclass(frozen=True)
class Listed:
    name: str
    reason: str
    explains: Callable[[Difference], bool]


def _codes(difference: Difference, ours: str, theirs: str | None) -> bool:
    """Ours failed with this code; theirs with that one, or not at all (None)."""
    failed = difference.theirs.code if isinstance(difference.theirs, Failure) else None
    return (
        isinstance(difference.ours, Failure) and difference.ours.code == ours and failed == theirs
    )


def _method(difference: Difference) -> str:
    """Of the call that differs."""
    _, _, number = difference.where.partition("call ")
    return difference.case.calls[int(number or 0)].method


def _is_int_out_of_range(difference: Difference) -> bool:
    ints = [number for number in _numbers(difference.case.calls[0].args) if abs(number) >= 2**31]
    refused = _codes(difference, "validation", None) or _codes(difference, "validation", "P2020")
    stored_by_theirs = difference.where.startswith("table") and not difference.ours
    return bool(ints) and (refused or stored_by_theirs)


def _numbers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in _numbers(item)]
    return [value] if type(value) is int else []


def _is_json_number(difference: Difference) -> bool:
    """Equal when the numbers within JSON texts are read; the rest is compared as it is."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            return [read(item) for item in value]
        if isinstance(value, str) and value[:1] in "[{":
            return _NUMBER.sub(lambda number: str(float(number[0]) + 0.0), value)
        return value

    return difference.where.startswith("table") and read(difference.ours) == read(difference.theirs)


_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def _is_truncated_by_libsql(difference: Difference) -> bool:
    """Theirs is ours, cut to whole numbers."""
    if difference.provider != "sqlite" or _method(difference) != "group_by":
        return False

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted((name, cut(item)) for name, item in value.items())
        with suppress(ValueError, TypeError):
            return str(math.trunc(float(value)))
        return str(value)

    if isinstance(difference.ours, Failure) or isinstance(difference.theirs, Failure):
        return False
    return sorted(map(cut, difference.ours)) == sorted(map(cut, difference.theirs))


def _names_the_fields(difference: Difference) -> bool:
    """Both say P2002 or P2011; ours names fields where theirs names the constraint, or nothing."""
    ours, theirs = difference.ours, difference.theirs
    if not isinstance(ours, Failure) or not isinstance(theirs, Failure) or ours.code != theirs.code:
        return False
    known = ours.code in ("P2002", "P2011") and difference.provider == "postgresql"
    return known and "the fields: (" in ours.message and "the fields: (" not in theirs.message


def _is_out_of_range(difference: Difference) -> bool:
    if _codes(difference, "P2020", "P2020"):
        return True
    return "'oid': -1" in str(difference.case)


def _is_json_push(difference: Difference) -> bool:
    """Nothing differs but the one list that was pushed to."""
    ours, theirs = difference.ours, difference.theirs
    if "'push': [Json(" not in str(difference.case) or isinstance(theirs, Failure):
        return False
    if difference.where.startswith("table"):
        columns = [
            n for n, (one, other) in enumerate(zip(*ours, *theirs, strict=True)) if one != other
        ]
        return len(columns) == 1
    return isinstance(ours, dict) and [name for name in ours if ours[name] != theirs[name]] in (
        ["datas"],
        ["jsons"],
    )


def _is_aborted_commit(difference: Difference) -> bool:
    if difference.where != "outcomes" or difference.case.mode != "commit":
        return False
    *ours, last = difference.ours
    return "commit was a rollback" in str(last) and len(ours) == len(difference.theirs)


def _is_raw_enum_list(difference: Difference) -> bool:
    if (
        difference.provider != "postgresql"
        or _method(difference) != "query_raw"
        or isinstance(difference.ours, Failure)
    ):
        return False

    def as_text(value: Any) -> Any:
        return "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else value

    pairs = zip(difference.ours, difference.theirs, strict=True)
    return all(
        row[name] == their_row[name] or as_text(row[name]) == their_row[name]
        for row, their_row in pairs
        for name in row
    )


def _is_encoded_twice(difference: Difference) -> bool:
    """ "x" is stored as "eA==" there."""
    if difference.provider != "postgresql" or not difference.where.startswith("table"):
        return False
    stored_twice = str(difference.ours)
    for plain in set(re.findall(r"(?<=x)[0-9a-f]+", stored_twice)):
        encoded = base64.b64encode(bytes.fromhex(plain)).hex() if len(plain) % 2 == 0 else plain
        stored_twice = stored_twice.replace(f"x{plain}", f"x{encoded}")
    return stored_twice == str(difference.theirs)


def _is_sought_by_encoded_bytes(difference: Difference) -> bool:
    """Ours finds the records that have these bytes, Prisma's client none."""
    case = str(difference.case)
    many = r"\.update_many\(.*'blobs': \{'has': b'"
    several = r"'blobs': \{'has_(every|some)': \[b'"
    if difference.provider != "postgresql" or not re.search(f"{many}|{several}", case):
        return False
    return difference.where.startswith("table") or not difference.theirs


def _is_large_integer(difference: Difference) -> bool:
    """Arithmetic on an integer beyond 2^53."""
    text = str(difference.case)
    reckons = any(name in text for name in ("increment", "decrement", "multiply", "divide"))
    return difference.provider == "sqlite" and reckons and _is_close(difference)


def _is_divided_id(difference: Difference) -> bool:
    known = difference.provider == "sqlite" and "'id': {'divide': " in str(difference.case)
    return known and _codes(difference, "P2002", "P2039")


def _is_divided_integer(difference: Difference) -> bool:
    """Nothing differs but numbers, of which Prisma's have a fraction."""
    if difference.provider != "sqlite" or "{'divide': " not in str(difference.case):
        return False
    if not difference.where.startswith("table") or len(difference.ours) != len(difference.theirs):
        return False
    pairs = [
        (one, other)
        for row, their_row in zip(difference.ours, difference.theirs, strict=True)
        for one, other in zip(row, their_row, strict=True)
        if one != other
    ]
    return all(
        isinstance(one, int) and isinstance(other, float) and int(other) == one
        for one, other in pairs
    )


def _is_named_by_libsql(difference: Difference) -> bool:
    ours, theirs = difference.ours, difference.theirs
    known = difference.provider == "sqlite" and _codes(difference, "P2039", "P2039")
    return known and ours.message == re.sub(r"\bSQLITE_[A-Z_]+: ", "", theirs.message)


def _is_close(difference: Difference) -> bool:
    large = [re.findall(r"\d{16,}", str(side)) for side in (difference.ours, difference.theirs)]
    return bool(large[0]) and all(
        math.isclose(int(a), int(b), rel_tol=1e-14) for a, b in zip(*large, strict=False)
    )


def _is_decimal_cursor(difference: Difference) -> bool:
    args = str(difference.case)
    known = difference.provider == "postgresql" and "cursor={'amount'" in args
    return known and "distinct" in args and difference.theirs == []


LISTED: tuple[Listed, ...] = (
    Listed(
        "SQLite: arithmetic on integers beyond 53 bits is exact",
        "Prisma's adapter for libSQL sends every number as a float.",
        _is_large_integer,
    ),
    Listed(
        "SQLite: a whole id that is divided stays whole",
        "3 / 2 is 1, as on PostgreSQL, and P2002 where there is a 1. Prisma's adapter for libSQL"
        " sends 2 as a float, and SQLite refuses 1.5 as a row's id (P2039, datatype mismatch).",
        _is_divided_id,
    ),
    Listed(
        "SQLite: an Int that is divided",
        "A whole number, as in Prisma's native engine and on PostgreSQL. Prisma's adapter binds the"
        " divisor as a float, and stores a fraction in the column of integers.",
        _is_divided_integer,
    ),
    Listed(
        "SQLite: errors in SQLite's own words",
        "Prisma's adapter for libSQL puts the name of the error's code before its message.",
        _is_named_by_libsql,
    ),
    Listed(
        "PostgreSQL: a cursor of a Decimal, in memory",
        "Wrong in Prisma: where it pages in memory, as for distinct, it compares the cursor's text"
        " (1.5) with PostgreSQL's (1.500...), and finds none.",
        _is_decimal_cursor,
    ),
    Listed(
        "PostgreSQL: a list of Bytes that is set for many records",
        "Wrong in Prisma's client: it stores the base64 text of the bytes in place of the bytes.",
        _is_encoded_twice,
    ),
    Listed(
        "PostgreSQL: a list of Bytes that has several, or some in a change of many records",
        "Wrong in Prisma's client: it looks for the base64 text of the bytes, and finds nothing.",
        _is_sought_by_encoded_bytes,
    ),
    Listed(
        "PostgreSQL: P2020 in other words",
        "asyncpg checks a number against the column's type before it is sent, and words it so; a"
        " negative oid, which PostgreSQL would wrap around, it refuses.",
        _is_out_of_range,
    ),
    Listed(
        "a BigInt beyond 64 bits has a code",
        "P2033, as Prisma's native engine has it. Prisma's client for TypeScript has no code.",
        lambda d: _codes(d, "P2033", "unknown"),
    ),
    Listed(
        "a list that is pushed to a list of Json",
        "Its items are appended, as for every other type and as Prisma Client Python declares it"
        " (push: List[Json]). Prisma's client for TypeScript cannot tell a list of values from one"
        " value that is a list.",
        _is_json_push,
    ),
    Listed(
        "PostgreSQL: P2002 and P2011 name the fields",
        "As on SQLite, and as Prisma's native engine did (`meta.target`), which users of Prisma"
        " Client Python read. Prisma's adapter for pg knows the constraint's name, or nothing.",
        _names_the_fields,
    ),
    Listed(
        "PostgreSQL: the commit of an aborted transaction is an error",
        "After a failed statement PostgreSQL answers COMMIT with a rollback. Prisma is silent, and"
        " the caller believes that the rest was stored.",
        _is_aborted_commit,
    ),
    Listed(
        "PostgreSQL: a raw list of enum values is a list",
        "Prisma's adapter for pg leaves it in PostgreSQL's own text form, {HAPPY,down}.",
        _is_raw_enum_list,
    ),
    Listed(
        "an Int beyond 32 bits is refused before it is sent",
        "Prisma's client for TypeScript sends it as a BigInt: SQLite stores it, PostgreSQL refuses"
        " it (P2020). Prisma's native engine, which Prisma Client Python is made for, refuses it as"
        " we do.",
        _is_int_out_of_range,
    ),
    Listed(
        "SQLite: too few parameters of a raw query are refused",
        "The driver of libSQL takes NULL for those that are missing.",
        lambda d: _codes(d, "P2010", None) and "Incorrect number of bindings" in d.ours.message,
    ),
    Listed(
        "the spelling of a float within JSON",
        "1e+20 or 1e20, -0.0 or 0: the same numbers as Python and as JavaScript write them.",
        _is_json_number,
    ),
    Listed(
        "SQLite: aggregates of Decimal and Float cut to integers",
        "Wrong in Prisma's adapter for libSQL: it takes the type of an aggregate from the first"
        " row, and where that one is whole, it cuts the others.",
        _is_truncated_by_libsql,
    ),
    Listed(
        "an update that moves its own record by a nested write",
        "Prisma answers null, or of an upsert [], as it looks for the record under its old key. The"
        " generated code of Prisma Client Python cannot read that and raises pydantic's"
        " ValidationError, which it does with any engine.",
        lambda d: (
            _method(d) in ("update", "upsert")
            and d.theirs is None
            and _codes(d, "ValidationError", None)
        ),
    ),
)
