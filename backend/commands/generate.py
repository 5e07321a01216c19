"""`memory-mirror generate`: the Prisma client, from schema.prisma."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from backend.commands import CommandError
from backend.engine.generate import GenerateError, generate
from backend.engine.wasm.packages import PackagesError
from backend.engine.wasm.schema import SchemaError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schema", type=Path, default=Path("prisma/schema.prisma"), help="(%(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    generate_client(arguments.schema, log=print)
    return 0


def generate_client(schema: Path, *, log: Callable[[str], None]) -> None:
    try:
        generate(schema, log=log)
    except (SchemaError, GenerateError, PackagesError) as error:
        raise CommandError(str(error)) from error
