"""`memory-mirror twelvelabs`: the records in step with the video index, asked for and watched."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backend.commands.memories import add_owner, on_database, on_index, say_json
from backend.engine.cli.command_error import CommandError
from backend.services import Services
from backend.twelvelabs import LISTED, STATES, Normalized, normalized

FAILED = 3
"""Exit code: some are not described, or not changed."""

_LISTED_AT_ONCE = 500
_SHOWN_EACH = 0.5
_WATCH_SECONDS = 2.0
_ASK_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="how far records and index are in step")
    status.add_argument("--list", choices=LISTED, help="also the videos that are in this state")
    status.add_argument("--json", action="store_true", help="answer in JSON")
    status.set_defaults(act=_status)
    sync = actions.add_parser("sync", help="compare the index with the records now")
    sync.add_argument("--new", action="store_true", help="only what was added since")
    sync.add_argument("--json", action="store_true", help="answer in JSON")
    sync.set_defaults(act=_sync)
    describe = actions.add_parser(
        "describe",
        help="describe what is to be described, and what is named anew",
        epilog=f"Exit code {FAILED}: some are not described.",
    )
    describe.add_argument("video_id", nargs="*", help="these anew")
    describe.add_argument("--all", choices=STATES, dest="state", help="all in this state anew")
    describe.add_argument("--json", action="store_true", help="answer in JSON")
    describe.set_defaults(act=_describe)
    watch = actions.add_parser("watch", help="the status, every two seconds, until Ctrl-C")
    watch.add_argument("--json", action="store_true", help="a line of JSON each time")
    watch.set_defaults(act=_watch)
    normalize = actions.add_parser(
        "normalize",
        help="make text and fields of descriptions that are an AI's JSON",
        epilog=f"Exit code {FAILED}: some could not be changed.",
    )
    add_owner(normalize)
    normalize.add_argument("--dry-run", action="store_true", help="tell what would be done")
    normalize.add_argument("--json", action="store_true", help="a line of JSON for each")
    normalize.set_defaults(act=_normalize)


def run(arguments: argparse.Namespace) -> int:
    code: int = arguments.act(arguments)
    return code


# Status


def _status(arguments: argparse.Namespace) -> int:
    status, videos = on_index(lambda services: _asked_status(services, arguments.list))
    if arguments.json:
        say_json(status if videos is None else {**status, "listed": videos})
        return 0
    print(_shown(status))
    for video in videos or ():
        why = video["error"] or "; ".join(f"{k}: {v}" for k, v in video["unheld"].items())
        print(f"{video['video_id']}  {why}".rstrip())
    return 0


async def _asked_status(
    services: Services, state: Any
) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    status = await services.sync.status()
    if state is None:
        return status, None
    videos: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await services.sync.listed(state, limit=_LISTED_AT_ONCE, cursor=cursor)
        videos += page["videos"]
        cursor = page["next_cursor"]
        if cursor is None:
            return status, videos


def _shown(status: dict[str, Any]) -> str:
    today = status["today"]
    lines = [
        f"index {status['index_id']}: {_counted(status['videos']) or 'no videos'}",
        *(f"{kind}: {_counted(counts)}" for kind, counts in sorted(status["jobs"].items())),
        f"today: {today['analyses']} analyses, {_of(today, 'minutes')} minutes,"
        f" {_of(today, 'tokens')} tokens",
    ]
    for run in status["runs"][:1]:
        said = f": {run['error']}" if run["error"] else ""
        when = run["finished_at"] or run["started_at"] or "not begun"
        lines.append(
            f"run {run['number']} ({run['kind']}), {run['status']} ({when}): {run['videos']} videos"
            f" compared, {run['queued']} to be described{said}"
        )
    return "\n".join(lines)


def _of(today: dict[str, Any], name: str) -> str:
    most = today[f"most_{name}"]
    return f"{today[name]}" if most is None else f"{today[name]} of {most:g}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


# Doing


def _sync(arguments: argparse.Namespace) -> int:
    run = on_index(lambda services: _run_now(services, arguments.new))
    if arguments.json:
        say_json(run)
    else:
        print(f"{run['videos']} videos compared, {run['queued']} to be described")
    if run["status"] == "failed":
        raise CommandError(run["error"])
    return 0


async def _run_now(services: Services, only_new: bool) -> dict[str, Any]:
    asked = await services.sync.ask("new" if only_new else "full")
    working = asyncio.create_task(_until_run(services, asked["number"]))
    with _progress() as show:
        while not working.done():
            await asyncio.wait([working], timeout=_SHOWN_EACH)
            for run in (await services.sync.status())["runs"]:
                if run["number"] == asked["number"]:
                    show(f"{run['videos']:,} videos compared, {run['queued']:,} to be described")
    return await working


async def _until_run(services: Services, number: int) -> dict[str, Any]:
    """By this process, or by another that has begun it."""
    while True:
        await services.sync.run_now()
        runs = (await services.sync.status())["runs"]
        for run in runs:
            if run["number"] == number and run["status"] in ("done", "failed"):
                return dict(run)
        await asyncio.sleep(_ASK_SECONDS)


def _describe(arguments: argparse.Namespace) -> int:
    result = on_index(lambda services: _describe_all(services, arguments.video_id, arguments.state))
    if arguments.json:
        say_json(result)
    else:
        counts = (f"{result[name]} {name}" for name in ("described", "failed", "left"))
        print(", ".join(counts))
        if result["left"] and result["waits_for"]:
            print(result["waits_for"], file=sys.stderr)
    return FAILED if result["failed"] or result["left"] else 0


async def _describe_all(services: Services, video_ids: list[str], state: Any) -> dict[str, Any]:
    sync = services.sync
    if video_ids:
        found = await sync.describe(video_ids)
        if found < len(set(video_ids)):
            print("some of them are not in the index, or being described", file=sys.stderr)
    if state is not None:
        await sync.describe_those(state)
    before = await _job_counts(services)
    workers = [asyncio.create_task(_work_off(services)) for _ in range(sync.rules.concurrency)]
    with _progress() as show:
        while any(not worker.done() for worker in workers):
            await asyncio.wait(workers, timeout=_SHOWN_EACH)
            counts = await _job_counts(services)
            left = counts.get("queued", 0) + counts.get("running", 0)
            show(f"{counts.get('done', 0) - before.get('done', 0):,} described, {left:,} left")
    for worker in workers:
        worker.result()
    after = await _job_counts(services)
    return {
        "described": after.get("done", 0) - before.get("done", 0),
        "failed": after.get("failed", 0) - before.get("failed", 0),
        "left": after.get("queued", 0) + after.get("running", 0),
        "waits_for": (await sync.status())["waits_for"],
    }


async def _work_off(services: Services) -> None:
    """Until nothing is left, or nothing may be asked for now."""
    while True:
        if await services.sync.describe_next():
            continue
        counts = await _job_counts(services)
        left = counts.get("queued", 0) + counts.get("running", 0)
        if not left or (await services.sync.status())["waits_for"] is not None:
            return
        await asyncio.sleep(_ASK_SECONDS)


async def _job_counts(services: Services) -> dict[str, int]:
    counts: dict[str, int] = (await services.sync.jobs.counts()).get("describe", {})
    return counts


def _watch(arguments: argparse.Namespace) -> int:
    on_index(lambda services: _show_again(services, arguments.json))
    return 0


async def _show_again(services: Services, as_json: bool) -> None:
    from pydantic_core import to_json

    while True:
        status = await services.sync.status()
        print(to_json(status).decode() if as_json else f"{_shown(status)}\n", flush=True)
        await asyncio.sleep(_WATCH_SECONDS)


# Descriptions that are JSON


def _normalize(arguments: argparse.Namespace) -> int:
    counts = on_database(
        lambda services: _normalize_all(services, arguments.dry_run, arguments.json),
        owner=arguments.owner,
    )
    if not arguments.json:
        state = " It was tried: nothing is changed." if arguments.dry_run else ""
        print(
            f"{counts['changed']} changed, {counts['left']} left as they are,"
            f" {counts['failed']} failed.{state}"
        )
    return FAILED if counts["failed"] else 0


async def _normalize_all(services: Services, dry_run: bool, as_json: bool) -> dict[str, int]:
    counts = {"changed": 0, "left": 0, "failed": 0}
    async for each in normalized(services.database, dry_run=dry_run):
        counts[each.outcome] += 1
        if as_json:
            _say_line(each)
        elif each.outcome == "failed":
            print(f"{each.video_id}: {each.error}", file=sys.stderr)
        elif dry_run and each.outcome == "changed":
            print(f"{each.video_id}: {', '.join(each.changes)}")
    return counts


def _say_line(each: Normalized) -> None:
    from pydantic_core import to_json

    print(to_json(each).decode())


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A line on a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console  # 60 ms that others do without

    with Console(stderr=True).status("") as status:
        yield status.update
