"""`memory-mirror import`: the lines of a file become records."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

from backend.commands.memories import add_owner, add_service, asked
from backend.commands.progress import shown_progress
from backend.core.caller import actor
from backend.core.config import load_settings
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

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService

FAILED_LINES, STOPPED, INTERRUPTED = 3, 4, 130

_EPILOG = f"""\
exit codes:
  0    all lines are stored, or as they were
  1    the database cannot be used, or the service does not answer or refuses
  2    wrong arguments
  {FAILED_LINES}    some lines failed; the others are stored (--on-error continue)
  {STOPPED}    it ended before its end: by a line that failed (--on-error stop; nothing is stored),
       or a file that cannot be read on
  {INTERRUPTED}  interrupted; --resume goes on
"""
_FINGERPRINT_BYTES = 2**20
_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    summary: Summary
    error: str | None
    """Why it ended before its end."""
    is_interrupted: bool = False


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
        "--with-history",
        action="store_true",
        help="take over ids, times, versions and changes that export --with-history has written "
        "(--mode create or skip)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last line that is stored of this file (--on-error continue)",
    )
    parser.add_argument("--json", action="store_true", help="answer with a summary in JSON")
    add_service(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.resume and (arguments.file == "-" or arguments.on_error == "stop"):
        raise CommandError("--resume needs a file, and --on-error continue", code=2)
    if arguments.with_history and (
        arguments.mode not in ("create", "skip") or arguments.format not in (None, "ndjson")
    ):
        raise CommandError("--with-history is for NDJSON, and --mode create or skip", code=2)
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
    ended = asked(
        arguments,
        lambda services: _run(services, arguments, file, names),
        lambda service: _send(service, arguments, file),
        owner=arguments.owner,
    )
    summary = ended.summary
    if arguments.json:
        print(_json(ended))
    else:
        print(_sentence(summary))
    if ended.error is not None:
        print(f"after line {summary.last_line}: {ended.error}", file=sys.stderr)
    if ended.is_interrupted:
        if arguments.on_error == "continue" and arguments.file != "-":
            print("Go on with the same command and --resume.", file=sys.stderr)
        return INTERRUPTED
    if not summary.complete:
        return STOPPED
    return FAILED_LINES if summary.failed else 0


async def _run(
    services: Services, arguments: argparse.Namespace, file: BinaryIO, names: dict[str, str]
) -> Ended:
    options = Options(
        mode=arguments.mode,
        on_error=arguments.on_error,
        dry_run=arguments.dry_run,
        override_human=arguments.override is not None,
        with_history=arguments.with_history,
    )
    lines = read_lines(
        file,
        max_line=load_settings().max_body_bytes,
        format="ndjson" if arguments.with_history else arguments.format,
        names=names,
        with_history=arguments.with_history,
    )
    once = None
    if arguments.file != "-" and options.on_error == "continue":
        once = Once(actor.get(), f"import {name_of(arguments)}", fingerprint_of(arguments))
    import_ = Import(services.database, lines, options, _shown)
    give_back_freed_memory()
    look_for_cycles_rarely()
    take_short_turns()
    async with _stopped_by_signals(import_) as interrupted, _progress(import_, file):
        async for errors in import_.run(once, anew=not arguments.resume):
            sys.stderr.write(errors.decode())
    error = import_.summary.error
    return Ended(import_.summary, None if error is None else error.detail, interrupted.is_set())


def _send(service: RunningService, arguments: argparse.Namespace, file: BinaryIO) -> Ended:
    from backend.commands.sending import send  # httpx: 0.1 s that others do without

    return send(service, arguments, file)


def name_of(arguments: argparse.Namespace) -> str:
    """Of the file, wherever it lies: what a later run is compared by."""
    path = Path(arguments.file).resolve()
    return sha256(str(path).encode(errors="surrogateescape")).hexdigest()


def fingerprint_of(arguments: argparse.Namespace) -> str:
    """Of what is to be done with which file."""
    path = Path(arguments.file)
    with path.open("rb") as file:
        start = sha256(file.read(_FINGERPRINT_BYTES)).hexdigest()
    said: tuple[Any, ...] = (
        arguments.mode,
        arguments.map,
        arguments.format,
        path.stat().st_size,
        start,
    )
    if arguments.with_history:
        said = (*said, "with history")  # what others are compared by stays as it was
    return sha256(repr(said).encode()).hexdigest()


def size_of(file: BinaryIO) -> int | None:
    """None: it is no file on the disk."""
    found = os.fstat(file.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _shown(written: Written) -> bytes:
    if written.error is None:
        return b""
    return failure_of(written.line, written.video_id, written.error.detail).encode()


def failure_of(line: int, video_id: str | None, reason: str) -> str:
    name = f" {video_id}:" if video_id else ""
    return f"line {line}:{name} {reason}\n"


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
async def _progress(import_: Import, file: BinaryIO) -> AsyncIterator[None]:
    with shown_progress("lines") as show:
        if show is None:
            yield
            return
        size = size_of(file)

        def show_now() -> None:
            so_far = import_.summary
            reached = None if size is None else file.tell()
            show(so_far.lines, failed=so_far.failed, reached=reached, total=size)

        async def keep_showing() -> None:
            while True:
                show_now()
                await asyncio.sleep(_SECONDS)

        showing = asyncio.create_task(keep_showing())
        try:
            yield
        finally:
            showing.cancel()
            show_now()  # at the end, too, which may come within a second


def _json(ended: Ended) -> str:
    from pydantic_core import to_json

    more: dict[str, Any] = {} if ended.error is None else {"error": ended.error}
    return to_json(ended.summary.as_json() | more).decode()


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
