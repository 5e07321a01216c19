"""What the commands over a Prisma schema share: which schema, which database, what to print.

Names, defaults and exit codes are those of Prisma's CLI. `--json` puts one JSON value on stdout,
also for an error, and everything else on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NoReturn

from dotenv import dotenv_values

from ..errors import EngineError
from ..migrate.direct import direct_url
from ..migrate.project import Project, open_project
from ..wasm.packages import PackagesError
from ..wasm.schema import SchemaError, connection_url
from .command_error import CommandError

OWN_SCHEMA = Path(__file__).resolve().parents[3] / "prisma" / "schema.prisma"
OWN_DEFAULT_URL = "file:./dev.db"
"""What the service's settings take where DATABASE_URL is not set."""

_LOCATIONS = (Path("prisma/schema.prisma"), Path("schema.prisma"))

Log = Callable[[str], None]


class Parser(argparse.ArgumentParser):
    """Wrong arguments end with 1, as in Prisma's CLI: `diff --exit-code` gives 2 a meaning."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


def add_schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--schema", type=Path, metavar="PATH", help="the Prisma schema (./prisma/schema.prisma)"
    )


def add_database(parser: argparse.ArgumentParser) -> None:
    add_schema(parser)
    parser.add_argument("--url", help="the database, instead of the datasource's url")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def find_schema(path: Path | None) -> Path:
    if path is not None:
        if path.is_dir():
            raise CommandError(f"{path} is a folder; schemas of several files are not supported")
        if not path.is_file():
            raise CommandError(f"Could not load --schema from provided path {path}: not found")
        return path.resolve()
    for location in _LOCATIONS:
        if location.is_file():
            return location.resolve()
    raise CommandError(
        "Could not find a schema.prisma file that is required for this command.\n"
        "You can either provide it with --schema, or put it into the default location "
        "./prisma/schema.prisma"
    )


def project_of(arguments: argparse.Namespace, log: Log) -> Project:
    """The schema and the database that the arguments, the environment and .env name."""
    schema = find_schema(arguments.schema)
    environment = environment_of(schema)
    return open_project(
        schema,
        arguments.url or database_url(schema, environment),
        log=log,
        shadow_url=shadow_url(arguments, schema, environment),
    )


def environment_of(schema: Path) -> dict[str, str]:
    """As Prisma reads it: the environment, then .env here, then .env beside the schema. What is
    empty counts as not set."""
    found: dict[str, str] = {}
    for source in (dotenv_values(schema.parent / ".env"), dotenv_values(".env"), os.environ):
        found.update({name: value for name, value in source.items() if value})
    return found


def database_url(schema: Path, environment: Mapping[str, str]) -> str:
    """The datasource's `url`; where that goes through a pooler, the direct one."""
    text = schema.read_text(encoding="utf-8")
    declared = connection_url(text)
    url = declared["value"] or environment.get(declared["fromEnvVar"] or "")
    if not url and schema == OWN_SCHEMA:
        url = OWN_DEFAULT_URL
    if not url:
        raise CommandError(f"Environment variable not found: {declared['fromEnvVar']}")
    return direct_url(text, url, environment)


def shadow_url(
    arguments: argparse.Namespace, schema: Path, environment: Mapping[str, str]
) -> str | None:
    """The flag, else the datasource's `shadowDatabaseUrl`, else SHADOW_DATABASE_URL."""
    url: str | None = getattr(arguments, "shadow_database_url", None)
    if url:
        return url
    text = schema.read_text(encoding="utf-8") if schema.is_file() else ""
    declared = connection_url(text, "shadowDatabaseUrl")
    name = declared["fromEnvVar"] or "SHADOW_DATABASE_URL"
    return declared["value"] or environment.get(name)


def run_command(
    arguments: argparse.Namespace, work: Callable[[Log], Coroutine[Any, Any, int]]
) -> int:
    """Run `work`, which is passed where to say progress, and tell its errors as Prisma's CLI."""
    as_json: bool = getattr(arguments, "json", False)
    try:
        return asyncio.run(work(say_on_stderr if as_json else say))
    except EngineError as error:
        if as_json:
            say_json({"error": {"code": error.code, "message": error.message, "meta": error.meta}})
        else:
            say_on_stderr(f"Error: {error.code}\n\n{error.message}" if error.code else str(error))
        return 1
    except (PackagesError, SchemaError) as error:
        raise CommandError(str(error)) from error


def say(line: str) -> None:
    print(line, flush=True)


def say_json(value: Any) -> None:
    say(json.dumps(value, ensure_ascii=False))


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def is_interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirm(question: str) -> bool:
    try:
        return input(f"{question} (y/N) ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def found_in(count: int, folder: Path) -> str:
    many = "1 migration" if count == 1 else f"{count or 'No'} migrations"
    return f"\n{many} found in {os.path.relpath(folder)}"


def files_of(migrations: tuple[str, ...], folder: str = "migrations") -> str:
    """Prisma's little tree (printFilesFromMigrationIds)."""
    return f"{folder}/" + "".join(
        f"\n  \u2514\u2500 {name}/\n    \u2514\u2500 migration.sql" for name in migrations
    )
