"""A SQL script, cut into its statements, so that a failure can be told by statement and line."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from ..drivers.driver import Provider


@dataclass(frozen=True, slots=True)
class ScriptStatement:
    text: str
    """As it stands in the script, from its first word to before its semicolon."""
    line: int
    """The line of the script, from 1, on which its first word stands."""
    words: tuple[str, ...]
    """Its first words, in capitals: what kind of statement it is."""


def split(script: str, provider: Provider) -> list[ScriptStatement]:
    """The statements of a script in order; comments and empty statements are left out."""
    cut = _sqlite_spans if provider == "sqlite" else _postgresql_spans
    statements = []
    line, counted = 1, 0
    for start, end in cut(script):
        line += script.count("\n", counted, start)
        counted = start
        text = script[start:end]
        statements.append(ScriptStatement(text, line, _first_words(text)))
    return statements


def line_of(script: str, offset: int) -> int:
    """The line, from 1, of a character of the script."""
    return script.count("\n", 0, offset) + 1


_WORD = r"[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*"

_SQLITE_TOKEN = re.compile(
    rf"""
      (?P<skip> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | (?P<word> {_WORD} )
    | (?P<end> ; )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)

_POSTGRESQL_TOKEN = re.compile(
    rf"""
      (?P<skip> \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<quoted> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | (?P<dollar> \$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$ )
    | (?P<word> {_WORD} )
    | (?P<open> \( ) | (?P<close> \) )
    | (?P<end> ; )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def _first_words(text: str) -> tuple[str, ...]:
    words = []
    for token in _POSTGRESQL_TOKEN.finditer(text):
        if token.lastgroup == "word":
            words.append(token[0].upper())
            if len(words) == 4:
                break
        elif token.lastgroup not in ("skip", "quoted"):
            break
    return tuple(words)


def _sqlite_spans(script: str) -> Iterator[tuple[int, int]]:
    """SQLite itself says where a statement is complete (a trigger's body holds semicolons)."""
    start: int | None = None
    end = 0
    for token in _SQLITE_TOKEN.finditer(script):
        if token.lastgroup == "skip":
            continue
        if token.lastgroup != "end":
            if start is None:
                start = token.start()
            end = token.end()
        elif start is not None and sqlite3.complete_statement(script[start : token.end()]):
            yield start, end
            start = None
        elif start is not None:
            end = token.end()
    if start is not None:
        yield start, end


def _postgresql_spans(script: str) -> Iterator[tuple[int, int]]:
    """As psql cuts a script (psqlscan.l): a semicolon ends a statement unless it stands in
    parentheses or in the BEGIN ATOMIC ... END body of a function."""
    start: int | None = None
    end = at = parentheses = bodies = 0
    words: list[str] = []
    while at < len(script):
        token = _POSTGRESQL_TOKEN.match(script, at)
        assert token is not None, "the last alternative takes any character"
        kind, at = token.lastgroup, token.end()
        if kind == "skip":
            continue
        if kind == "comment":
            at = _after_comment(script, at)
            continue
        if kind == "end" and parentheses == 0 and bodies == 0:
            if start is not None:
                yield start, end
            start, words = None, []
            continue
        if kind == "dollar":
            closing = script.find(token[0], at)
            at = len(script) if closing < 0 else closing + len(token[0])
        elif kind == "open":
            parentheses += 1
        elif kind == "close":
            parentheses = max(0, parentheses - 1)
        elif kind == "word":
            words.append(token[0].lower())
            if parentheses == 0 and _makes_routine(words):
                bodies = _bodies_after(words[-1], bodies)
        if start is None:
            start = token.start()
        end = at
    if start is not None:
        yield start, end


def _after_comment(script: str, at: int) -> int:
    """Past the end of a comment that began before `at`; PostgreSQL's comments nest."""
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(script, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(script)


def _makes_routine(words: list[str]) -> bool:
    if words[0] != "create":
        return False
    what = words[3:4] if words[1:3] == ["or", "replace"] else words[1:2]
    return what in (["function"], ["procedure"])


def _bodies_after(word: str, bodies: int) -> int:
    if word == "begin" or (word == "case" and bodies):
        return bodies + 1
    if word == "end" and bodies:
        return bodies - 1
    return bodies
