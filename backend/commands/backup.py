"""`memory-mirror backup`: all that is stored, of all owners, into one file."""

from __future__ import annotations

import argparse
import asyncio
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


def configure(parser: argparse.ArgumentParser) -> None:
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
            _fetch(path, arguments)
        else:
            _back_up(load_settings().database_url.get_secret_value(), path, arguments)
        print(path)
        if arguments.keep is not None and folder is not None:
            for old in rotate(folder, arguments.keep):
                print(f"deleted {old}")
    except (BackupError, StartupError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    return 0


def _back_up(url: str, path: Path, arguments: argparse.Namespace) -> None:
    if arguments.format == "mmz":
        _say(asyncio.run(back_up(url, path, verify=arguments.verify)))
        return
    source = sqlite_path(url, folder=SCHEMA.parent) if provider_of(url) == "sqlite" else None
    if source is None:
        raise BackupError("Only a file of SQLite can be copied: use --format mmz")
    copy_sqlite(source, path, verify=arguments.verify)


def _fetch(path: Path, arguments: argparse.Namespace) -> None:
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
        manifest = read_backup(part, verify=arguments.verify)
    _say(manifest)


def _say(manifest: Manifest) -> None:
    for line in said_of(manifest):
        print(line)
