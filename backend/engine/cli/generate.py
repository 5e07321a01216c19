"""`memory-mirror generate`: the Prisma client, from schema.prisma."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ..generate.generate import GenerateError, generate
from ..wasm.packages import PackagesError
from ..wasm.schema import SchemaError
from .command_error import CommandError

Log = Callable[[str], None]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schema", type=Path, default=Path("prisma/schema.prisma"), help="(%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    generate_client(arguments.schema, log=print)
    return 0


def generate_client(schema: Path, *, log: Log) -> None:
    try:
        generate(schema, log=log)
    except (SchemaError, GenerateError, PackagesError) as error:
        raise CommandError(str(error)) from error


def generate_if_asked(arguments: argparse.Namespace, schema: Path, *, log: Log) -> None:
    """After a command that changes the database: unless --skip-generate, or without a generator
    block for this client."""
    if not arguments.skip_generate and "prisma-client-py" in schema.read_text(encoding="utf-8"):
        generate_client(schema, log=log)
