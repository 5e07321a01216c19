"""Imports that are killed at random moments: `make test-imports`.

By the command and over HTTP, all or nothing and in batches, on each database: whenever it happens,
nothing is stored by halves, search agrees with the records, the import goes on when it is asked for
again, and at the end all is there as if nothing had happened. Not part of `make test`, as it takes
minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures import Database, MakeDatabase
from tests.transfer.killed_imports import (
    Command,
    ImportFile,
    Request,
    killed_until_done,
    seconds_of,
)

pytestmark = pytest.mark.timeout(3_600)

KILLS = int(os.environ.get("KILLS", "20"))
LINES = int(os.environ.get("LINES", "20000"))


def importing_of(
    how: str, database: Database, file: ImportFile, on_error: str, folder: Path
) -> Command | Request:
    if how == "command":
        return Command(database, file, on_error)
    return Request(database, file, on_error, folder)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
@pytest.mark.parametrize("how", ["command", "http"])
def test_killed_at_random_moments(
    make_database: MakeDatabase,
    tmp_path: Path,
    how: str,
    on_error: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = ImportFile(tmp_path, LINES, has_wrong=on_error == "continue")
    whole = make_database()
    longest = seconds_of(importing_of(how, whole, file, on_error, tmp_path))
    database = make_database()
    importing = importing_of(how, database, file, on_error, tmp_path)
    after = killed_until_done(importing, database, file, on_error, kills=KILLS, longest=longest)
    with capfd.disabled():
        print(f"\n{database.provider} {how} {on_error}: {longest:.1f} s unkilled; stored after each"
              f" kill: {after}")  # fmt: skip
