"""DATABASE_SETUP.md, command by command, in a copy of the project with its own .venv."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.postgres import USER, PostgresServer, free_port

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "DATABASE_SETUP.md").read_text("utf-8")
KEEPS_RUNNING = re.compile(r"^memory-mirror serve|^python -m uvicorn")
UNSET = ("DATABASE_URL", "HOST", "PORT", "VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL")
CHANGES_THE_SHELL = re.compile(r"^(\. |export |cd )")

COMMAND = """#!{}
import sys
from backend.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


def section(name: str) -> str:
    _, heading, text = DOCUMENT.partition(f"\n## {name}\n")
    assert heading, f"DATABASE_SETUP.md has no section {name!r}"
    return text.partition("\n## ")[0]


def commands(text: str) -> list[str]:
    """The lines of the `sh` blocks, without comments."""
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).splitlines()
    return [bare for line in lines if (bare := re.sub(r"(^|\s+)#.*", "", line).strip())]


def files(text: str) -> dict[str, str]:
    """The `ini` blocks, each named in the paragraph above it."""
    return dict(re.findall(r"`([\w.]+)`[^`]*:\n\n```ini\n(.*?)^```", text, re.M | re.S))


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    # Not below pytest's own folder, which is closed to the user that PgBouncer runs as.
    folder = Path(tempfile.mkdtemp(prefix="memory-mirror-"))
    folder.chmod(0o755)
    ignored = shutil.ignore_patterns("node_modules", "*.db*", "__pycache__")
    for name in ("backend", "prisma"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "README.md", ".env.example"):
        shutil.copy(ROOT / name, folder)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, folder)
    (folder / "prisma/node_modules").symlink_to(ROOT / "prisma/node_modules")
    _lend_packages(folder)
    yield folder
    shutil.rmtree(folder)


def _lend_packages(project: Path) -> None:
    """A .venv that set-up takes for its own, with our packages. Of `prisma` it has a copy, since
    generating a client writes into that."""
    environment = project / ".venv"
    venv.create(environment, symlinks=True)
    ours = Path(sysconfig.get_path("purelib"))
    (packages,) = environment.glob("lib/python*/site-packages")
    shutil.copytree(ours / "prisma", packages / "prisma")
    (packages / "lent.pth").write_text(f"{project}\n{ours}\n")
    command = environment / "bin" / "memory-mirror"
    python = environment / "bin" / "python"
    command.write_text(COMMAND.format(python))
    command.chmod(0o755)
    stamp = "from backend.bootstrap import *; write_stamp(wanted())"
    subprocess.run([sys.executable, "-c", stamp], cwd=project, check=True)


class Shell:
    """Runs one line after the other, as typed into one terminal."""

    def __init__(self, folder: Path, ports: Mapping[str, int], **environment: str) -> None:
        self._folder = folder
        self._ports = ports
        self._before: list[str] = []
        self._background: list[subprocess.Popen[str]] = []
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self._environment = kept | {"PYTHON": sys.executable} | environment

    def follow(self, text: str) -> None:
        for name, content in files(text).items():
            (self._folder / name).write_text(self._with_ports(content))
        try:
            for line in commands(text):
                self._run(self._with_ports(line))
        finally:
            for process in self._background:
                _stop(process)

    def _with_ports(self, text: str) -> str:
        for shown, used in self._ports.items():
            text = re.sub(rf"\b{shown}\b", str(used), text)
        return text

    def _run(self, line: str) -> None:
        if CHANGES_THE_SHELL.match(line):
            self._before.append(line)
        elif line.endswith("&"):
            self._background.append(self._start(line.removesuffix("&")))
        elif KEEPS_RUNNING.match(line):
            self._serve(line)
        else:
            process = self._start(line)
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, f"$ {line}\n{output}"

    def _start(self, line: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "-ec", "\n".join([*self._before, line])],
            cwd=self._folder,
            env=self._environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _serve(self, line: str) -> None:
        port = str(free_port())
        if "uvicorn" in line:  # reads no PORT
            line += f" --port {port}"
        process = self._start(line, PORT=port)
        answered = _answers(process, f"http://127.0.0.1:{port}/api/test/health")
        output = _stop(process)
        assert answered, f"$ {line}\n{output}"
        assert "Traceback" not in output, f"$ {line}\n{output}"


def _answers(process: subprocess.Popen[str], url: str) -> bool:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(url, timeout=30).status_code == 200
        except httpx.TransportError:
            time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[str]) -> str:
    """As Ctrl-C does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    return output


@pytest.mark.parametrize("name", ["SQLite", "Several workers"])
def test_sqlite(project: Path, name: str) -> None:
    Shell(project, {}).follow(section(name))
    assert (project / "prisma" / "dev.db").exists()


@pytest.fixture(scope="module")
def postgres(project: Path, postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """With the role and the database that the first commands of the section make."""
    path = f"{postgres_server.binaries}{os.pathsep}{os.environ['PATH']}"
    environment = {"PGHOST": str(postgres_server.folder), "PGUSER": USER, "PATH": path}
    shell = Shell(project, {}, PGPORT=str(postgres_server.port), **environment)
    shell.follow(section("PostgreSQL").partition("Then")[0])
    yield postgres_server
    postgres_server.drop_database("memory_mirror")
    postgres_server.psql("DROP ROLE memory_mirror")


def test_postgresql(project: Path, postgres: PostgresServer) -> None:
    Shell(project, {"5432": postgres.port}).follow(section("PostgreSQL").partition("Then")[2])
    assert postgres.psql("SELECT count(*) FROM video_analysis", database="memory_mirror") == "0"


@pytest.mark.pgbouncer
def test_pgbouncer(project: Path, postgres: PostgresServer) -> None:
    text = section("PgBouncer")
    if os.geteuid() == 0:  # which it refuses to run as
        text = text.replace("pgbouncer pgbouncer.ini", "pgbouncer -u nobody pgbouncer.ini")
    clear = "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION memory_mirror"
    postgres.psql(clear, database="memory_mirror")
    ports = {"5432": postgres.port, "6432": free_port()}
    Shell(project, ports).follow(text)
    assert postgres.psql("SELECT count(*) FROM video_analysis", database="memory_mirror") == "0"


def test_changing_the_schema(project: Path) -> None:
    with (project / "prisma" / "schema.prisma").open("a") as schema:
        schema.write("model Note {\nid Int @id\ntext String\n}\n")
    Shell(project, {}).follow(section("Changing the schema"))
    for provider in ("sqlite", "postgresql"):
        (made,) = (project / "prisma/migrations" / provider).glob("*_add_notes/migration.sql")
        assert 'CREATE TABLE "Note"' in made.read_text()
    assert "Note" in tables(project / "prisma" / "dev.db")


def test_what_prismas_users_know(project: Path) -> None:
    Shell(project, {}).follow(section("What Prisma's users know"))
    assert "video_analysis" in tables(project / "prisma" / "try.db")


def tables(file: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
