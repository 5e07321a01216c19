"""`memory-mirror export`: records of one owner, as they are at this moment, into a file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from backend.commands.memories import (
    add_filters,
    add_owner,
    add_service,
    asked,
    filter_params,
    filters_of,
)
from backend.commands.progress import shown_progress
from backend.engine.cli.command_error import CommandError
from backend.services import Services
from backend.transfer import FORMS, whole_file

if TYPE_CHECKING:
    from backend.commands.running_service import RunningService

_EPILOG = """\
exit codes:
  0    the file, or the output, is whole
  1    the database cannot be used, the service does not answer or refuses, or the file cannot be
       written
  2    wrong arguments
  130  interrupted; no file is left
"""


@dataclass(slots=True)
class _Exported:
    file: str
    format: str
    bytes: int = 0
    records: int | None = None
    """None: the service has not said."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("file", nargs="?", default="-", help="where to; - for the output (-)")
    parser.add_argument("--format", choices=FORMS, default="ndjson", help="of what (ndjson)")
    parser.add_argument(
        "--with-history",
        action="store_true",
        help="with all changes of each record, for import --with-history (ndjson)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="answer with a summary in JSON; where the output has the records, among the errors",
    )
    add_owner(parser)
    add_service(parser)
    add_filters(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.with_history and arguments.format != "ndjson":
        raise CommandError("--with-history is for NDJSON", code=2)
    exported = _Exported(arguments.file, arguments.format)
    if arguments.file == "-":
        _export(arguments, sys.stdout.buffer, exported)
        sys.stdout.buffer.flush()
    else:
        try:
            with whole_file(Path(arguments.file)) as part, part.open("wb") as output:
                _export(arguments, output, exported)
        except OSError as error:
            raise CommandError(f"{arguments.file} cannot be written: {error.strerror}") from error
    if arguments.json:
        from pydantic_core import to_json

        print(to_json(exported).decode(), file=sys.stderr if arguments.file == "-" else sys.stdout)
    return 0


def _export(arguments: argparse.Namespace, output: BinaryIO, exported: _Exported) -> None:
    filters, format_ = filters_of(arguments), arguments.format
    # What is read on a terminal is not to be mixed with it.
    quiet = arguments.file == "-" and sys.stdout.isatty()

    async def write(services: Services) -> None:
        exported.records = 0
        with shown_progress("records", quiet=quiet) as show:
            total = await services.database.count(filters) if show else None

            def note(records: int) -> None:
                exported.records = (exported.records or 0) + records
                if show:
                    show(exported.records, total=total)

            async with services.exports.export(
                filters, format_, note, with_history=arguments.with_history
            ) as parts:
                async for part in parts:
                    exported.bytes += output.write(part)

    def fetch(service: RunningService) -> None:
        params = {"format": format_, **filter_params(arguments)}
        if arguments.with_history:
            params["with_history"] = "true"
        with (
            shown_progress("bytes", quiet=quiet) as show,
            service.stream("GET", "/api/export", params=params) as answer,
        ):
            for part in answer.iter_bytes():
                exported.bytes += output.write(part)
                if show:
                    show(exported.bytes)

    asked(arguments, write, fetch, owner=arguments.owner)
