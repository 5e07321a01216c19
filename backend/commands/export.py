"""`memory-mirror export`: records of one owner, as they are at this moment, into a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import BinaryIO

from backend.commands.memories import add_filters, add_owner, filters_of, on_database
from backend.engine.cli.command_error import CommandError
from backend.records import Filters
from backend.services import Services
from backend.transfer import FORMS, ExportFormat, whole_file


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="-", help="where to; - for the output (-)")
    parser.add_argument("--format", choices=FORMS, default="ndjson", help="of what (ndjson)")
    add_owner(parser)
    add_filters(parser)


def run(arguments: argparse.Namespace) -> int:
    filters = filters_of(arguments)

    async def write(services: Services, output: BinaryIO) -> None:
        await _write(services, filters, arguments.format, output)

    if arguments.file == "-":
        on_database(lambda services: write(services, sys.stdout.buffer), owner=arguments.owner)
        return 0
    try:
        with whole_file(Path(arguments.file)) as part, part.open("wb") as output:
            on_database(lambda services: write(services, output), owner=arguments.owner)
    except OSError as error:
        raise CommandError(f"{arguments.file} cannot be written: {error.strerror}") from error
    return 0


async def _write(
    services: Services, filters: Filters, format_: ExportFormat, output: BinaryIO
) -> None:
    async with services.exports.export(filters, format_) as parts:
        async for part in parts:
            output.write(part)
    output.flush()
