"""What a word of the query may mean where the index does not know it, or where it is not yet
written to its end. The index's words are stems, so a spelling is tried whole and then reduced."""

from __future__ import annotations

from collections.abc import Iterable

from backend.text.analysis import stem, stems

SHORTEST_CORRECTED = 4
SHORTEST_CORRECTED_TWICE = 7
LONGEST_CORRECTED = 40
"""Longer ones are no words that somebody misspelt, and each letter has some 54 variants."""
MOST_LETTERS_CORRECTED = 150
"""Of all words of a query together: some 8,000 variants, all looked up by one statement."""
_ENDINGS = ("e", "g", "ng", "ing", "ed", "d", "s", "es", "y", "ly", "ies", "er", "r", "on", "n")
_LATIN = "abcdefghijklmnopqrstuvwxyz"


def completions(folded: str) -> set[str]:
    """The terms of the word with an ending: of `dancin`, that of `dancing`."""
    return {stem(folded + ending) for ending in _ENDINGS} | {stem(folded)}


def near_terms(folded: str) -> set[str]:
    """The terms of all that is one letter away: one too many, too few, wrong, or two swapped."""
    term = stem(folded)
    # Before its ending, a change in the word is the same change in its stem.
    same = max(_alike(folded, term) - 2, 0)
    terms = set(_one_away(term, range(same)))
    return terms | stems(set(_one_away(folded, range(same, len(folded) + 1))) - {""})


def _alike(one: str, other: str) -> int:
    """With how many letters both begin."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _one_away(word: str, positions: Iterable[int]) -> list[str]:
    letters = _alphabet(word)
    found: list[str] = []
    for at in positions:
        head, tail, rest = word[:at], word[at:], word[at + 1 :]
        found += [f"{head}{letter}{tail}" for letter in letters]
        if tail:
            found += [f"{head}{letter}{rest}" for letter in letters]
            found.append(head + rest)
        if rest:
            found.append(head + rest[0] + tail[0] + rest[1:])
    return found


def _alphabet(word: str) -> str:
    if word.isascii():
        return _LATIN
    # The block of the script that the word is written in; for ideographs there is none.
    low, high = min(map(ord, word)), max(map(ord, word))
    if high > 0x2000:
        return ""
    start = high // 64 * 64
    others = "".join(chr(code) for code in range(start, start + 64) if chr(code).isalpha())
    return (_LATIN if low < 128 else "") + others.lower()


def distance(one: str, other: str, most: int) -> int:
    """Letters to add, drop, change or swap; `most` + 1 if there are more.

    Only pairs of positions at most `most` apart can count (Ukkonen), so the time grows with the
    length, not with its square."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    beyond = most + 1
    width = len(other) + 1
    before = [beyond] * width
    row = [min(j, beyond) for j in range(width)]
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [beyond] * width
        first = max(1, i - most)
        if i <= most:
            row[0] = i
        for j in range(first, min(width, i + most + 1)):
            expected = other[j - 1]
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != expected))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == expected:
                cost = min(cost, last[j - 2] + 1)
            row[j] = cost
        if min(row) > most:
            return beyond
    return min(row[-1], beyond)
