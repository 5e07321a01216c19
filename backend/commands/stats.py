"""`memory-mirror stats`: what GET /api/stats answers."""

from __future__ import annotations

import argparse

from backend.commands.memories import (
    add_filters,
    add_owner,
    add_service,
    asked,
    filter_params,
    filters_of,
    say_json,
)
from backend.models.stats import Stats


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="all of the answer, as JSON")
    add_owner(parser)
    add_service(parser)
    add_filters(parser)


def run(arguments: argparse.Namespace) -> int:
    filters = filters_of(arguments)
    params = filter_params(arguments)
    stats = asked(
        arguments,
        lambda services: services.database.stats(filters),
        lambda service: Stats.model_validate(service.get("/api/stats", params)),
        owner=arguments.owner,
    )
    if arguments.json:
        say_json(stats)
        return 0
    length = stats.description_length
    print(f"videos       {stats.total}")
    print(f"characters   {length.total:.0f}, {length.average or 0:.0f} on average")
    print(f"duration     {stats.duration.total:.0f} s of {stats.duration.known} videos")
    for period in stats.per_month[-12:]:
        print(f"{period.start[:7]}      {period.count}")
    for name in ("tags", "people", "locations", "countries", "moods", "event_types"):
        top = ", ".join(f"{each.name} ({each.count})" for each in getattr(stats, name)[:10])
        if top:
            print(f"{name.replace('_', ' '):12} {top}")
    return 0
