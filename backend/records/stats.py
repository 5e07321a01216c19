"""What is stored, in numbers, of all videos or of those that filters name."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from backend.engine import Provider
from backend.models.names import NameCount
from backend.models.stats import Period, Spread, Stats
from backend.records.filter_sql import RELATION_TABLES, Conditions
from backend.records.filters import Filters

if TYPE_CHECKING:
    from prisma import Prisma

TOP = 20
_COLUMNS = ("title", "recorded_date", "age", "location", "country", "mood", "event_type", "extra")
_PLACES = {
    "locations": "location",
    "countries": "country",
    "moods": "mood",
    "event_types": "event_type",
}
_RELATIONS = {"tags": RELATION_TABLES["tag"], "people": RELATION_TABLES["person"]}


async def stats(client: Prisma, provider: Provider, filters: Filters) -> Stats:
    asked = [
        _totals(provider, filters),
        _days(provider, filters),
        _top_places(provider, filters),
        *(_top_related(provider, filters, *relation) for relation in _RELATIONS.values()),
        *(_having(provider, filters, table) for table in ("video_tag", "video_person", "segment")),
    ]
    answers: list[Any] = await asyncio.gather(
        *(client.query_raw(sql, *args) for sql, args in asked)
    )
    totals = answers[0][0]
    total = int(totals["total"])
    days = {date.fromisoformat(row["day"]): int(row["count"]) for row in answers[1]}
    tops = dict(zip(_RELATIONS, answers[3:5], strict=True))
    tops |= {name: [row for row in answers[2] if row["top"] == name] for name in _PLACES}
    known = {column: int(totals[column]) for column in _COLUMNS}
    known["duration"] = int(totals["durations"])
    for name, rows in zip(("tags", "people", "segments"), answers[5:], strict=True):
        known[name] = int(rows[0]["count"])
    return Stats(
        total=total,
        per_day=_periods(days, lambda day: day, 366),
        per_week=_periods(days, lambda day: day - timedelta(days=day.weekday()), 156),
        per_month=_periods(days, lambda day: day.replace(day=1), 120),
        description_length=_spread(total, totals, "characters"),
        duration=_spread(known["duration"], totals, "duration"),
        coverage={name: round(count / total, 6) if total else 0.0 for name, count in known.items()},
        **{name: _counts(rows) for name, rows in tops.items()},
    )


def _totals(provider: Provider, filters: Filters) -> tuple[str, list[Any]]:
    query = Conditions(provider)
    query.own("v")
    query.add(filters)
    length = "length(v.description)"
    counts = ", ".join(f"count(v.{column}) AS {column}" for column in _COLUMNS)
    return (
        f"SELECT count(*) AS total, {counts}, count(v.duration) AS durations,"
        f" sum({length}) AS characters_total, min({length}) AS characters_min,"
        f" max({length}) AS characters_max, sum(v.duration) AS duration_total,"
        " min(v.duration) AS duration_min, max(v.duration) AS duration_max"
        f" FROM video_analysis AS v{query.where()}"
    ), query.args


def _days(provider: Provider, filters: Filters) -> tuple[str, list[Any]]:
    query = Conditions(provider)
    query.own("v")
    query.add(filters)
    day = (
        "substr(v.created_at, 1, 10)"
        if provider == "sqlite"
        else "to_char(v.created_at::date, 'YYYY-MM-DD')"
    )
    group = "substr(v.created_at, 1, 10)" if provider == "sqlite" else "v.created_at::date"
    sql = f"SELECT {day} AS day, count(*) AS count FROM video_analysis AS v{query.where()}"
    return f"{sql} GROUP BY {group}", query.args


def _top_places(provider: Provider, filters: Filters) -> tuple[str, list[Any]]:
    query = Conditions(provider)
    query.own("v")
    query.add(filters)
    source, found = "video_analysis AS v", ""
    if filters:  # found once; without filters, each has an index that is counted by itself
        columns = ", ".join(f"v.{column}" for column in _PLACES.values())
        found = f"WITH found AS MATERIALIZED (SELECT {columns} FROM {source}{query.where()}) "
        source = "found AS v"
    tops = []
    for name, column in _PLACES.items():
        known = Conditions(provider, conditions=[f"v.{column} IS NOT NULL"])
        if not filters:
            known.own("v")
        sql, _ = _grouped(provider, f"v.{column}", source, known)
        tops.append(f"SELECT '{name}' AS top, t.name, t.count FROM ({sql}) AS t")
    return found + " UNION ALL ".join(tops), query.args


def _top_related(
    provider: Provider, filters: Filters, table: str, column: str
) -> tuple[str, list[Any]]:
    query = Conditions(provider)
    query.own("t")
    source = f"{table} AS t"
    if filters:
        query.own("v")
        source += " JOIN video_analysis AS v ON v.id = t.analysis_id"
        query.add(filters)
    return _grouped(provider, f"t.{column}", source, query)


def _grouped(
    provider: Provider, column: str, source: str, query: Conditions
) -> tuple[str, list[Any]]:
    collation = "" if provider == "sqlite" else ' COLLATE "C"'
    return (
        f"SELECT {column} AS name, count(*) AS count FROM {source}{query.where()}"
        f" GROUP BY {column} ORDER BY count(*) DESC, {column}{collation} LIMIT {TOP}"
    ), query.args


def _having(provider: Provider, filters: Filters, table: str) -> tuple[str, list[Any]]:
    query = Conditions(provider)
    query.own("t")
    source = f"{table} AS t"
    if filters:
        query.own("v")
        source += " JOIN video_analysis AS v ON v.id = t.analysis_id"
        query.add(filters)
    videos = f"{source}{query.where()}"
    if provider == "sqlite":  # each database as it reads no more than an index, in its order
        videos = f"(SELECT DISTINCT t.analysis_id FROM {videos})"
        return f"SELECT count(*) AS count FROM {videos} AS d", query.args
    return f"SELECT count(DISTINCT t.analysis_id) AS count FROM {videos}", query.args


def _periods(days: dict[date, int], start: Any, most: int) -> list[Period]:
    """The latest, in order."""
    counts: Counter[date] = Counter()
    for day, count in days.items():
        counts[start(day)] += count
    return [
        Period(start=first.isoformat(), count=counts[first]) for first in sorted(counts)[-most:]
    ]


def _spread(known: int, totals: Any, name: str) -> Spread:
    total = float(totals[f"{name}_total"] or 0)
    return Spread(
        known=known,
        total=round(total, 3),
        average=round(total / known, 3) if known else None,
        shortest=totals[f"{name}_min"],
        longest=totals[f"{name}_max"],
    )


def _counts(rows: Any) -> list[NameCount]:
    return [NameCount(name=row["name"], count=int(row["count"])) for row in rows]
