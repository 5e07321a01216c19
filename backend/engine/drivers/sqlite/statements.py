"""Running one statement on one sqlite3 connection, and a program of several."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import DriverError
from ..driver import Program, Rows, Statement
from .declared_types import DeclaredTypes, TypedColumn
from .errors import translate
from .values import Encoder, TimestampFormat, encoders, raw_types, raw_value

Execute = Callable[[Statement, Sequence[Any]], Any]


class Prepared:
    """What is derived from a statement once, and kept in `Statement.prepared`."""

    __slots__ = ("columns", "encoders", "runs_to_skip_inline")

    def __init__(self, encoders: Sequence[Encoder | None]) -> None:
        self.encoders = encoders
        self.columns: tuple[str, ...] | None = None
        # A read that once took too long for the event loop goes to a thread this many times
        # before it is tried inline again.
        self.runs_to_skip_inline = 0


def prepare(statement: Statement, timestamps: TimestampFormat) -> Prepared:
    prepared = Prepared(encoders(statement.arg_types, timestamps))
    statement.prepared = prepared
    return prepared


def execute(
    connection: sqlite3.Connection,
    statement: Statement,
    args: Sequence[Any],
    timestamps: TimestampFormat,
    declared_types: DeclaredTypes,
) -> Any:
    """Run one statement: its rows, or the number of rows that it affected.

    Raises DriverError."""
    prepared: Prepared = statement.prepared or prepare(statement, timestamps)
    try:
        if len(args) != len(prepared.encoders):
            raise sqlite3.ProgrammingError("the number of arguments and their types differ")
        cursor = connection.execute(
            statement.sql,
            [
                value if encode is None or value is None else encode(value)
                for encode, value in zip(prepared.encoders, args, strict=True)
            ],
        )
        if not statement.returns_rows:
            affected = cursor.rowcount
            cursor.close()
            return max(affected, 0)
        records = cursor.fetchall()
        if statement.raw:
            columns = _columns(cursor)
            typed = declared_types.of(statement.sql, len(columns))
            return _raw_rows(columns, records, typed)
        if prepared.columns is None:
            prepared.columns = _columns(cursor)
        return Rows(prepared.columns, records)
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        raise translate(error) from error


def _columns(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    return tuple(column[0] for column in cursor.description or ())


def _raw_rows(
    columns: tuple[str, ...], records: list[tuple[Any, ...]], typed: Sequence[TypedColumn]
) -> Rows:
    types = raw_types(len(columns), records)
    rows = [[raw_value(value) for value in row] for row in records]
    for position, type_, decode in typed:
        types[position] = type_
        if decode is not None:
            for row in rows:
                if row[position] is not None:
                    row[position] = decode(row[position])
    return Rows(columns, rows, tuple(types))


def drive(program: Program, run: Execute) -> Any:
    """Run a program to its end; its result."""
    return drive_on(program, next, run)


def drive_on(program: Program, first: Callable[[Program], Any], run: Execute) -> Any:
    """Go on with a program, from the statement that `first` takes from it."""
    try:
        statement, args = first(program)
        while True:
            try:
                answer = run(statement, args)
            except DriverError as error:
                statement, args = program.throw(error)
            else:
                statement, args = program.send(answer)
    except StopIteration as end:
        return end.value
