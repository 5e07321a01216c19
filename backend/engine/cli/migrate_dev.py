"""`memory-mirror migrate dev`: the next migration, written and applied."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ..errors import EngineError
from ..migrate.dev import (
    DevCancelledError,
    Developed,
    Questions,
    ResetNeededError,
    dev,
)
from ..migrate.project import Project
from .generate import generate_if_asked
from .prisma import (
    Log,
    add_database,
    add_json,
    confirm,
    files_of,
    is_interactive,
    project_of,
    run_command,
    say_json,
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_database(parser)
    add_json(parser)
    parser.add_argument("-n", "--name", help="name the migration")
    parser.add_argument(
        "--create-only",
        action="store_true",
        help="create a new migration but do not apply it; it is empty if nothing has changed",
    )
    parser.add_argument("--accept-data-loss", action="store_true", help="ignore data loss warnings")
    parser.add_argument(
        "--skip-generate", action="store_true", help="do not generate the client afterwards"
    )
    parser.add_argument(
        "--shadow-database-url",
        metavar="URL",
        help="a database that may be emptied, to try migrations on (SHADOW_DATABASE_URL)",
    )


def run(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        try:
            done = await dev(
                project, _Terminal(arguments, log).questions(), create_only=arguments.create_only
            )
        except ResetNeededError as reason:
            return _tell_reset(str(reason), project, arguments, log)
        except DevCancelledError:
            log("Migration cancelled.")
            return 130
        if arguments.json:
            folders = [str(folder.path / done.name) for folder in done.created]
            say_json({"applied": done.applied, "created": folders})
        else:
            _tell(done, log, create_only=arguments.create_only)
        if not arguments.create_only:
            generate_if_asked(arguments, project.schema_path, log=log)
        return 0

    return run_command(arguments, work)


class _Terminal:
    def __init__(self, arguments: argparse.Namespace, log: Log) -> None:
        self._arguments = arguments
        self._log = log
        self._may_ask = is_interactive() and not arguments.json

    def questions(self) -> Questions:
        return Questions(self._name, self._accepts, self._unexecutable, self._applied)

    def _name(self) -> str:
        given: str | None = self._arguments.name
        if given is not None or not self._may_ask:
            return given or ""
        try:
            return input("Enter a name for the new migration: ")
        except EOFError as error:
            raise DevCancelledError from error

    def _accepts(self, warnings: Sequence[str]) -> bool:
        self._log("\nWarnings for the current datasource:\n")
        for warning in warnings:
            self._log(f"  \u2022 {warning}")
        if self._arguments.accept_data_loss:
            return True
        if not self._may_ask:
            raise EngineError(
                None,
                "Prisma Migrate has detected that the environment is non-interactive, in which it "
                "cannot ask about these warnings.\n\n"
                "Use the --accept-data-loss flag to ignore them. To apply existing migrations in "
                "deployments, use memory-mirror migrate deploy.",
                {"warnings": list(warnings)},
            )
        what = "create" if self._arguments.create_only else "create and apply"
        return confirm(f"\nAre you sure you want to {what} this migration?")

    def _unexecutable(self, steps: Sequence[str]) -> None:
        listed = "\n".join(f"  \u2022 {step}" for step in steps)
        text = f"We found changes that cannot be executed:\n\n{listed}\n"
        if self._arguments.create_only:
            self._log(f"\n{text}")
            return
        raise EngineError(
            None,
            f"{text}\nYou can use memory-mirror migrate dev --create-only to create the migration "
            "file, and manually modify it to address the underlying issue(s).\n"
            "Then run memory-mirror migrate dev to apply it and verify it works.",
            {"unexecutable": list(steps)},
        )

    def _applied(self, names: Sequence[str]) -> None:
        if names:
            self._log(
                "\nThe following migration(s) have been applied:\n\n" + files_of(tuple(names))
            )


def _tell(done: Developed, log: Log, *, create_only: bool) -> None:
    folders = [f"{os.path.relpath(folder.path)}/{done.name}/" for folder in done.created]
    listed = "\n".join(f"  \u2514\u2500 {folder}migration.sql" for folder in folders)
    if create_only:
        log(
            "\nPrisma Migrate created the following migration without applying it\n"
            f"{listed}\n\n"
            "You can now edit it and apply it by running memory-mirror migrate dev."
        )
    elif done.created:
        log(
            "\nThe following migration(s) have been created and applied from new schema changes:\n"
            f"\n{listed}\n\nYour database is now in sync with your schema."
        )
    elif done.applied:
        log("\nYour database is now in sync with your schema.")
    else:
        log("\nAlready in sync, no schema change or pending migration was found.")


def _tell_reset(reason: str, project: Project, arguments: argparse.Namespace, log: Log) -> int:
    target = project.target
    what = (
        f'the "{target.schema}" schema' if target.schema else f'the SQLite database "{target.name}"'
    )
    if arguments.json:
        say_json({"error": {"code": None, "message": reason, "meta": {"action": "reset"}}})
        return 130
    log(
        f'\n{reason}\nWe need to reset {what} at "{target.location}"\n\n'
        "You may use memory-mirror migrate reset to drop the development database.\n"
        "All data will be lost."
    )
    return 130
