"""What the peers need: their Python and Node packages, pinned in locks of their own, and wrk.

    requirements-bench.txt              -> bench/.venv (with Node.js, from PyPI)
    peers/fastify-prisma/package-lock   -> node_modules, Prisma's clients, better-sqlite3

Done once for each state of the locks. Everything goes to bench/, nothing to the service's .venv.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.contestants import FASTIFY, HERE, NODE, PEERS_PYTHON

REQUIREMENTS = HERE.parent / "requirements-bench.txt"
MINUTES = 60.0

Log = Callable[[str], None]


class PrepareError(Exception):
    """What is missing, and what cures it."""


def prepare(*, log: Log) -> None:
    """Raises PrepareError."""
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            raise PrepareError(f"{program} is missing. On Debian: apt-get install {package}")
    _once(PEERS_PYTHON.parents[1], [REQUIREMENTS], _make_venv, log)
    names = ("package-lock.json", "sqlite.prisma", "postgresql.prisma")
    # The requirements pin Node.js, by whose headers better-sqlite3 is compiled.
    sources = [REQUIREMENTS, *(FASTIFY / name for name in names)]
    _once(FASTIFY / "node_modules", sources, _install_node_packages, log)


def _once(target: Path, sources: Sequence[Path], make: Callable[[Log], None], log: Log) -> None:
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = target / "made-from"
    if stamp.exists() and stamp.read_text() == digest:
        return
    make(log)
    stamp.write_text(digest)


def _make_venv(log: Log) -> None:
    log("Making bench/.venv with the Python peers")
    venv = PEERS_PYTHON.parents[1]
    _run([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(PEERS_PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)])


def _install_node_packages(log: Log) -> None:
    log("Installing Fastify and Prisma (better-sqlite3 is compiled; takes some minutes)")
    node = PEERS_PYTHON.parent
    environment = {
        # Before the machine's own Node.js.
        "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
        # Where better-sqlite3 finds Node's headers when there is no compiled file to download.
        "npm_config_nodedir": str(NODE.parents[1]),
        # `prisma generate` does not use the schema engine, but would download it.
        "PRISMA_SCHEMA_ENGINE_BINARY": shutil.which("true") or "/bin/true",
    }
    npm = str(node / "npm")
    _run([npm, "ci", "--ignore-scripts"], FASTIFY, environment)
    _run([npm, "rebuild", "better-sqlite3"], FASTIFY, environment)
    for schema in ("sqlite.prisma", "postgresql.prisma"):
        prisma = [str(node / "npx"), "--no-install", "prisma", "generate", "--schema", schema]
        _run(prisma, FASTIFY, environment)


def _run(
    command: Sequence[str], folder: Path = HERE, environment: Mapping[str, str] | None = None
) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )
    if done.returncode:
        raise PrepareError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
