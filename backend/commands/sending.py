"""A file, sent to a running service, which imports it.

The service goes on after the last line that it has stored where a request comes again with its
Idempotency-Key. A key is made for each import and kept in this user's folder for state until all
lines are read, so that `--resume` finds it, also after a crash.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs
from pydantic import BaseModel

from backend.commands.importing import (
    INTERRUPTED,
    Ended,
    failure_of,
    fingerprint_of,
    name_of,
    size_of,
)
from backend.commands.progress import Show, shown_progress
from backend.commands.running_service import Refused, RunningService, lines_of
from backend.engine.cli.command_error import CommandError
from backend.records import Status
from backend.transfer import Summary, Written

_PATH = "/api/import"
_SENT_AT_ONCE = 256 * 1024
_COUNTS = {each.name for each in fields(Summary)} - {"error"}
_OF_THE_FILE = ("import-unreadable", "import-too-large")
"""Problems with which the command ends on a database as well."""


class _Told(BaseModel):
    """A line of the answer: of a line that was sent, or the summary."""

    line: int = 0
    video_id: str | None = None
    status: Status = "failed"
    error: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None


def send(service: RunningService, arguments: argparse.Namespace, file: BinaryIO) -> Ended:
    """Failed lines are told as they come. Raises Refused, CommandError."""
    key = _KeptKey(service, arguments) if _can_go_on(arguments) else None
    size = size_of(file)
    headers = {"Content-Type": "application/octet-stream"}
    if key is not None:
        headers["Idempotency-Key"] = key.text
    if size is not None:
        headers["Content-Length"] = str(size)
    summary = Summary(dry_run=arguments.dry_run)
    try:
        with (
            closing(_parts(file, size)) as parts,
            service.stream(
                "POST", _PATH, params=_params(arguments), headers=headers, content=parts
            ) as answer,
            shown_progress("lines") as show,
        ):
            ended = _read(lines_of(answer), summary, show)
    except Refused as refused:
        if refused.kind not in _OF_THE_FILE:
            raise
        return Ended(summary, str(refused))
    except KeyboardInterrupt:
        if arguments.on_error == "stop" and not arguments.dry_run:
            said = "interrupted; the service may go on, and stores all lines or none"
            raise CommandError(said, code=INTERRUPTED) from None
        summary.committed = not arguments.dry_run
        return Ended(summary, None, is_interrupted=True)
    if key is not None and ended.summary.complete:
        key.let_go()
    return ended


def _can_go_on(arguments: argparse.Namespace) -> bool:
    return arguments.on_error == "continue" and arguments.file != "-" and not arguments.dry_run


def _params(arguments: argparse.Namespace) -> dict[str, str]:
    params = {
        "mode": arguments.mode,
        "on_error": arguments.on_error,
        "dry_run": "true" if arguments.dry_run else None,
        "map": arguments.map or None,
        "format": arguments.format,
        "override": arguments.override,
        "with_history": "true" if arguments.with_history else None,
    }
    return {name: value for name, value in params.items() if value is not None}


def _parts(file: BinaryIO, size: int | None) -> Generator[bytes]:
    sent = 0
    with shown_progress("bytes sent") as show:
        while part := file.read(_SENT_AT_ONCE):
            yield part
            sent += len(part)
            if show:
                show(sent, total=size)


def _read(lines: Iterator[bytes], summary: Summary, show: Show | None) -> Ended:
    """`summary` counts what is told, for where it is interrupted."""
    for text in lines:
        told = _Told.model_validate_json(text)
        if told.summary is not None:
            error = told.summary.pop("error", None)
            whole = Summary(**{name: told.summary[name] for name in _COUNTS & told.summary.keys()})
            return Ended(whole, None if error is None else str(error["detail"]))
        summary.count(Written(told.line, told.video_id, told.status))
        if told.error is not None:
            sys.stderr.write(failure_of(told.line, told.video_id, told.error["detail"]))
        if show:
            show(summary.lines, failed=summary.failed)
    raise Refused("The answer was cut. Ask again; with --resume, it goes on where it was.")


class _KeptKey:
    """A new one, unless the import is to go on. Raises CommandError."""

    def __init__(self, service: RunningService, arguments: argparse.Namespace) -> None:
        of = (service.at, arguments.owner, name_of(arguments), fingerprint_of(arguments))
        name = sha256(repr(of).encode()).hexdigest()
        folder: Path = platformdirs.user_state_path("memory-mirror", appauthor=False) / "imports"
        self._path = folder / name
        if arguments.resume:
            with contextlib.suppress(OSError, ValueError):
                self.text = self._path.read_text("ascii").strip()
                return
        self.text = f"import-{secrets.token_hex(16)}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.write_text(self.text, "ascii")
        except OSError as error:
            reason = f"{self._path}: {error.strerror}; there the import's key is kept"
            raise CommandError(reason) from error

    def let_go(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
