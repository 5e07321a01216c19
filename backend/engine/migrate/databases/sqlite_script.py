"""How a script runs on SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from ...drivers.sqlite.errors import translate
from ..statements import ScriptStatement, split
from .database import ScriptError


class SqliteScript:
    """A script, statement by statement: in one transaction where that changes nothing but that a
    failure undoes all, else as Prisma runs it, where what came before a failure stays."""

    def __init__(self, connection: sqlite3.Connection, script: str) -> None:
        self._connection = connection
        self._statements = split(script, "sqlite")
        self._foreign_keys = foreign_keys_of_transaction(self._statements)

    def run(self) -> None:
        if not self._statements:
            return
        if self._is_in_transaction():  # somebody else's, who will end it
            for number, statement in enumerate(self._statements):
                self._run(statement, number, undone=False)
            return
        one_transaction = self._foreign_keys is not None
        if one_transaction:
            self._connection.execute(f"PRAGMA foreign_keys = {self._foreign_keys}")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise translate(error) from error
        try:
            for number, statement in enumerate(self._statements):
                self._run(statement, number, undone=one_transaction)
            if one_transaction:
                self._commit()
        finally:
            if self._is_in_transaction():
                self._connection.execute("ROLLBACK")
            self._connection.execute("PRAGMA foreign_keys = ON")

    def _run(self, statement: ScriptStatement, number: int, *, undone: bool) -> None:
        try:
            self._connection.execute(statement.text).fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise ScriptError(
                str(error),
                code=str(getattr(error, "sqlite_errorcode", 1)),
                statement=statement.text,
                line=statement.line,
                undone=undone or number == 0,
                applied=0 if undone else number,
            ) from error

    def _is_in_transaction(self) -> bool:
        return self._connection.in_transaction

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:  # a deferred foreign key
            raise ScriptError(
                str(error),
                code=str(error.sqlite_errorcode),
                statement="COMMIT",
                line=None,
                undone=True,
            ) from error


_NO_TRANSACTION = frozenset(
    ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM", "ATTACH", "DETACH"]
)
_KEYS_PRAGMA = re.compile(
    r"PRAGMA\s+(?:main\s*\.\s*)?(foreign_keys|defer_foreign_keys)\s*[=(]\s*(\w+)", re.IGNORECASE
)
_BLIND_TO_KEYS = frozenset({"CREATE", "ALTER", "SELECT", "REINDEX", "ANALYZE", "EXPLAIN"})


def foreign_keys_of_transaction(statements: Sequence[ScriptStatement]) -> str | None:
    """Under which setting of `foreign_keys` the statements may run in one transaction with the
    same effect as one by one: ON, OFF, or None when they may not.

    `PRAGMA foreign_keys` does nothing inside a transaction. Prisma's scripts switch it off to
    rebuild a table, as SQLite's own procedure does; a script whose other statements do not heed
    foreign keys can therefore run with them off from beginning to end."""
    switches = False
    heeding: set[bool] = set()
    enforced = True
    for statement in statements:
        word = statement.words[0] if statement.words else ""
        if word in _NO_TRANSACTION:
            return None
        if word == "PRAGMA":
            pragma = _KEYS_PRAGMA.match(statement.text)
            if pragma is None:
                return None
            if pragma[1].lower() == "foreign_keys":
                enforced = pragma[2].lower() in ("on", "1", "true", "yes")
                switches = True
        elif not _is_blind_to_keys(statement, word):
            heeding.add(enforced)
    if not switches:
        return "ON"
    return "OFF" if heeding <= {False} else None


def _is_blind_to_keys(statement: ScriptStatement, word: str) -> bool:
    return word in _BLIND_TO_KEYS or (word == "DROP" and statement.words[1:2] != ("TABLE",))
