"""Whether both sides did the same: outcomes, and the rows that are stored afterwards.

Ids and times that were made up differ between the sides. A time that lies within the run of the
case becomes `<now>`. An id becomes a label that is computed from all the rows it stands in, so that
it still matters which row refers to which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from oracle.databases import Row, Tables
from oracle.datamodel import Datamodel
from oracle.outcomes import Failure, Made

_FORMATS = {
    "cuid": r"c[a-z0-9]{24}|[a-z][a-z0-9]{23}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ulid": r"[0-7][0-9A-HJKMNP-TV-Z]{25}",
    "nanoid": r"[A-Za-z0-9_-]{21}|[A-Za-z0-9_-]{10}",
    "dbgenerated": r".+",
}
_MARGIN = timedelta(seconds=5)
_ROUNDS = 3


class Side:
    """Outcomes and stored rows of one side, with what was made up replaced."""

    def __init__(
        self,
        datamodel: Datamodel,
        known: set[str],
        started: datetime,
        outcomes: list[Any],
        tables: Tables | None,
    ) -> None:
        self._known = known
        self._from, self._until = started - _MARGIN, datetime.now(UTC) + _MARGIN
        self._kinds: dict[str, str] = {}
        rows = self._rows(datamodel, tables) if tables is not None else {}
        self._collect(outcomes)
        labels = self._labels(rows)
        replace = self._replacer(labels)
        self.outcomes = [replace(outcome) for outcome in outcomes]
        self.tables = {
            table: sorted((replace(list(row)) for row in found), key=repr)
            for table, found in rows.items()
        }

    def _rows(self, datamodel: Datamodel, tables: Tables) -> dict[str, list[Row]]:
        """Takes note of ids that were made up, by the defaults of their columns."""
        found: dict[str, list[Row]] = {}
        for table, (columns, rows) in tables.items():
            model = datamodel.by_table.get(table)
            made = {f.column: f.generator for f in model.scalars if f.generator} if model else {}
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    kind = made.get(column)
                    if kind in _FORMATS and isinstance(value, str) and value not in self._known:
                        self._kinds[value] = kind
            found[table] = rows
        return found

    def _collect(self, value: Any) -> None:
        if isinstance(value, Made) and value not in self._known:
            self._kinds[str(value)] = value.kind
        elif isinstance(value, Mapping):
            for item in value.values():
                self._collect(item)
        elif isinstance(value, list):
            for item in value:
                self._collect(item)

    def _labels(self, rows: Mapping[str, list[Row]]) -> dict[str, str]:
        labels = {value: self._first_label(value, kind) for value, kind in self._kinds.items()}
        for _ in range(_ROUNDS):
            replace = self._replacer(labels)
            stands_in: dict[str, list[str]] = {value: [] for value in labels}
            for table, found in rows.items():
                for row in found:
                    for position, value in enumerate(row):
                        if value in labels:
                            stands_in[value].append(f"{table}.{position}{replace(list(row))}")
            labels = {
                value: f"{label[:24]}#{hash((label, *sorted(stands_in[value])))}"
                if stands_in[value]
                else label
                for value, label in labels.items()
            }
        return labels

    def _first_label(self, value: str, kind: str) -> str:
        fits = re.fullmatch(_FORMATS[kind], value)
        return f"<{kind} of {len(value)}>" if fits else f"<not a {kind}: {value}>"

    def _replacer(self, labels: Mapping[str, str]) -> Callable[[Any], Any]:
        def replace(value: Any) -> Any:
            if isinstance(value, str):
                return labels.get(value) or self._text(value)
            if isinstance(value, datetime):
                return "<now>" if self._from <= value <= self._until else value
            if isinstance(value, int) and not isinstance(value, bool):
                return "<now in ms>" if self._is_now_in_ms(value) else value
            if isinstance(value, Mapping):
                return {name: replace(item) for name, item in value.items()}
            if isinstance(value, list):
                return [replace(item) for item in value]
            if isinstance(value, Failure):
                return Failure(value.code, str(replace(value.message)))
            return value

        return replace

    def _is_now_in_ms(self, value: int) -> bool:
        return self._from.timestamp() * 1000 <= value <= self._until.timestamp() * 1000

    def _text(self, value: str) -> str:
        """A stored time: `<now>`, and how it is written."""
        if re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", value):
            try:
                time = datetime.fromisoformat(value)
            except ValueError:
                return str(value)
            aware = time if time.tzinfo else time.replace(tzinfo=UTC)
            if self._from <= aware <= self._until:
                return f"<now as {_shape(value)}>"
        return str(value)


def _shape(time: str) -> str:
    """2026-11-23 03:24:46.59 -> 0000-00-00 00:00:00.000: PostgreSQL drops zeros at the end."""
    zeros = re.sub(r"\d", "0", time)
    return re.sub(r"^(.{19})(\.0{1,3})?(?!0|\.)", r"\1.000", zeros)


def literals(value: Any) -> set[str]:
    """Every text within a call's arguments: not made up, whatever it looks like."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, Mapping):
        return set().union(*map(literals, value.values())) if value else set()
    if isinstance(value, (list, tuple)):
        return set().union(*map(literals, value)) if value else set()
    return set()
