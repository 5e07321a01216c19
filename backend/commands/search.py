"""`memory-mirror search WORDS`: what GET /api/search answers; `--reindex` makes its index anew."""

from __future__ import annotations

import argparse
from html import unescape
from typing import TYPE_CHECKING, Any

from backend.commands.memories import (
    add_filters,
    add_owner,
    add_service,
    asked,
    filter_params,
    filters_of,
    on_database,
    only_on_database,
    say_json,
)
from backend.engine.cli.command_error import CommandError
from backend.models.search import SearchPage

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="WORDS", help="what to find, in plain language")
    parser.add_argument("--limit", type=int, default=10, help="how many at most (10)")
    parser.add_argument("--json", action="store_true", help="all of the answer, as JSON")
    parser.add_argument(
        "--reindex",
        action="store_true",
        help="make the index of all owners anew; needed for descriptions that other programs have"
        " written",
    )
    add_owner(parser)
    add_service(parser)
    add_filters(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.reindex:
        only_on_database(arguments, "--reindex")
        number = on_database(lambda services: services.search.reindex())
        print(f"{number} descriptions indexed")
        return 0
    text = " ".join(arguments.words)
    if not text.strip():
        raise CommandError("say what to find, for example: memory-mirror search beach", code=2)
    if not 1 <= arguments.limit <= 100:
        raise CommandError("--limit is 1 to 100", code=2)
    filters = filters_of(arguments)
    params = {"q": text, "limit": arguments.limit, **filter_params(arguments)}
    page = asked(
        arguments,
        lambda services: services.search.search(text, filters, limit=arguments.limit),
        lambda service: _ask(service, params),
        owner=arguments.owner,
    )
    if arguments.json:
        say_json(page)
        return 0
    for result in page["results"]:
        print(f"{result['score']:8.3f}  {result['video_id']}")
        shown = result["snippet"].replace("<mark>", "[").replace("</mark>", "]")
        print(f"          {' '.join(unescape(shown).split())}")
    if not page["results"]:
        print("Nothing found")
    return 0


def _ask(service: RunningService, params: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = service.get("/api/search", params)
    SearchPage.model_validate(answer)
    return answer
