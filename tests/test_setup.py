"""`memory-mirror setup` on databases that are new, done, and not to be had."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from backend.commands.setup import SCHEMA

MIGRATIONS = sorted(path.name for path in (SCHEMA.parent / "migrations/sqlite").glob("*/"))


def setup(url: str, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "setup", *words],
        cwd=SCHEMA.parents[1],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def test_makes_the_tables_once_and_then_says_nothing(tmp_path: Path) -> None:
    url = f"file:{tmp_path / 'new.db'}"
    code, said, errors = setup(url)
    assert (code, errors) == (0, "")
    assert [name for name in MIGRATIONS if name in said] == MIGRATIONS
    database = sqlite3.connect(tmp_path / "new.db")
    recorded = database.execute("SELECT migration_name FROM _prisma_migrations ORDER BY 1")
    assert [name for (name,) in recorded] == MIGRATIONS
    assert database.execute("SELECT count(*) FROM video_analysis").fetchone() == (0,)
    database.close()

    assert setup(url) == (0, "", "")


def test_leaves_the_database_when_told(tmp_path: Path) -> None:
    assert setup(f"file:{tmp_path / 'new.db'}", "--no-migrations") == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_names_a_migration_that_is_not_in_the_folder(tmp_path: Path) -> None:
    url = f"file:{tmp_path / 'other.db'}"
    setup(url)
    database = sqlite3.connect(tmp_path / "other.db")
    database.execute(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name,"
        " applied_steps_count) VALUES ('x', 'y', 1, '29990101000000_later', 1)"
    )
    database.commit()
    database.close()
    code, said, _ = setup(url)
    assert code == 0
    assert "Migration `29990101000000_later` was applied" in said


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://localhost/x", "DATABASE_URL: must start with file: or postgresql:"),
        ("file:/proc/nowhere/x.db", "/proc/nowhere"),
        ("file:/proc", "P1003"),
    ],
)
def test_says_in_one_message_why_there_is_no_database(url: str, reason: str) -> None:
    code, _, errors = setup(url)
    assert code == 1
    assert errors.startswith("memory-mirror setup: ")
    assert reason in errors
    assert "Traceback" not in errors


def test_says_that_a_server_does_not_answer() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, _, errors = setup(f"postgresql://me:secret@127.0.0.1:{port}/x")
    assert code == 1
    assert f"P1001: Can't reach database server at 127.0.0.1:{port}" in errors
    assert "secret" not in errors
