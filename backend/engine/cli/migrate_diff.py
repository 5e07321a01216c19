"""`memory-mirror migrate diff`: what leads from one schema to another."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..migrate.config import load_config
from ..migrate.diff import Difference, Side, diff
from .command_error import CommandError
from .prisma import (
    Log,
    add_json,
    add_schema,
    database_url,
    environment_of,
    find_schema,
    run_command,
    say,
    say_json,
    say_on_stderr,
    shadow_url,
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compares two sources and shows what leads from the first to the second, as a summary or"
        " as a SQL script. Writes to no database."
    )
    for word in ("from", "to"):
        _add_side(parser, word)
    parser.add_argument("-o", "--output", type=Path, help="write to a file instead of stdout")
    parser.add_argument("--script", action="store_true", help="a SQL script, not a summary")
    parser.add_argument(
        "--exit-code", action="store_true", help="exit with: empty 0, error 1, not empty 2"
    )
    parser.add_argument(
        "--shadow-database-url",
        metavar="URL",
        help="a database that may be emptied, to run migrations on (SHADOW_DATABASE_URL)",
    )
    add_schema(parser)
    add_json(parser)


def _add_side(parser: argparse.ArgumentParser, word: str) -> None:
    """Prisma 7's flags, and those of Prisma 6 that mean the same."""
    group = parser.add_argument_group(f"{word}").add_mutually_exclusive_group(required=True)
    group.add_argument(f"--{word}-empty", action="store_true", help="nothing")
    group.add_argument(
        f"--{word}-schema",
        f"--{word}-schema-datamodel",
        type=Path,
        metavar="PATH",
        help="the models of a Prisma schema",
    )
    group.add_argument(
        f"--{word}-migrations", type=Path, metavar="PATH", help="a migrations folder"
    )
    group.add_argument(
        f"--{word}-config-datasource",
        action="store_true",
        help="the database that the schema's url names",
    )
    group.add_argument(
        f"--{word}-schema-datasource",
        type=Path,
        metavar="PATH",
        help="the database that another schema's url names",
    )
    group.add_argument(f"--{word}-url", metavar="URL", help="a database")


def run(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        # stdout is for the difference alone.
        base, environment = _base(arguments)
        found = await diff(
            _side(arguments, "from"),
            _side(arguments, "to"),
            script=arguments.script,
            config=load_config(base / "schema.prisma"),
            base=base,
            shadow_url=shadow_url(arguments, base / "schema.prisma", environment),
            log=say_on_stderr,
        )
        _write(found, arguments)
        return 2 if arguments.exit_code and not found.is_empty else 0

    return run_command(arguments, work)


def _write(found: Difference, arguments: argparse.Namespace) -> None:
    if arguments.json:
        say_json({"isEmpty": found.is_empty, "text": found.text})
    elif arguments.output is not None:
        arguments.output.write_text(found.text, encoding="utf-8")
    else:
        say(found.text.removesuffix("\n"))


def _base(arguments: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """The folder of the schema that this is about: whose prisma.toml and .env count."""
    paths = (
        arguments.schema,
        arguments.from_schema,
        arguments.to_schema,
        arguments.from_schema_datasource,
        arguments.to_schema_datasource,
    )
    for path in paths:
        if path is not None:
            schema = find_schema(path)
            return schema.parent, environment_of(schema)
    for migrations in (arguments.from_migrations, arguments.to_migrations):
        if migrations is not None:
            return migrations.resolve().parent, environment_of(migrations.resolve())
    try:
        schema = find_schema(None)
    except CommandError:  # two databases may be compared without any schema
        schema = Path.cwd() / "schema.prisma"
    return schema.parent, environment_of(schema)


def _side(arguments: argparse.Namespace, word: str) -> Side:
    def argument(name: str) -> object:
        return getattr(arguments, f"{word}_{name}")

    if argument("empty"):
        return Side("empty")
    if argument("schema"):
        return Side("schema", find_schema(Path(str(argument("schema")))))
    if argument("migrations"):
        path = Path(str(argument("migrations")))
        if not path.is_dir():
            raise CommandError(f"--{word}-migrations: {path} is not a folder")
        return Side("migrations", path.resolve())
    if argument("url"):
        return Side("database", url=str(argument("url")))
    other = argument("schema_datasource")
    schema = find_schema(arguments.schema if other is None else Path(str(other)))
    return Side("database", url=database_url(schema, environment_of(schema)))
