"""`memory-mirror move`: all that is stored, into another database, while the service runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from backend.commands.memories import say_json
from backend.commands.setup import SCHEMA
from backend.engine.cli.command_error import CommandError
from backend.engine.errors import EngineError
from backend.transfer import (
    BackupError,
    Moved,
    Progress,
    TakenOver,
    is_moved_into,
    move,
    move_under_way,
    reopen,
)

_EPILOG = """\
a move while the service runs:
  move --from URL --to URL --follow    copies, and follows what is changed: let it run
  move --from URL --to URL --cutover   in another terminal: the source takes no writes (503), the
                                       rest comes, all is compared
then restart the service with the target as DATABASE_URL; or stay:
  move --from URL --reopen             the source takes writes again
"""
_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--from", dest="source", required=True, metavar="URL", help="the database")
    parser.add_argument("--to", dest="target", metavar="URL", help="the one that it comes into")
    parser.add_argument("--force", action="store_true", help="replace all that is stored there")
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument(
        "--follow",
        action="store_true",
        help="go on with what is changed meanwhile, until the cutover; a move that was stopped "
        "goes on where it was",
    )
    steps.add_argument(
        "--cutover", action="store_true", help="bring the move that follows to its end"
    )
    steps.add_argument(
        "--reopen", action="store_true", help="let the source of a cutover take writes again"
    )
    parser.add_argument("--json", action="store_true", help="answer with a summary in JSON")


def run(arguments: argparse.Namespace) -> int:
    if (arguments.target is None) != arguments.reopen:
        raise CommandError("--to names the target; --reopen needs none", code=2)
    if arguments.force and (arguments.cutover or arguments.reopen):
        raise CommandError("--force is for the first copy", code=2)
    try:
        return asyncio.run(_run(arguments))
    except (BackupError, EngineError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or 'The target'}: {error.strerror}") from error
    except KeyboardInterrupt:
        if arguments.follow:
            _note("It goes on where it was with the same command, or with --cutover.")
        raise


async def _run(arguments: argparse.Namespace) -> int:
    source, target = arguments.source, arguments.target
    if arguments.reopen:
        await reopen(source, schema=SCHEMA)
        print("The source takes writes.")
        return 0
    progress = Progress()
    async with _shown(progress):
        if arguments.cutover:
            async with move_under_way(source, target, schema=SCHEMA, progress=progress) as followed:
                moved = await followed.cut_over()
        elif not arguments.follow:
            moved = await _copy(arguments, progress)
        else:
            if arguments.force or not await is_moved_into(target, schema=SCHEMA):
                _say(await _copy(arguments, progress), arguments)
            return await _follow(source, target, progress)
    _say(moved, arguments)
    if arguments.cutover:
        print(
            "The source takes no writes any more. Now run `memory-mirror setup` with the target as "
            "DATABASE_URL, and restart the service with it.",
            file=sys.stderr if arguments.json else sys.stdout,
        )
    return 0


async def _copy(arguments: argparse.Namespace, progress: Progress) -> Moved:
    return await move(
        arguments.source,
        arguments.target,
        schema=SCHEMA,
        force=arguments.force,
        follow=arguments.follow,
        progress=progress,
    )


async def _follow(source: str, target: str, progress: Progress) -> int:
    try:
        async with move_under_way(source, target, schema=SCHEMA, progress=progress) as followed:
            _note("Following. --cutover in another terminal ends it, Ctrl-C stops it.")
            await followed.follow()
    except TakenOver:
        _note("Another process goes on with this move.")
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say(moved: Moved, arguments: argparse.Namespace) -> None:
    if arguments.json:
        say_json(_json(moved))
        return
    for name, each in moved.tables.items():
        if each.rows:
            print(f"{each.rows:10}  {name:18}  {each.hash[:16]}")
    rows = sum(each.rows for each in moved.tables.values())
    print(f"{rows} rows of {len(moved.tables)} tables are the same in both, by number and hash.")
    if moved.out_of_order:
        print(
            f"Of the change log, {moved.out_of_order} numbers were committed after greater ones, "
            "an order that SQLite does not keep: `memory-mirror audit verify` says so."
        )
    if arguments.cutover:
        print(f"Nothing could be written for {moved.stood_still:.1f} s.")
    sys.stdout.flush()


def _json(moved: Moved) -> dict[str, Any]:
    return {
        "from": moved.source,
        "to": moved.target,
        "tables": {
            name: {"rows": each.rows, "hash": each.hash} for name, each in moved.tables.items()
        },
        "rows": sum(each.rows for each in moved.tables.values()),
        "out_of_order": moved.out_of_order,
        "stood_still_seconds": round(moved.stood_still, 3),
    }


@asynccontextmanager
async def _shown(progress: Progress) -> AsyncIterator[None]:
    """On a terminal: what is being done, and how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # 60 ms that others do without

    with Console(stderr=True).status("") as status:
        began = monotonic()

        async def show() -> None:
            while True:
                rows = f" {progress.table}: {progress.rows:,} rows" if progress.table else ""
                status.update(f"{progress.step}{rows}, {monotonic() - began:.0f} s")
                await asyncio.sleep(_SECONDS)

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            showing.cancel()
