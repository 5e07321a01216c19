"""What the two databases write differently, and the one place that turns filters into SQL."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from backend.core.caller import ALL_OWNERS, owner
from backend.core.owners import owned
from backend.engine import Provider
from backend.records.filters import Filters


@dataclass(slots=True)
class Conditions:
    """Arguments, as they are bound, and the conditions on `video_analysis AS v` and others."""

    provider: Provider
    args: list[Any] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        """The placeholder of one more argument. SQLite binds by order, so bind in that order."""
        self.args.append(value)
        return "?" if self.provider == "sqlite" else f"${len(self.args)}"

    def own(self, *tables: str) -> None:
        """Of these tables, or of what they are called, the rows of whom is acted for alone."""
        if owner.get() != ALL_OWNERS:
            self.conditions += [owned(table) for table in tables]

    def holds(self, text: str, part: Any) -> str:
        """Whether a text contains another, exactly. LIKE would know wildcards and no case."""
        function = "instr" if self.provider == "sqlite" else "strpos"
        return f"{function}({text}, {self.bind(part)}) > 0"

    def add(
        self,
        filters: Filters,
        *,
        skip: tuple[str, str] | None = None,
        each_by_itself: bool = False,
        passed: str | None = None,
    ) -> None:
        """Conditions for `filters`. `skip`: a (field, name) that the caller sees to.
        `each_by_itself`: for few rows that something else has found; otherwise the rows may be
        found by their names. `passed`: the field of a bound that a cursor's position lies beyond;
        SQLite would begin at the bound, and go through all up to the position."""
        for name, value in filters.present():
            if name in RELATION_TABLES:
                for item in value:
                    if (name, item) != skip:
                        self.conditions.append(self._related(name, item, each_by_itself))
            elif name == "has_description_containing":
                self.conditions.append(self.holds("v.description", value))
            else:
                column, operator = _COLUMNS[name]
                unindexed = "+" if name == passed and self.provider == "sqlite" else ""
                self.conditions.append(f"{unindexed}v.{column} {operator} {self.bind(value)}")

    def _related(self, name: str, item: str, each_by_itself: bool) -> str:
        table, column = RELATION_TABLES[name]
        rows = f"FROM {table} AS r WHERE {owned('r')} AND r.{column} = {self.bind(item)}"
        if each_by_itself:
            # OFFSET: or PostgreSQL might read all that have the name, to join them.
            end = " OFFSET 0" if self.provider == "postgresql" else ""
            return f"EXISTS (SELECT 1 {rows} AND r.analysis_id = v.id{end})"
        return f"v.id IN (SELECT r.analysis_id {rows})"

    def narrow(self, source: str, filters: Filters) -> str:
        """`source`, in which `d` is of search_document, with those alone that the filters name. Of
        the facets `d` itself tells."""
        facets = filters.facets()
        if facets and self.provider == "postgresql":
            self.conditions.append(
                f"nullif(d.facets, '')::jsonb @> {self.bind(json.dumps(facets))}::jsonb"
            )
        elif facets:
            self.conditions += [
                f"EXISTS (SELECT 1 FROM json_each(nullif(d.facets, ''), '$.{facet}')"
                f" WHERE value = {self.bind(name)})"
                for facet, names in facets.items()
                for name in names
            ]
        others = filters.besides_facets()
        if not others:
            return source
        self.add(others)
        join = "CROSS JOIN" if self.provider == "sqlite" else "JOIN"  # CROSS: `source` comes first
        return f"{source} {join} video_analysis AS v ON {owned('v')} AND v.video_id = d.video_id"

    def where(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


RELATION_TABLES = {"tag": ("video_tag", "tag_name"), "person": ("video_person", "person_name")}

_COLUMNS = {
    "location": ("location", "="),
    "country": ("country", "="),
    "mood": ("mood", "="),
    "event_type": ("event_type", "="),
    "recorded_from": ("recorded_date", ">="),
    "recorded_to": ("recorded_date", "<="),
    "created_from": ("created_at", ">="),
    "created_to": ("created_at", "<="),
    "updated_from": ("updated_at", ">="),
    "updated_to": ("updated_at", "<="),
}


def count(provider: Provider, filters: Filters) -> tuple[str, list[Any]]:
    """How many videos the filters name: `found`."""
    query = Conditions(provider)
    driving = filters.relation()
    if driving is None:
        source = "video_analysis AS v"
        query.own("v")
        query.add(filters)
    else:
        table, column = RELATION_TABLES[driving[0]]
        source = f"{table} AS d"
        query.own("d")
        query.conditions.append(f"d.{column} = {query.bind(driving[1])}")
        query.add(filters, skip=driving, each_by_itself=True)
        if len(query.conditions) > 2:
            source += " CROSS JOIN video_analysis AS v"
            query.own("v")
            query.conditions.append("v.id = d.analysis_id")
    source += query.where()
    return f"SELECT count(*) AS found FROM {source}", query.args
