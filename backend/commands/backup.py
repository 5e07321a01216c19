"""`memory-mirror backup`: all that is stored, of all owners, into one file."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from backend.commands.memories import add_service, names_a_service
from backend.commands.progress import shown_progress
from backend.commands.setup import SCHEMA
from backend.core.config import load_settings
from backend.core.errors import StartupError
from backend.engine.cli.command_error import CommandError
from backend.engine.datasource import provider_of, sqlite_path
from backend.transfer import (
    SUFFIXES,
    BackupError,
    Manifest,
    back_up,
    copy_sqlite,
    name_of_now,
    read_backup,
    rotate,
    said_of,
    whole_file,
)

_EPILOG = """\
exit codes:
  0    the backup is whole, and was verified if it was to be
  1    the database cannot be used, the service does not answer or refuses, or the file cannot be
       written; no file is left
  2    wrong arguments
  130  interrupted; no file is left
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "destination", type=Path, help="the file; or a folder, in which it is named by the time"
    )
    parser.add_argument(
        "--format",
        choices=SUFFIXES,
        default="mmz",
        help="mmz: for either database; sqlite: a copy of SQLite's file (mmz)",
    )
    parser.add_argument(
        "--keep", type=_at_least_one, help="in a folder: keep so many, and delete the oldest"
    )
    parser.add_argument("--verify", action="store_true", help="read it again before it counts")
    parser.add_argument("--json", action="store_true", help="answer with a summary in JSON")
    add_service(parser)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(arguments: argparse.Namespace) -> int:
    destination: Path = arguments.destination
    folder = destination if destination.is_dir() else None
    if arguments.keep is not None and folder is None:
        raise CommandError("--keep is for a folder that is there", code=2)
    path = destination if folder is None else folder / name_of_now(arguments.format)
    try:
        if names_a_service(arguments):
            manifest: Manifest | None = _fetch(path, arguments)
        else:
            manifest = _back_up(load_settings().database_url.get_secret_value(), path, arguments)
        deleted = [] if arguments.keep is None or folder is None else rotate(folder, arguments.keep)
        _say(arguments, path, manifest, deleted)
    except (BackupError, StartupError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    return 0


def _say(
    arguments: argparse.Namespace, path: Path, manifest: Manifest | None, deleted: Sequence[Path]
) -> None:
    if arguments.json:
        tables = {} if manifest is None else manifest.tables
        rows = {name: each.rows for name, each in tables.items() if each.rows}
        summary = {
            "file": str(path),
            "bytes": path.stat().st_size,
            "rows": rows if manifest else None,
            "deleted": [str(old) for old in deleted],
        }
        print(json.dumps(summary))
        return
    for line in said_of(manifest) if manifest else ():
        print(line)
    print(path)
    for old in deleted:
        print(f"deleted {old}")


def _back_up(url: str, path: Path, arguments: argparse.Namespace) -> Manifest | None:
    """None: of a copy of SQLite's file."""
    if arguments.format == "mmz":
        with shown_progress("rows") as show:
            rows = 0

            def note(more: int) -> None:
                nonlocal rows
                rows += more
                if show:
                    show(rows)

            return asyncio.run(back_up(url, path, verify=arguments.verify, note=note))
    source = sqlite_path(url, folder=SCHEMA.parent) if provider_of(url) == "sqlite" else None
    if source is None:
        raise BackupError("Only a file of SQLite can be copied: use --format mmz")
    copy_sqlite(source, path, verify=arguments.verify)
    return None


def _fetch(path: Path, arguments: argparse.Namespace) -> Manifest:
    from backend.commands.running_service import service_of  # httpx: 0.1 s that others do without

    if arguments.format != "mmz":
        raise CommandError("a running service gives a portable backup: --format mmz", code=2)
    with (
        service_of(arguments, None) as service,
        whole_file(path, is_private=True) as part,
        shown_progress("bytes") as show,
        service.stream("GET", "/api/backup") as answer,
    ):
        size = 0
        with part.open("wb") as file:
            for piece in answer.iter_bytes():
                size += file.write(piece)
                if show:
                    show(size)
        return read_backup(part, verify=arguments.verify)
