"""`memory-mirror format`: a Prisma schema as Prisma would write it."""

from __future__ import annotations

import argparse
import os
import time

from ..wasm.packages import PackagesError, locate
from ..wasm.schema import SchemaError, SchemaTools
from .command_error import CommandError
from .prisma import add_schema, find_schema, say, say_on_stderr


def configure(parser: argparse.ArgumentParser) -> None:
    add_schema(parser)
    parser.add_argument(
        "--check", action="store_true", help="only say, by the exit code, whether it is formatted"
    )


def run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    schema = find_schema(arguments.schema)
    text = schema.read_text(encoding="utf-8")
    try:
        tools = SchemaTools(locate(schema), file_name=schema.name)
        formatted = tools.format(text)
        tools.validate(formatted)
    except (PackagesError, SchemaError) as error:
        raise CommandError(str(error)) from error
    if arguments.check:
        if text == formatted:
            say("All files are formatted correctly!")
            return 0
        say_on_stderr("There are unformatted files. Run memory-mirror format to format them.")
        return 1
    if text != formatted:
        schema.write_text(formatted, encoding="utf-8")
    say(f"Formatted {os.path.relpath(schema)} in {(time.monotonic() - began) * 1000:.0f}ms")
    return 0
