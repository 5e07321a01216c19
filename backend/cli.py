"""The command line `memory-mirror`: finds the command's module, runs it, ends with its exit code.

Exit codes: 0 done, 1 failed with one line on stderr, 2 wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

# name: (module with configure() and run(), what `memory-mirror --help` says of it)
COMMANDS = {
    "serve": ("backend.commands.serve", "serve the HTTP interface"),
    "generate": ("backend.engine.cli.generate", "render the Prisma client from schema.prisma"),
    "validate": ("backend.engine.cli.validate", "check schema.prisma"),
    "format": ("backend.engine.cli.format", "format schema.prisma"),
    "db": (
        "backend.engine.cli.db",
        "push, pull or execute: schema and database without migrations",
    ),
    "migrate": (
        "backend.engine.cli.migrate",
        "dev, deploy, status, diff, reset or resolve: migrations",
    ),
    "search": ("backend.commands.search", "find videos by words, or make the search index anew"),
    "import": ("backend.commands.importing", "store the records of a file"),
    "tags": ("backend.commands.tags", "list, rename, merge or delete tags or people"),
    "audit": ("backend.commands.audit", "list who changed what, seal it, or verify the seals"),
    "keys": ("backend.commands.keys", "make, list, revoke or rotate the keys of callers"),
    "duplicates": ("backend.commands.duplicates", "list videos whose descriptions say the same"),
    "stats": ("backend.commands.stats", "count what is stored"),
    "export": (
        "backend.commands.export",
        "write records into a file, in one of four formats",
    ),
    "backup": ("backend.commands.backup", "write all that is stored into one file"),
    "restore": ("backend.commands.restore", "bring a backup into a database"),
    "move": ("backend.commands.move", "bring all that is stored into another database"),
    "twelvelabs": (
        "backend.commands.twelvelabs",
        "keep the records in step with the video index",
    ),
    "worker": ("backend.commands.worker", "describe the videos of the index, beside the service"),
    "setup": ("backend.commands.setup", "do what is missing before the service can be served"),
}


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(words[0] if words else None)
    if not words:
        parser.print_help()
        return 2
    options = parser.parse_args(words)
    from backend.core import caller
    from backend.engine.cli.command_error import CommandError  # brings the engine; --help does not

    caller.command.set(words[0])
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"memory-mirror {words[0]}: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="memory-mirror",
        description="Stores the descriptions of videos and finds them again.",
        epilog="`memory-mirror COMMAND --help` explains a command. README.md shows a session.",
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(name, help=summary, description=sentence)
        if name == chosen:  # only its module is imported, to keep the others' imports away
            implementation = importlib.import_module(module)
            implementation.configure(command)
            command.set_defaults(run=implementation.run)
    return parser


class _ShowVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # 40 ms that --help does without

        print(version("memory-mirror"))
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
