"""`python -m prisma`: Prisma's commands, on this engine.

The package `prisma` finds this by the `__main__.py` that `generate` writes into it (see
generate/entry.py). Exit codes are Prisma's: 0 done, 1 failed or wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .command_error import CommandError

COMMANDS = {
    "generate": ("generate", "render the Prisma client from schema.prisma"),
    "validate": ("validate", "check schema.prisma"),
    "format": ("format", "format schema.prisma"),
    "db": ("db", "push, pull or execute: schema and database without migrations"),
    "migrate": ("migrate", "dev, deploy, status, diff, reset or resolve: migrations"),
}
"""name: (module of this package with configure() and run(), what the help says of it)"""


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in (*COMMANDS, "-h", "--help"):
        print(f'Unknown command "{words[0]}". There are: {", ".join(COMMANDS)}.', file=sys.stderr)
        return 1
    parser = _parser(words[0] if words else None)
    if not words:
        parser.print_help()
        return 1
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except CommandError as error:
        print(f"prisma {words[0]}: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prisma",
        description="Prisma's commands, without Node.js and without a binary.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(name, help=summary, description=sentence)
        if name == chosen:
            implementation = importlib.import_module(f".{module}", __package__)
            implementation.configure(command)
            command.set_defaults(run=implementation.run)
    return parser
