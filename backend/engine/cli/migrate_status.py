"""`memory-mirror migrate status`: exit code 0 where the database is up to date, else 1."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..migrate.status import Status, status
from .prisma import (
    Log,
    found_in,
    project_of,
    run_command,
    say,
    say_json,
    say_on_stderr,
)


def run(arguments: argparse.Namespace) -> int:
    async def work(log: Log) -> int:
        project = project_of(arguments, log)
        log(project.target.describe())
        found = await status(project)
        if arguments.json:
            say_json(_as_json(found))
        else:
            say(found_in(len(found.found), project.folder.path))
            _tell(found)
        return 0 if _is_good(found) else 1

    return run_command(arguments, work)


def _is_good(found: Status) -> bool:
    comparison = found.comparison
    return found.has_history and comparison.up_to_date and not comparison.missing


def _as_json(found: Status) -> dict[str, object]:
    comparison = found.comparison
    return {
        "isUpToDate": _is_good(found),
        "hasMigrationsTable": found.has_history,
        "pending": [migration.name for migration in comparison.pending],
        "failed": [row.migration_name for row in comparison.failed],
        "edited": comparison.edited,
        "missing": comparison.missing,
    }


def _tell(found: Status) -> None:
    """As Prisma's CLI tells it (MigrateStatus.ts 7.10), and of what it leaves out: migrations
    that were edited, or are missing while none is pending."""
    comparison = found.comparison
    pending = [migration.name for migration in comparison.pending]
    if comparison.edited:
        say_on_stderr(
            "\nWARNING The following migrations have been modified since they were applied:\n"
            + "\n".join(comparison.edited)
        )
    if comparison.failed:
        _tell_failed([row.migration_name for row in comparison.failed])
    elif comparison.missing:
        _tell_diverged(comparison.last_common, pending, comparison.missing)
    elif found.found and not found.has_history:
        _tell_pending(pending)
    elif not found.has_history:
        say_on_stderr(
            "\nThe current database is not managed by Prisma Migrate.\n\n"
            "Read more about how to baseline an existing production database:\n"
            "https://pris.ly/d/migrate-baseline"
        )
    elif pending:
        _tell_pending(pending)
    else:
        say("\nDatabase schema is up to date!")


def _tell_pending(names: Sequence[str]) -> None:
    plural = "s" if len(names) > 1 else ""
    say(
        f"\nFollowing migration{plural} have not yet been applied:\n" + "\n".join(names) + "\n\n"
        "To apply migrations in development run memory-mirror migrate dev.\n"
        "To apply migrations in production run memory-mirror migrate deploy."
    )


def _tell_diverged(common: str | None, pending: Sequence[str], missing: Sequence[str]) -> None:
    text = (
        "\nYour local migration history and the migrations table from your database are "
        f"different:\n\nThe last common migration is: {common}\n"
    )
    if pending:
        plural = "s" if len(pending) > 1 else ""
        text += f"\nThe migration{plural} have not yet been applied:\n" + "\n".join(pending) + "\n"
    plural = "s" if len(missing) > 1 else ""
    text += f"\nThe migration{plural} from the database are not found locally:\n"
    say_on_stderr(text + "\n".join(missing))


def _tell_failed(names: Sequence[str]) -> None:
    plural = "s" if len(names) > 1 else ""
    say_on_stderr(
        f"\nFollowing migration{plural} have failed:\n" + "\n".join(names) + "\n\n"
        "During development if the failed migration(s) have not been deployed to a production "
        "database you can then fix the migration(s) and run memory-mirror migrate dev.\n\n"
        "The failed migration(s) can be marked as rolled back or applied:\n\n"
        "- If you rolled back the migration(s) manually:\n"
        f'memory-mirror migrate resolve --rolled-back "{names[0]}"\n\n'
        "- If you fixed the database manually (hotfix):\n"
        f'memory-mirror migrate resolve --applied "{names[0]}"\n\n'
        "Read more about how to resolve migration issues in a production database:\n"
        "https://pris.ly/d/migrate-resolve"
    )
