"""`memory-mirror import`: the lines of a file become records."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO, get_args

from backend.commands.memories import add_owner, on_database
from backend.core.caller import actor
from backend.core.config import load_settings
from backend.core.errors import ServiceError
from backend.core.memory import give_back_freed_memory, look_for_cycles_rarely
from backend.core.threads import take_short_turns
from backend.engine.cli.command_error import CommandError
from backend.records import Mode, Once
from backend.services import Services
from backend.transfer import (
    FORMATS,
    Import,
    OnError,
    Options,
    Summary,
    Written,
    names_of,
    read_lines,
)

FAILED_LINES, STOPPED, INTERRUPTED = 3, 4, 130

_EPILOG = f"""\
exit codes:
  0    all lines are stored, or as they were
  1    the database cannot be used
  2    wrong arguments
  {FAILED_LINES}    some lines failed; the others are stored (--on-error continue)
  {STOPPED}    it ended before its end: by a line that failed (--on-error stop; nothing is stored),
       or a file that cannot be read on
  {INTERRUPTED}  interrupted; --resume goes on
"""
_FINGERPRINT_BYTES = 2**20
_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "file", help="NDJSON, a JSON array or CSV, plain or as gzip or zstd; - for the input"
    )
    add_owner(parser)
    parser.add_argument(
        "--mode",
        choices=get_args(Mode),
        default="create",
        help="where a video has a record: it is an error (create), what is given of it changes "
        "(upsert), it becomes what is given (replace), it stays (skip)",
    )
    parser.add_argument(
        "--on-error",
        choices=get_args(OnError),
        default="stop",
        help="stop: all lines or none; continue: all that are right (stop)",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done")
    parser.add_argument(
        "--map",
        metavar="NAME=FIELD,...",
        default="",
        help="which columns or members are which fields; none after the = leaves one out",
    )
    parser.add_argument("--format", choices=FORMATS, help="where it is not recognised")
    parser.add_argument(
        "--override",
        choices=["human"],
        help="replace also what a person has said",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last line that is stored of this file (--on-error continue)",
    )
    parser.add_argument("--json", action="store_true", help="answer with a summary in JSON")


def run(arguments: argparse.Namespace) -> int:
    if arguments.resume and (arguments.file == "-" or arguments.on_error == "stop"):
        raise CommandError("--resume needs a file, and --on-error continue", code=2)
    try:
        names = names_of(arguments.map)
    except ValueError as error:
        raise CommandError(f"--map: {error}", code=2) from error
    if arguments.file == "-":
        return _import(arguments, sys.stdin.buffer, names)
    try:
        file = Path(arguments.file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise CommandError(f"{arguments.file}: {error.strerror}", code=2) from error
    with closing(file):
        return _import(arguments, file, names)


def _import(arguments: argparse.Namespace, file: BinaryIO, names: dict[str, str]) -> int:
    summary, is_interrupted = on_database(
        lambda services: _run(services, arguments, file, names), owner=arguments.owner
    )
    if arguments.json:
        print(_json(summary))
    else:
        print(_sentence(summary))
    if summary.error is not None:
        print(f"after line {summary.last_line}: {summary.error.detail}", file=sys.stderr)
    if is_interrupted:
        if arguments.on_error == "continue" and arguments.file != "-":
            print("Go on with the same command and --resume.", file=sys.stderr)
        return INTERRUPTED
    if not summary.complete:
        return STOPPED
    return FAILED_LINES if summary.failed else 0


async def _run(
    services: Services, arguments: argparse.Namespace, file: BinaryIO, names: dict[str, str]
) -> tuple[Summary, bool]:
    options = Options(
        mode=arguments.mode,
        on_error=arguments.on_error,
        dry_run=arguments.dry_run,
        override_human=arguments.override is not None,
    )
    lines = read_lines(
        file, max_line=load_settings().max_body_bytes, format=arguments.format, names=names
    )
    once = None
    if arguments.file != "-" and options.on_error == "continue":
        once = _once(arguments)
    import_ = Import(services.database, lines, options, _shown)
    give_back_freed_memory()
    look_for_cycles_rarely()
    take_short_turns()
    async with _stopped_by_signals(import_) as interrupted, _progress(import_):
        async for errors in import_.run(once, anew=not arguments.resume):
            sys.stderr.write(errors.decode())
    return import_.summary, interrupted.is_set()


def _once(arguments: argparse.Namespace) -> Once:
    path = Path(arguments.file).resolve()
    with path.open("rb") as file:
        start = sha256(file.read(_FINGERPRINT_BYTES)).hexdigest()
    said = (arguments.mode, arguments.map, arguments.format, path.stat().st_size, start)
    name = sha256(str(path).encode(errors="surrogateescape")).hexdigest()
    return Once(actor.get(), f"import {name}", sha256(repr(said).encode()).hexdigest())


def _shown(written: Written) -> bytes:
    if written.error is None:
        return b""
    name = f" {written.video_id}:" if written.video_id else ""
    return f"line {written.line}:{name} {written.error.detail}\n".encode()


@asynccontextmanager
async def _stopped_by_signals(import_: Import) -> AsyncIterator[asyncio.Event]:
    """The first Ctrl-C ends it after a batch; the second as it is."""
    interrupted, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        import_.is_stopping = True
        interrupted.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@asynccontextmanager
async def _progress(import_: Import) -> AsyncIterator[None]:
    """On a terminal: how many lines, how fast, how many failed."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # 60 ms that others do without

    with Console(stderr=True).status("") as status:
        started = monotonic()

        async def show() -> None:
            while True:
                so_far = import_.summary
                rate = so_far.lines / max(monotonic() - started, 0.001)
                status.update(f"{so_far.lines:,} lines, {rate:,.0f}/s, {so_far.failed:,} failed")
                await asyncio.sleep(_SECONDS)

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            showing.cancel()


def _json(summary: Summary) -> str:
    from pydantic_core import to_json

    error: ServiceError | None = summary.error
    more: dict[str, Any] = {} if error is None else {"error": error.detail}
    return to_json(summary.as_json() | more).decode()


def _sentence(summary: Summary) -> str:
    counts = ", ".join(
        f"{getattr(summary, name)} {name}"
        for name in ("created", "updated", "unchanged", "skipped", "failed")
        if getattr(summary, name)
    )
    resumed = f" (up to line {summary.resumed_after} before)" if summary.resumed_after else ""
    state = ""
    if summary.dry_run:
        state = " It was tried: nothing is stored."
    elif not summary.committed:
        state = " Nothing is stored."
    return f"{summary.lines} lines: {counts or 'none'}{resumed}.{state}"
