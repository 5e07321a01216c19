"""The program in the engine's README runs and prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.engine.sqlite_types import make_database

ROOT = Path(__file__).parents[2]
README = (ROOT / "backend/engine/README.md").read_text()


def test_the_program_prints_what_it_says(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL)
    assert found is not None
    program, output = found.groups()
    scripts = sorted((ROOT / "prisma/migrations/sqlite").glob("*/migration.sql"))
    url = make_database(tmp_path / "readme.db", "".join(path.read_text() for path in scripts))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    assert done.stdout == output


def test_every_file_that_it_names_exists() -> None:
    table = README.partition("## Where things are")[2].partition("##")[0]
    for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", table):
        assert (ROOT / "backend/engine" / name).exists(), name
