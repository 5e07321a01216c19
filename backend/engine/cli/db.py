"""`memory-mirror db push | pull | execute`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ..errors import EngineError
from ..migrate.execute import execute
from ..migrate.pull import pull
from ..migrate.push import Pushed, push
from .command_error import CommandError
from .generate import generate_if_asked
from .prisma import (
    Log,
    Parser,
    add_database,
    add_json,
    confirm,
    is_interactive,
    project_of,
    run_command,
    say,
    say_json,
    say_on_stderr,
)


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    command = commands.add_parser("push", help="push the Prisma schema state to the database")
    add_database(command)
    add_json(command)
    command.add_argument(
        "--accept-data-loss", action="store_true", help="ignore data loss warnings"
    )
    command.add_argument(
        "--force-reset", action="store_true", help="force a reset of the database before push"
    )
    command.add_argument(
        "--skip-generate", action="store_true", help="do not generate the client afterwards"
    )
    command.set_defaults(command=_push)

    command = commands.add_parser("pull", help="pull the schema from an existing database")
    add_database(command)
    command.add_argument("--force", action="store_true", help="ignore current Prisma schema file")
    command.add_argument(
        "--print", action="store_true", help="print the schema to stdout instead of writing it"
    )
    command.set_defaults(command=_pull)

    command = commands.add_parser("execute", help="execute SQL or scripts on your database")
    add_database(command)
    script = command.add_mutually_exclusive_group(required=True)
    script.add_argument("--file", type=Path, help="the script to execute")
    script.add_argument("--stdin", action="store_true", help="read the script from stdin")
    command.set_defaults(command=_execute)


def run(arguments: argparse.Namespace) -> int:
    code: int = arguments.command(arguments)
    return code


def _push(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        began = time.monotonic()
        accepts: bool = arguments.accept_data_loss
        pushed = await push(project, accept_data_loss=accepts, force_reset=arguments.force_reset)
        if pushed.unexecutable:
            raise _unexecutable(pushed)
        if pushed.warnings and not accepts:
            _tell(pushed, log)
            if not _accepts_loss(arguments):
                return 130
            pushed = await push(project, accept_data_loss=True)
        if arguments.json:
            say_json({"executedSteps": pushed.steps, "warnings": pushed.warnings})
        elif pushed.steps or arguments.force_reset:
            seconds = time.monotonic() - began
            say(f"\nYour database is now in sync with your Prisma schema. Done in {seconds:.2f}s")
        else:
            say("\nThe database is already in sync with the Prisma schema.")
        generate_if_asked(arguments, project.schema_path, log=log)
        return 0

    return run_command(arguments, work)


def _unexecutable(pushed: Pushed) -> EngineError:
    steps = "\n".join(f"  \u2022 {step}" for step in pushed.unexecutable)
    return EngineError(
        None,
        f"We found changes that cannot be executed:\n\n{steps}\n\n"
        "You may use the --force-reset flag to drop the database before push like "
        "memory-mirror db push --force-reset\nAll data will be lost.",
        {"unexecutable": list(pushed.unexecutable)},
    )


def _tell(pushed: Pushed, log: Log) -> None:
    log("\nThere might be data loss when applying the changes:\n")
    for warning in pushed.warnings:
        log(f"  \u2022 {warning}\n")


def _accepts_loss(arguments: argparse.Namespace) -> bool:
    if arguments.json or not is_interactive():
        raise EngineError(
            None,
            "Use the --accept-data-loss flag to ignore the data loss warnings like "
            "memory-mirror db push --accept-data-loss",
        )
    if confirm("Do you want to ignore the warning(s)?"):
        return True
    say("Push cancelled.")
    return False


def _pull(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, say_on_stderr if arguments.print else log)
        project.log(project.target.describe())
        try:
            pulled = await pull(project, force=arguments.force)
        except EngineError as error:
            if error.code == "P4001":
                raise EngineError("P4001", _EMPTY) from error
            raise
        if arguments.print:
            say(pulled.schema)
        else:
            project.schema_path.write_text(pulled.schema, encoding="utf-8")
            models = "1 model" if pulled.models == 1 else f"{pulled.models} models"
            say(f"\nIntrospected {models} and wrote them into {project.schema_path}")
            say("Run memory-mirror generate to generate Prisma Client.")
        if pulled.warnings:
            say_on_stderr(f"\n{pulled.warnings}")
        return 0

    return run_command(arguments, work)


_EMPTY = """The introspected database was empty:

memory-mirror db pull could not create any models in your schema.prisma file.

To fix this, you have two options:

- manually create a table in your database.
- make sure the database connection URL points to a database that is not empty.

Then you can run memory-mirror db pull again."""


def _execute(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        await execute(project_of(arguments, log), script)
        say("Script executed successfully.")
        return 0

    script = sys.stdin.read() if arguments.stdin else _read(arguments.file)
    return run_command(arguments, work)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CommandError(f"Provided --file at {path} doesn't exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
