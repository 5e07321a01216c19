"""`memory-mirror duplicates`: what GET /api/duplicates answers."""

from __future__ import annotations

import argparse
from typing import Any

from backend.commands.memories import add_owner, on_database, say_json
from backend.duplicates import LEAST_SIMILARITY
from backend.engine.cli.command_error import CommandError
from backend.services import Services


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.8,
        help=f"how similar two descriptions are to be, {LEAST_SIMILARITY} to 1 (0.8)",
    )
    parser.add_argument("--limit", type=int, default=100, help="how many groups at most (100)")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    add_owner(parser)


def run(arguments: argparse.Namespace) -> int:
    if not LEAST_SIMILARITY <= arguments.threshold <= 1:
        raise CommandError(f"--threshold is {LEAST_SIMILARITY} to 1", code=2)
    if not 1 <= arguments.limit <= 1000:
        raise CommandError("--limit is 1 to 1000", code=2)
    page = on_database(
        lambda services: _found(services, arguments.threshold, arguments.limit),
        owner=arguments.owner,
    )
    if arguments.json:
        say_json(page)
        return 0
    for group in page["groups"]:
        more = group["count"] - len(group["video_ids"])
        names = " ".join(group["video_ids"]) + (f" and {more} more" if more else "")
        print(f"{group['similarity']:.2f}  {names}")
    return 0


async def _found(services: Services, threshold: float, limit: int) -> dict[str, Any]:
    """Of all that is stored: an index that is made first takes its time."""
    while True:
        page = await services.duplicates.page(threshold, limit=limit)
        if not page["pending"]:
            return page
