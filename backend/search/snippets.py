"""Where the words of a parsed stand in a text: excerpts as HTML that is safe to insert."""

from __future__ import annotations

import html
import re
from collections.abc import Container
from typing import TypeAlias

from backend.text.analysis import ASCII_WORD, TERMS, words

LENGTH = 240
_SPECIAL = re.compile("[&<>\"']")
MARK, END_MARK = "<mark>", "</mark>"


Match: TypeAlias = tuple[int, int, str]
"""Start and end of a word, and its term."""


class Matcher:
    """Finds the words whose terms are among `terms`. It remembers words: one for each query."""

    def __init__(self, terms: Container[str]) -> None:
        self._terms = terms
        self._names: dict[str, list[str]] = {}

    def words_in(self, name: str) -> list[str]:
        """As they are written there. Results share many names."""
        found = self._names.get(name)
        if found is None:
            found = [name[start:end] for start, end, _ in self.matches(name)]
            self._names[name] = found
        return found

    def matches(self, text: str) -> list[Match]:
        wanted = self._terms
        if not text.isascii():
            return [
                (word.start, word.end, term)
                for word in words(text)
                if (term := TERMS[word.folded] or "") in wanted
            ]
        return [
            (*found.span(), term)
            for found in ASCII_WORD.finditer(text.lower())
            if (term := TERMS[found[0]] or "") in wanted
        ]


def snippet(text: str, found: list[Match], length: int = LENGTH) -> str:
    """The part of about `length` characters with the most different words, `<mark>` around each.
    All else is escaped."""
    start, end = _best_part(text, found, length)
    escape = html.escape if _SPECIAL.search(text) else str
    pieces = ["… "] if start > 0 else []
    at = start
    for first, last, _ in found:
        if start <= first and last <= end:
            pieces += [escape(text[at:first]), MARK, escape(text[first:last]), END_MARK]
            at = last
    pieces.append(escape(text[at:end]))
    if end < len(text):
        pieces.append(" …")
    return "".join(pieces)


def _best_part(text: str, found: list[Match], length: int) -> tuple[int, int]:
    if len(text) <= length:
        return 0, len(text)
    best, start = (-1, -1), 0
    for at, (first, _, _) in enumerate(found):
        if len(found) - at < best[0]:
            break
        inside = []
        for _, last, term in found[at : at + 50]:
            if last - first > length:
                break
            inside.append(term)
        worth = len(set(inside)), len(inside)
        if worth > best:
            best, start = worth, first
    start = _word_start(text, max(0, start - length // 6))
    end = min(len(text), start + length)
    if end < len(text):
        cut = text.rfind(" ", start + length // 2, end)
        end = cut if cut > 0 else end
    # Never within a marked word.
    for first, last, _ in found:
        if first < start < last:
            start = first
        if first < end < last:
            end = last
    return start, end


def _word_start(text: str, at: int) -> int:
    if at == 0:
        return 0
    space = text.find(" ", at, at + 30)
    return at if space < 0 else space + 1
