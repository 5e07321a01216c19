"""`memory-mirror restore`: a backup, brought into a database."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from backend.commands.setup import SCHEMA
from backend.engine.cli.command_error import CommandError
from backend.engine.errors import EngineError
from backend.transfer import BackupError, restore


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `memory-mirror backup` has written")
    parser.add_argument("--into", required=True, metavar="URL", help="the database")
    parser.add_argument("--force", action="store_true", help="replace all that is stored there")


def run(arguments: argparse.Namespace) -> int:
    try:
        restored = asyncio.run(
            restore(arguments.file, arguments.into, schema=SCHEMA, force=arguments.force)
        )
    except (BackupError, EngineError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename or arguments.file}: {error.strerror}") from error
    print(f"{restored.rows} rows restored")
    if restored.out_of_order:
        print(
            f"Of the change log, {restored.out_of_order} numbers were committed after greater "
            "ones, an order that SQLite does not keep: `memory-mirror audit verify` says so."
        )
    return 0
