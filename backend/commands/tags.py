"""`memory-mirror tags`: the tags, or the people, of all videos: list, rename, merge, delete."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from backend.commands.memories import add_owner, add_service, asked, say_json
from backend.engine.cli.command_error import CommandError
from backend.models.metadata import Name
from backend.models.names import NameCount, NamePage
from backend.records import PEOPLE, TAGS, DatabaseService, Kind

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", action="store_true", help="the people in place of the tags")
    parser.add_argument("--limit", type=int, default=100, help="how many at most (100)")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    add_owner(parser)
    add_service(parser)
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--rename", nargs=2, metavar=("OLD", "NEW"))
    change.add_argument("--merge", nargs="+", metavar="NAME", help="all of them into the last")
    change.add_argument("--delete", metavar="NAME", help="take it from all videos")


def run(arguments: argparse.Namespace) -> int:
    kind = PEOPLE if arguments.people else TAGS
    if arguments.delete is not None:
        name = _name(arguments.delete)
        asked(
            arguments,
            lambda services: services.database.delete_name(kind, name),
            lambda service: service.send("DELETE", _path(kind), params={"name": name}),
            owner=arguments.owner,
        )
        return 0
    if arguments.rename or arguments.merge:
        return _change(arguments, kind)
    if not 1 <= arguments.limit <= 1000:
        raise CommandError("--limit is 1 to 1000", code=2)
    page = asked(
        arguments,
        lambda services: services.database.list_names(kind, limit=arguments.limit, cursor=None),
        lambda service: NamePage.model_validate(
            service.get(_path(kind), {"limit": arguments.limit})
        ),
        owner=arguments.owner,
    )
    if arguments.json:
        say_json(page)
        return 0
    for each in page.names:
        print(f"{each.count:8}  {each.name}")
    return 0


def _change(arguments: argparse.Namespace, kind: Kind) -> int:
    names = [_name(name) for name in arguments.rename or arguments.merge]
    if len(names) < 2:
        raise CommandError("name the tags to merge, and then the one to merge them into", code=2)
    *old, new = names

    def change(database: DatabaseService) -> Awaitable[NameCount]:
        if arguments.rename:
            return database.rename(kind, old[0], new)
        return database.merge(kind, old, new)

    def ask(service: RunningService) -> NameCount:
        if arguments.rename:
            answer = service.send("PATCH", _path(kind), params={"name": old[0]}, json={"name": new})
        else:
            body = {"names": old, "into": new}
            answer = service.send("POST", f"{_path(kind)}/merge", json=body)
        return NameCount.model_validate(answer)

    changed = asked(
        arguments, lambda services: change(services.database), ask, owner=arguments.owner
    )
    if arguments.json:
        say_json(changed)
    else:
        print(f"{changed.count:8}  {changed.name}")
    return 0


def _path(kind: Kind) -> str:
    return f"/api/{kind.field}"


def _name(text: str) -> str:
    try:
        found: str = TypeAdapter(Name).validate_python(text)
    except ValidationError as error:
        raise CommandError(f"{text!r}: {error.errors()[0]['msg']}", code=2) from error
    return found
