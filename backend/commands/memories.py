"""What `search`, `stats` and `tags` share: the database of the settings, filters, the output."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from backend.core.caller import act_as_command
from backend.core.config import load_settings
from backend.core.errors import ServiceError, StartupError
from backend.engine.cli.command_error import CommandError
from backend.models.metadata import Country, EventType, Location, Mood, Name, RecordedDate
from backend.records import Filters
from backend.services import Services, access_rules, make_services

T = TypeVar("T")

_FILTERS: dict[str, tuple[Any, str]] = {
    "tag": (list[Name], "has this tag; more than once: each"),
    "person": (list[Name], "shows this person; more than once: each"),
    "location": (Location, "recorded there"),
    "country": (Country, "recorded there"),
    "mood": (Mood, "of this mood"),
    "event-type": (EventType, "of this kind of event"),
    "recorded-from": (RecordedDate, "recorded on this day (2026-03-01) or later"),
    "recorded-to": (RecordedDate, "recorded on this day or before"),
}


def add_filters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("filters")
    for name, (kind, summary) in _FILTERS.items():
        action = "append" if kind == list[Name] else "store"
        group.add_argument(f"--{name}", action=action, help=summary)


def filters_of(arguments: argparse.Namespace) -> Filters:
    given: dict[str, Any] = {}
    for name, (kind, _) in _FILTERS.items():
        field = name.replace("-", "_")
        value = getattr(arguments, field)
        if value is not None:
            try:
                value = TypeAdapter(kind).validate_python(value)
            except ValidationError as error:
                raise CommandError(f"--{name}: {error.errors()[0]['msg']}", code=2) from error
            given[field] = tuple(value) if isinstance(value, list) else value
    return Filters(**given)


def on_database(work: Callable[[Services], Awaitable[T]]) -> T:
    """Do something with the database that DATABASE_URL names."""

    async def run() -> T:
        act_as_command()
        settings = load_settings()
        services = make_services(
            settings.database_url.get_secret_value(), access=access_rules(settings)
        )
        await services.database.connect()
        try:
            return await work(services)
        finally:
            await services.database.disconnect()

    try:
        return asyncio.run(run())
    except (StartupError, ServiceError) as error:
        raise CommandError(str(error)) from error


def say_json(answer: BaseModel | dict[str, Any]) -> None:
    print(to_json(answer, indent=2).decode())
