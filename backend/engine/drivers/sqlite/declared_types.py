"""The types that tables declare for the columns of a raw query's result: BOOLEAN, DATETIME, ...

Prisma reads each column by them (`sqlite3_column_decltype`), and Python's sqlite3 does not show
them. SQLite tells them of the columns of a view, though. So a statement is made a view, once, in a
copy of the database's tables that lies in memory and has no rows: nothing is locked or written.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
from collections.abc import Sequence
from typing import NamedTuple

from ..driver import Decoder
from .settings import CurrentSettings
from .values import RAW_COLUMNS

_KEPT_STATEMENTS = 256

_SCHEMA = """
SELECT sql FROM sqlite_temp_master WHERE type IN ('table', 'view')
UNION ALL SELECT sql FROM
  (SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY sql LIKE 'CREATE V%' DESC)
"""
"""First what hides or makes others: a temporary table hides one of its name, a virtual table makes
some for itself."""

_VIEW = '"a raw query"'

Schema = tuple[str | None, ...]


class TypedColumn(NamedTuple):
    position: int
    type: str
    """Prisma's name of it."""
    decode: Decoder | None


class TablesInMemory:
    """The copy. The connections to a database share it, each in its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schema: Schema = ()
        self._copy: sqlite3.Connection | None = None
        self._columns = re.compile("")

    def declared_types(self, schema: Schema, sql: str) -> list[str]:
        """One for each column of the result, empty where it has none. An empty list for what names
        no column of RAW_COLUMNS, cannot be a view, such as EXPLAIN, or reads what has no copy."""
        with self._lock:
            if self._copy is None or schema != self._schema:
                self._close()
                self._copy, self._schema = _copy_of(schema), schema
                self._columns = _typed_columns_of(self._copy)
            if self._columns.search(sql) is None:
                return []
            try:
                self._copy.execute(f"CREATE VIEW {_VIEW} AS {_as_select(sql)}")
            except sqlite3.Error:
                return []
            try:
                columns = self._copy.execute(f"PRAGMA table_info({_VIEW})").fetchall()
            except sqlite3.Error:
                return []
            finally:
                self._copy.execute(f"DROP VIEW {_VIEW}")
        return [declared for _, _, declared, *_ in columns]

    def close(self) -> None:
        """May be called more than once."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._copy is not None:
            self._copy.close()
        self._copy = None


def _copy_of(schema: Schema) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    CurrentSettings(copy)  # statements may ask for some
    for statement in schema:
        try:
            copy.execute(statement or "")
        except sqlite3.Error:
            continue  # SQLite's own, or of an extension: its columns stay as they are stored
    return copy


def _typed_columns_of(copy: sqlite3.Connection) -> re.Pattern[str]:
    """Found in each SQL that may give one of RAW_COLUMNS: their names, and the star, but for that
    of count(*). To make a view of SQL takes longer than most of it runs."""
    names = []
    for (table,) in copy.execute("SELECT name FROM sqlite_master").fetchall():
        # Of a view of what is no more there are none.
        with contextlib.suppress(sqlite3.Error):
            columns = copy.execute("SELECT name, type FROM pragma_table_xinfo(?)", [table])
            names += [name for name, declared in columns if declared.upper() in RAW_COLUMNS]
    spelled = {re.escape(re.split('["`]', name)[0]) for name in names}  # quotes may be doubled
    return re.compile("|".join([r"(?<!\()\*", *spelled]), re.IGNORECASE)


class DeclaredTypes:
    """Of the results of one connection, kept until the schema changes.

    SQLite compiles a statement anew when the schema has changed, and asks the authorizer whenever
    it compiles. Where it has not, what is kept is right, and costs a look into a dict."""

    def __init__(self, connection: sqlite3.Connection, tables: TablesInMemory) -> None:
        self._connection = connection
        self._tables = tables
        self._kept: dict[str, Sequence[TypedColumn]] = {}
        self._schema: Schema = ()
        self._version: object = None
        self._has_compiled = True
        connection.set_authorizer(self._note_that_it_compiles)

    def _note_that_it_compiles(self, *_: object) -> int:
        self._has_compiled = True
        return sqlite3.SQLITE_OK

    def of(self, sql: str, width: int) -> Sequence[TypedColumn]:
        """Those columns, of the result that the statement has just given, whose declared type says
        more than their values. `width`: how many columns it has. Raises sqlite3.Error."""
        if self._has_compiled:
            self._forget_if_the_schema_changed()
        typed = self._kept.get(sql)
        if typed is None:
            declared = self._tables.declared_types(self._schema, sql)
            typed = self._kept[sql] = _typed(declared) if len(declared) == width else ()
            if len(self._kept) > _KEPT_STATEMENTS:
                del self._kept[next(iter(self._kept))]
        return typed

    def _forget_if_the_schema_changed(self) -> None:
        [version] = self._connection.execute("PRAGMA schema_version")
        # A transaction may give a number that is given again once it is rolled back.
        if version != self._version or self._connection.in_transaction:
            schema = tuple(sql for (sql,) in self._connection.execute(_SCHEMA))
            if schema != self._schema:
                self._kept.clear()
            self._schema, self._version = schema, version
        self._has_compiled = False


def _typed(declared: Sequence[str]) -> Sequence[TypedColumn]:
    known = [(at, RAW_COLUMNS.get(name.upper())) for at, name in enumerate(declared)]
    return tuple(TypedColumn(at, *column) for at, column in known if column is not None)


_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
_NAME = rf"(?:\w+|{_QUOTED})"
_PARAMETER = re.compile(
    rf"({_QUOTED}|--[^\n]*|/\*.*?(?:\*/|\Z)|[^\W\d][\w$]*)|[?:@$]\w*", re.DOTALL
)
_RETURNED = re.compile(r".*\bRETURNING\b([^;]*)", re.DOTALL | re.IGNORECASE)
_WRITTEN = re.compile(
    r"\s*(?:WITH\b.*?)?\b(?:(?:INSERT(?:\s+OR\s+\w+)?|REPLACE)\s+INTO|UPDATE(?:\s+OR\s+\w+)?"
    rf"|DELETE\s+FROM)\s+({_NAME}(?:\s*\.\s*{_NAME})?)",
    re.DOTALL | re.IGNORECASE,
)


def _as_select(sql: str) -> str:
    """A SELECT with the same columns that may be a view: without parameters, and of the table's
    rows where the statement returns those that it has written."""
    returned = _RETURNED.match(sql)
    if returned is not None and (written := _WRITTEN.match(sql)) is not None:
        sql = f"SELECT {returned[1]} FROM {written[1]}"
    return _PARAMETER.sub(lambda found: found[1] or "NULL", sql)
