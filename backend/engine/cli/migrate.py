"""`memory-mirror migrate dev | deploy | status | diff | reset | resolve`."""

from __future__ import annotations

import argparse

from ..cli import migrate_dev, migrate_diff, migrate_status
from ..errors import EngineError
from ..migrate.deploy import LOCK_TIMEOUT, Deployed, deploy
from ..migrate.reset import reset
from ..migrate.resolve import mark_applied, mark_rolled_back
from .prisma import (
    Log,
    Parser,
    add_database,
    add_json,
    confirm,
    files_of,
    found_in,
    is_interactive,
    project_of,
    run_command,
    say,
    say_json,
)


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    command = commands.add_parser(
        "dev", help="create a migration from changes in the schema, and apply it"
    )
    migrate_dev.configure(command)
    command.set_defaults(command=migrate_dev.run)

    command = commands.add_parser("deploy", help="apply pending migrations to the database")
    add_database(command)
    add_json(command)
    command.add_argument(
        "--lock-timeout",
        type=float,
        default=LOCK_TIMEOUT,
        metavar="SECONDS",
        help="how long to wait for another deploy (%(default)s)",
    )
    command.set_defaults(command=_deploy)

    command = commands.add_parser("status", help="check the status of your database migrations")
    add_database(command)
    add_json(command)
    command.set_defaults(command=migrate_status.run)

    command = commands.add_parser(
        "diff", help="compare the database schema from two arbitrary sources"
    )
    migrate_diff.configure(command)
    command.set_defaults(command=migrate_diff.run)

    command = commands.add_parser(
        "reset", help="reset your database and apply all migrations, all data will be lost"
    )
    add_database(command)
    add_json(command)
    command.add_argument("-f", "--force", action="store_true", help="skip the confirmation prompt")
    command.set_defaults(command=_reset)

    command = commands.add_parser("resolve", help="mark a migration as applied or rolled back")
    add_database(command)
    add_json(command)
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--applied", metavar="NAME", help="record a migration as applied")
    which.add_argument("--rolled-back", metavar="NAME", help="record a migration as rolled back")
    command.set_defaults(command=_resolve)


def run(arguments: argparse.Namespace) -> int:
    code: int = arguments.command(arguments)
    return code


def _deploy(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        done = await deploy(
            project.schema_path, project.url, log=log, lock_timeout=arguments.lock_timeout
        )
        _warn(done, log)
        if arguments.json:
            say_json(
                {
                    "found": done.found,
                    "applied": done.applied,
                    "edited": done.edited,
                    "missing": done.missing,
                }
            )
            return 0
        say(f"{found_in(done.found, project.folder.path)}\n")
        if done.applied:
            say(f"The following migration(s) have been applied:\n\n{files_of(done.applied)}\n")
            say("All migrations have been successfully applied.")
        else:
            say("No pending migrations to apply.")
        return 0

    return run_command(arguments, work)


def _warn(done: Deployed, log: Log) -> None:
    if done.edited:
        log("\nWARNING The following migrations have been modified since they were applied:")
        log("\n".join(done.edited))
    if done.missing:
        log("\nWARNING The following migrations are applied but missing from the local folder:")
        log("\n".join(done.missing))


def _reset(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        if not arguments.force:
            if arguments.json or not is_interactive():
                raise EngineError(
                    None,
                    "Prisma Migrate has detected that the environment is non-interactive. It is "
                    "recommended to run this command in an interactive environment.\n\n"
                    "Use --force to run this command without user interaction.",
                )
            if not confirm("Are you sure you want to reset your database? All data will be lost."):
                say("\nReset cancelled.")
                return 130
        done = await reset(project)
        if arguments.json:
            say_json({"applied": done.applied})
            return 0
        say("\nDatabase reset successful")
        if done.applied:
            say(f"\nThe following migration(s) have been applied:\n\n{files_of(done.applied)}")
        return 0

    return run_command(arguments, work)


def _resolve(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        name: str = arguments.applied or arguments.rolled_back
        if arguments.applied:
            await mark_applied(project, name)
            became = "applied"
        else:
            await mark_rolled_back(project, name)
            became = "rolled back"
        if arguments.json:
            say_json({"migration": name, "state": became})
        else:
            say(f"\nMigration {name} marked as {became}.")
        return 0

    return run_command(arguments, work)
