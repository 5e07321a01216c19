"""make oracle: every case on our engine and on Prisma's own client, and what came of it.

python -m oracle [--provider sqlite|postgresql] [--examples N] [--seed N] [--only TEXT]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

from oracle.calls import PROVIDERS, Case, Provider
from oracle.comparison import Comparison, Difference
from oracle.databases import Database, PostgresqlDatabase, SqliteDatabase
from oracle.differences import LISTED, Listed
from oracle.exploration import explore
from oracle.generated import Walk
from oracle.prisma import OracleError, Prisma, install
from oracle.seeds import SCHEMAS, SEEDS
from tests.postgres import PostgresServer, temporary_server

SCHEMA_FOLDER = Path(__file__).parents[1] / "tests" / "engine" / "schemas"
WRITTEN = (
    "reads",
    "filters",
    "aggregates",
    "writes",
    "nested",
    "raw",
    "transactions",
    "postgresql",
)
WANTED = 500
"""At least so many distinct queries on each database."""


class Report:
    def __init__(self) -> None:
        self.queries: dict[Provider, set[str]] = {provider: set() for provider in PROVIDERS}
        self.unlisted: list[Difference] = []
        self.listed: Counter[str] = Counter()

    def ran(self, provider: Provider, case: Case) -> None:
        self.queries[provider].add(case.key())

    def add(self, differences: list[Difference]) -> None:
        for difference in differences:
            entry = explanation(difference)
            if entry is None:
                self.unlisted.append(difference)
                print(f"\n{difference}", flush=True)
            else:
                self.listed[entry.name] += 1


def explanation(difference: Difference) -> Listed | None:
    return next((entry for entry in LISTED if entry.explains(difference)), None)


def written_cases() -> list[Case]:
    return [case for name in WRITTEN for case in import_module(f"oracle.cases.{name}").CASES]


@contextmanager
def _postgres(providers: tuple[Provider, ...]) -> Iterator[PostgresServer | None]:
    if "postgresql" not in providers:
        yield None
        return
    with ExitStack() as stack:
        servers = temporary_server()
        stack.callback(servers.close)  # type: ignore[attr-defined]
        yield next(servers)


def _databases(
    provider: Provider, schema: str, folder: Path, server: PostgresServer | None
) -> tuple[Database, Database]:
    if provider == "sqlite":
        return SqliteDatabase(folder, f"{schema}_ours"), SqliteDatabase(folder, f"{schema}_theirs")
    assert server is not None
    ours, theirs = (
        PostgresqlDatabase(server.url(server.create_database(f"{schema}_{side}"), tcp=True))
        for side in ("ours", "theirs")
    )
    return ours, theirs


async def _run(options: argparse.Namespace, providers: tuple[Provider, ...]) -> Report:
    report = Report()
    written = written_cases()
    prisma = await Prisma.start()
    with _postgres(providers) as server, tempfile.TemporaryDirectory(prefix="oracle-") as name:
        folder = Path(name)
        for provider in providers:
            for schema in SCHEMAS[provider]:
                databases = _databases(provider, schema, folder, server)
                comparison = Comparison(schema, provider, prisma, databases)
                ddl = (SCHEMA_FOLDER / f"{schema}.{provider}.sql").read_text()
                schema_text = (SCHEMA_FOLDER / f"{schema}.prisma").read_text()
                await comparison.open(schema_text, ddl, SEEDS[schema]())
                cases = [
                    case for case in written if case.schema == schema and provider in case.providers
                ]
                cases = [case for case in cases if options.only in str(case)]
                for case in cases:
                    report.ran(provider, case)
                    report.add(await comparison.run(case))
                generated = await _explore(comparison, report, options)
                await comparison.close()
                print(
                    f"{provider:10} {schema:8} {len(cases):5} written {generated:5} generated",
                    flush=True,
                )
    await prisma.stop()
    return report


async def _explore(comparison: Comparison, report: Report, options: argparse.Namespace) -> int:
    """hypothesis is synchronous: it runs in a thread and asks this loop for each case."""
    loop = asyncio.get_running_loop()

    def agrees(case: Case) -> bool:
        found = asyncio.run_coroutine_threadsafe(comparison.run(case), loop).result()
        report.ran(comparison.provider, case)
        listed = [difference for difference in found if explanation(difference)]
        report.add(listed)
        return len(listed) == len(found)

    walk = Walk(comparison.datamodel, comparison.records, comparison.provider)
    number, differing = await asyncio.to_thread(
        explore, walk, comparison.name, options.examples, options.seed, agrees
    )
    if differing is not None:
        report.add(await comparison.run(differing))
    return number


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m oracle", description="Our engine beside Prisma's own client."
    )
    parser.add_argument("--provider", choices=PROVIDERS, help="only this database")
    parser.add_argument(
        "--examples",
        type=int,
        default=150,
        help="different generated cases for each schema and database",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the generated cases")
    parser.add_argument("--only", default="", help="only cases whose text holds this")
    options = parser.parse_args()
    providers: tuple[Provider, ...] = (options.provider,) if options.provider else PROVIDERS
    try:
        install()
        report = asyncio.run(_run(options, providers))
    except OracleError as error:
        print(f"The oracle failed: {error}", file=sys.stderr)
        return 2
    return _verdict(report, providers, whole=not options.only and options.provider is None)


def _verdict(report: Report, providers: tuple[Provider, ...], *, whole: bool) -> int:
    for provider in providers:
        print(f"{provider}: {len(report.queries[provider])} distinct queries")
    for name, times in report.listed.most_common():
        print(f"listed: {times:4} x {name}")
    print(f"differences that are not listed: {len(report.unlisted)}")
    stale = [entry.name for entry in LISTED if whole and not report.listed[entry.name]]
    few = [provider for provider in providers if whole and len(report.queries[provider]) < WANTED]
    if stale:
        print(f"listed, but seen no more: {', '.join(stale)}")
    if few:
        print(f"fewer than {WANTED} distinct queries: {', '.join(few)}")
    return 1 if report.unlisted or stale or few else 0


if __name__ == "__main__":
    sys.exit(main())
