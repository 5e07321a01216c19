"""The lines of the first version, without a network and without Node.js: `python -m prisma ...` and
`python -m uvicorn backend.main:app`."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from backend import cli
from backend.engine.cli import main as prisma

ROOT = Path(__file__).parents[1]
DEV = {"DATABASE_URL": "file:./dev.db"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the project's schema and migrations."""
    folder = tmp_path / "prisma"
    folder.mkdir()
    for name in ("schema.prisma", "prisma.toml", "package.json", "package-lock.json"):
        shutil.copy(ROOT / "prisma" / name, folder)
    shutil.copytree(ROOT / "prisma" / "migrations", folder / "migrations")
    (folder / "node_modules").symlink_to(ROOT / "prisma" / "node_modules")
    return tmp_path


def offline(**others: str) -> dict[str, str]:
    """No program of the system, such as node or npm, and no way out."""
    closed = "http://127.0.0.1:9"
    kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    return {**kept, "PATH": "", "http_proxy": closed, "https_proxy": closed, **others}


def run(
    project: Path, *words: str, environment: Mapping[str, str] = DEV
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prisma", *words],
        cwd=project,
        env=offline(**environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_db_push_makes_the_tables(project: Path) -> None:
    done = run(project, "db", "push", "--skip-generate")
    assert done.returncode == 0, done.stderr
    assert "Your database is now in sync with your Prisma schema" in done.stdout
    with sqlite3.connect(project / "prisma" / "dev.db") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert {"video_analysis", "tag", "video_tag", "segment"} <= tables


def test_generate_renders_the_client(project: Path) -> None:
    schema = project / "prisma" / "schema.prisma"
    text = schema.read_text("utf-8")
    # Not into this environment, whose client the other tests use.
    schema.write_text(
        text.replace(
            'provider             = "prisma-client-py"',
            'provider = "prisma-client-py"\n  output = "../db"',
        ),
        "utf-8",
    )
    assert schema.read_text("utf-8") != text
    done = run(project, "generate")
    assert done.returncode == 0, done.stderr
    assert "class Prisma(" in (project / "db" / "client.py").read_text("utf-8")


def test_generate_leaves_a_current_client(project: Path) -> None:
    done = run(ROOT, "generate")
    assert done.returncode == 0, done.stderr
    assert "is up to date with" in done.stdout


def test_validate_and_format(project: Path) -> None:
    done = run(project, "validate")
    assert (done.returncode, "is valid" in done.stdout) == (0, True), done.stderr
    done = run(project, "format")
    assert done.returncode == 0, done.stderr
    schema = project / "prisma" / "schema.prisma"
    assert schema.read_bytes() == (ROOT / "prisma" / "schema.prisma").read_bytes()
    schema.write_text("model X {", "utf-8")
    assert run(project, "validate").returncode == 1


def test_migrate_deploy_and_status(project: Path) -> None:
    assert run(project, "migrate", "status").returncode == 1
    done = run(project, "migrate", "deploy")
    assert done.returncode == 0, done.stderr
    assert "All migrations have been successfully applied." in done.stdout
    done = run(project, "migrate", "status")
    assert (done.returncode, "Database schema is up to date!" in done.stdout) == (0, True)


def test_an_unknown_command_names_what_exists(project: Path) -> None:
    done = run(project, "studio")
    assert done.returncode == 1
    assert 'Unknown command "studio"' in done.stderr
    for name in prisma.COMMANDS:
        assert name in done.stderr


def test_memory_mirror_offers_the_same_commands() -> None:
    for name, (module, summary) in prisma.COMMANDS.items():
        assert cli.COMMANDS[name] == (f"backend.engine.cli.{module}", summary)


def test_uvicorn_serves(project: Path) -> None:
    assert run(project, "migrate", "deploy").returncode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"file:{project / 'prisma' / 'dev.db'}"
    words = ["-m", "uvicorn", "backend.main:app", "--reload", "--port", str(port)]
    with (
        open(project / "log", "wb") as log,
        subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=offline(DATABASE_URL=url), stderr=log
        ) as server,
    ):
        try:
            answer = _asked_until_up(f"http://127.0.0.1:{port}/api/test/health")
        finally:
            server.terminate()
    assert answer["status"] == "ok", (project / "log").read_text()


def _asked_until_up(url: str) -> dict[str, str]:
    for _ in range(300):
        try:
            answer: dict[str, str] = httpx.get(url, trust_env=False).json()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return answer
    return {"status": "no answer within 30 s"}
