"""DATABASE_SETUP.md, command by command, in a copy of the project with its own .venv."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import httpx
import pytest

from tests.postgres import free_port

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "DATABASE_SETUP.md").read_text("utf-8")
KEEPS_RUNNING = re.compile(r"^memory-mirror serve|^python -m uvicorn")
UNSET = ("DATABASE_URL", "HOST", "PORT", "VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL")
CHANGES_THE_SHELL = re.compile(r"^(\. |export |cd )")


def commands(section: str) -> list[str]:
    """The lines of the section's `sh` blocks, without comments; `\\` joins a line to the next."""
    _, _, text = DOCUMENT.partition(f"\n## {section}\n")
    assert text, f"DATABASE_SETUP.md has no section {section!r}"
    blocks = re.findall(r"^```sh\n(.*?)^```", text.partition("\n## ")[0], re.M | re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [bare for line in lines if (bare := re.sub(r"(^|\s+)#.*", "", line).strip())]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns("node_modules", "*.db*", "__pycache__")
    for name in ("backend", "prisma"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "README.md", ".env.example"):
        shutil.copy(ROOT / name, folder)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "prisma/node_modules", folder / "prisma/node_modules", symlinks=True)
    _lend_packages(folder)
    return folder


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
    command.write_text(f"#!{python}\nimport sys\nfrom backend.cli import main\nsys.exit(main())\n")
    command.chmod(0o755)
    stamp = "from backend.bootstrap import *; write_stamp(wanted())"
    subprocess.run([sys.executable, "-c", stamp], cwd=project, check=True)


class Shell:
    """Runs one line after the other, as typed into one terminal."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self._before: list[str] = []
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        self._environment = kept | {"PYTHON": sys.executable} | environment

    def run(self, line: str) -> None:
        if CHANGES_THE_SHELL.match(line):
            self._before.append(line)
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
        try:
            assert _answers(process, f"http://127.0.0.1:{port}/api/test/health"), f"$ {line}"
        finally:
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        assert "Traceback" not in output, f"$ {line}\n{output}"


def _answers(process: subprocess.Popen[str], url: str) -> bool:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(url, timeout=30).status_code == 200
        except httpx.TransportError:
            time.sleep(0.05)
    return False


def test_sqlite(project: Path) -> None:
    shell = Shell(project)
    for line in commands("SQLite"):
        shell.run(line)
    assert (project / "prisma" / "dev.db").exists()
