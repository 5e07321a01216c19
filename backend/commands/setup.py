"""`memory-mirror setup`: what must be there before the service can be served."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
from pathlib import Path

from backend.core.config import load_settings
from backend.core.database import Database
from backend.core.errors import StartupError
from backend.core.owners import ROLE
from backend.core.role import make_role
from backend.engine.cli.command_error import CommandError
from backend.engine.cli.generate import generate_client
from backend.engine.cli.prisma import environment_of
from backend.engine.datasource import provider_of
from backend.engine.errors import EngineError
from backend.engine.generate import entry
from backend.engine.generate.artifact import StaleClientError, load_artifact
from backend.engine.migrate.deploy import deploy
from backend.engine.migrate.direct import direct_url
from backend.engine.wasm import modules
from backend.engine.wasm.compiler import module_file
from backend.engine.wasm.packages import PackagesError, fetch

PROJECT = Path(__file__).resolve().parents[2]
NODE_REQUIREMENTS = PROJECT / "requirements-node.txt"
SCHEMA = PROJECT / "prisma" / "schema.prisma"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Fetch Prisma's WebAssembly packages, generate the Prisma client, and apply the"
        " migrations to DATABASE_URL. What is up to date is left as it is."
    )
    parser.add_argument(
        "--no-migrations", action="store_true", help="do not touch, nor make, the database"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        url = load_settings().database_url.get_secret_value()
        packages = fetch(SCHEMA.parent, log=_say, node_requirements=NODE_REQUIREMENTS)
        if not _client_is_current():
            generate_client(SCHEMA, log=_say)
            modules.load(module_file(packages, provider_of(url)), log=_say)
        if not arguments.no_migrations:
            _migrate(url)
    except (StartupError, PackagesError, EngineError, OSError) as error:
        raise CommandError(str(error)) from error
    return 0


def _client_is_current() -> bool:
    """Without the schema's WebAssembly, which the full check needs."""
    package = importlib.util.find_spec("prisma")
    if package is None or package.origin is None:
        return False
    folder = Path(package.origin).parent
    try:
        artifact = load_artifact(folder)
    except StaleClientError:
        return False
    return artifact["source"] == str(SCHEMA) and entry.is_installed(folder)


def _migrate(url: str) -> None:
    url = direct_url(SCHEMA.read_text("utf-8"), url, environment_of(SCHEMA))
    deployed = asyncio.run(deploy(SCHEMA, url, log=_say))
    asyncio.run(_make_role(url))
    for name in deployed.edited:
        _say(f"Migration `{name}` was edited after it was applied to this database")
    for name in deployed.missing:
        _say(f"Migration `{name}` was applied to this database but is not in prisma/migrations")


async def _make_role(url: str) -> None:
    database = Database(url)
    await database.connect()
    try:
        for_administrator = await make_role(database)
    finally:
        await database.disconnect()
    if for_administrator is not None:
        _say(f"This user may not make the role {ROLE}. An administrator of the database can:")
        print(for_administrator, flush=True)


def _say(step: str) -> None:
    print(f"set-up: {step}", flush=True)
