"""What differs between two versions of a record: each field that does, and of a description the
words that do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from backend.core.threads import Stopped
from backend.records import FIELDS, RecordJson

Operation = Literal["equal", "delete", "insert"]
Part = dict[str, str]
"""`op`: an Operation, and its `text`."""

MOST_EDITS = 500
"""Words that are inserted or deleted, up to which the fewest are looked for: it takes time and
memory by their square, some 0.2 s and 15 MB at this many. Beyond, what lies between the common
beginning and the common end is replaced as a whole."""

_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def changed_fields(
    before: RecordJson, after: RecordJson, goes_on: Callable[[], bool] = lambda: True
) -> dict[str, dict[str, Any]]:
    """By each field that differs: its value `from` and `to`; of the description also `words`.
    Raises Stopped."""
    fields: dict[str, dict[str, Any]] = {}
    for field in FIELDS:
        if before[field] != after[field]:
            fields[field] = {"from": before[field], "to": after[field]}
    if "description" in fields:
        fields["description"]["words"] = word_diff(
            before["description"], after["description"], goes_on
        )
    return fields


def word_diff(before: str, after: str, goes_on: Callable[[], bool] = lambda: True) -> list[Part]:
    """Words, signs and spaces. The parts that are equal or inserted are `after`, those that are
    equal or deleted `before`. Raises Stopped."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = _shortest_edits(old[start : len(old) - end], new[start : len(new) - end], goes_on)
    edits: list[tuple[Operation, str]] = [("equal", "".join(old[:start]))]
    edits += middle
    edits.append(("equal", "".join(old[len(old) - end :])))
    parts: list[Part] = []
    for op, text in edits:
        if parts and parts[-1]["op"] == op:
            parts[-1]["text"] += text
        elif text:
            parts.append({"op": op, "text": text})
    return parts


def _shortest_edits(
    old: Sequence[str], new: Sequence[str], goes_on: Callable[[], bool]
) -> list[tuple[Operation, str]]:
    """The greedy algorithm of E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986:
    `reach[k]` is how far in `old` one comes on diagonal k by so many edits."""
    if not old or not new:
        return _replaced(old, new)
    reach = {1: 0}
    steps: list[dict[int, int]] = []
    for edits in range(min(MOST_EDITS, len(old) + len(new)) + 1):
        if not goes_on():
            raise Stopped
        steps.append(reach)
        reach = dict(reach)
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            y = x - k
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
            reach[k] = x
            if x >= len(old) and y >= len(new):
                return _traced(old, new, steps)
    return _replaced(old, new)


def _traced(
    old: Sequence[str], new: Sequence[str], steps: Sequence[dict[int, int]]
) -> list[tuple[Operation, str]]:
    """From the end back to the beginning."""
    x, y = len(old), len(new)
    found: list[tuple[Operation, str]] = []
    for edits in range(len(steps) - 1, -1, -1):
        reach, k = steps[edits], x - y
        down = k == -edits or (k != edits and reach.get(k - 1, -1) < reach.get(k + 1, -1))
        before_k = k + 1 if down else k - 1
        before_x = reach[before_k]
        before_y = before_x - before_k
        while x > before_x and y > before_y and x > 0 and y > 0:
            x, y = x - 1, y - 1
            found.append(("equal", old[x]))
        if edits:
            found.append(("insert", new[before_y]) if down else ("delete", old[before_x]))
        x, y = before_x, before_y
    found.reverse()
    return found


def _replaced(old: Sequence[str], new: Sequence[str]) -> list[tuple[Operation, str]]:
    return [("delete", "".join(old)), ("insert", "".join(new))]
