"""What the commands on records share: whom they ask, filters, the output.

They ask the database of the settings, or a running service (running_service.py).
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import to_json

from backend.core.caller import (
    ALL_OWNERS,
    DEFAULT_OWNER,
    act_as_command,
    acting_for,
    is_owner_name,
)
from backend.core.config import Settings, load_settings
from backend.core.errors import ServiceError, StartupError
from backend.engine.cli.command_error import CommandError
from backend.models.metadata import Country, EventType, Location, Mood, Name, RecordedDate
from backend.models.times import time_of_text
from backend.records import Filters
from backend.services import Services, services_of

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService

T = TypeVar("T")


def _time(*, last: bool) -> Any:
    return Annotated[datetime, BeforeValidator(lambda text: time_of_text(text, last=last))]


_OF_A_KEY = "; of a running service: the first of the key's)"

_PART = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

_FILTERS: dict[str, tuple[Any, str]] = {
    "tag": (list[Name], "has this tag; more than once: each"),
    "person": (list[Name], "shows this person; more than once: each"),
    "location": (Location, "recorded there"),
    "country": (Country, "recorded there"),
    "mood": (Mood, "of this mood"),
    "event-type": (EventType, "of this kind of event"),
    "recorded-from": (RecordedDate, "recorded on this day (2026-03-01) or later"),
    "recorded-to": (RecordedDate, "recorded on this day or before"),
    "created-from": (_time(last=False), "stored on this day, or at this time, or later"),
    "created-to": (_time(last=True), "stored then or before"),
    "updated-from": (_time(last=False), "changed then or later"),
    "updated-to": (_time(last=True), "changed then or before"),
    "has-description-containing": (_PART, "its description has exactly these characters"),
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


def filter_params(arguments: argparse.Namespace) -> dict[str, Any]:
    """The filters as a request has them. Raises CommandError."""
    filters_of(arguments)
    names = [name.replace("-", "_") for name in _FILTERS]
    given = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def add_owner(parser: argparse.ArgumentParser, *, or_all: bool = False) -> None:
    """`or_all`: of all owners, where none is named."""
    parser.add_argument(
        "--owner",
        type=_owner_or_all if or_all else _owner,
        help=f"whose, * for all (*{_OF_A_KEY}" if or_all else f"whose ({DEFAULT_OWNER}{_OF_A_KEY}",
    )


def add_service(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a running service, in place of the database")
    group.add_argument(
        "--url",
        help="such as http://127.0.0.1:8000; without it MEMORY_MIRROR_URL in the environment, "
        "where there is one (--url '': the database)",
    )
    group.add_argument(
        "--key",
        help="the key that it asks for; rather MEMORY_MIRROR_KEY in the environment: others on "
        "this machine can see what a command is given",
    )


def _owner(text: str) -> str:
    if not is_owner_name(text):
        raise argparse.ArgumentTypeError("an owner is 1 to 255 visible ASCII characters, no comma")
    return text


def _owner_or_all(text: str) -> str:
    return text if text == ALL_OWNERS else _owner(text)


def names_a_service(arguments: argparse.Namespace) -> bool:
    """Raises CommandError where a key is given for none."""
    if arguments.url or (arguments.url is None and os.environ.get("MEMORY_MIRROR_URL")):
        return True
    if arguments.key is not None:
        raise CommandError("--key is for a running service: name it by --url", code=2)
    return False


def only_on_database(arguments: argparse.Namespace, what: str) -> None:
    if names_a_service(arguments):
        raise CommandError(f"{what} needs the database itself: not with --url", code=2)


def asked(
    arguments: argparse.Namespace,
    of_database: Callable[[Services], Awaitable[T]],
    of_service: Callable[[RunningService], T],
    *,
    owner: str | None,
    without_one: str = DEFAULT_OWNER,
) -> T:
    """What the one or the other says, whichever the arguments name. `without_one`: whose of the
    database, where no owner is named. Raises CommandError."""
    if not names_a_service(arguments):
        return on_database(of_database, owner=owner or without_one)
    from backend.commands.running_service import service_of  # httpx: 0.1 s that others do without

    with service_of(arguments, owner) as service:
        try:
            return of_service(service)
        except ValidationError as error:
            raise CommandError(f"{service.at} does not answer as this service does") from error


def on_database(work: Callable[[Services], Awaitable[T]], *, owner: str | None = None) -> T:
    """Do something for an owner, by default DEFAULT_OWNER, with the database that DATABASE_URL
    names."""

    async def run() -> T:
        act_as_command()
        services = services_of(load_settings())
        await services.database.connect()
        try:
            with acting_for(owner or DEFAULT_OWNER):
                return await work(services)
        finally:
            await services.database.disconnect()

    try:
        return asyncio.run(run())
    except (StartupError, ServiceError) as error:
        raise CommandError(str(error)) from error


def on_index(work: Callable[[Services], Awaitable[T]]) -> T:
    """The same for the owner of the video index. Raises CommandError where there is none."""
    settings = _settings()
    if not settings.twelvelabs_api_key.get_secret_value():
        raise CommandError("TWELVELABS_API_KEY is not set. See docs/twelvelabs.md")
    return on_database(work, owner=settings.twelvelabs_owner)


def _settings() -> Settings:
    try:
        return load_settings()
    except StartupError as error:
        raise CommandError(str(error)) from error


def say_json(answer: BaseModel | dict[str, Any]) -> None:
    print(to_json(answer, indent=2).decode())
