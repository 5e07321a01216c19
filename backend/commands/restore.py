"""`memory-mirror restore`: a backup, brought into a database."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from backend.commands.progress import shown_progress
from backend.commands.setup import SCHEMA
from backend.engine.cli.command_error import CommandError
from backend.engine.errors import EngineError
from backend.transfer import BackupError, restore

_EPILOG = """\
exit codes:
  0    all of it is restored
  1    it is no whole backup, or the database cannot be used or is not empty; it is as it was
  2    wrong arguments
  130  interrupted; the database is as it was
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("file", type=Path, help="what `memory-mirror backup` has written")
    parser.add_argument("--into", required=True, metavar="URL", help="the database")
    parser.add_argument("--force", action="store_true", help="replace all that is stored there")
    parser.add_argument("--json", action="store_true", help="answer with a summary in JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        with shown_progress("rows read") as show:
            restored = asyncio.run(
                restore(
                    arguments.file,
                    arguments.into,
                    schema=SCHEMA,
                    force=arguments.force,
                    note=lambda rows, total: show(rows, total=total) if show else None,
                )
            )
    except (BackupError, EngineError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or arguments.file}: {error.strerror}") from error
    if arguments.json:
        print(json.dumps(asdict(restored)))
        return 0
    print(f"{restored.rows} rows restored")
    if restored.out_of_order:
        print(
            f"Of the change log, {restored.out_of_order} numbers were committed after greater "
            "ones, an order that SQLite does not keep: `memory-mirror audit verify` says so."
        )
    return 0
