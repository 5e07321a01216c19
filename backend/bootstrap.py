"""Makes .venv from the pinned requirements: the step before anything of ours can be imported.

Run by the Makefile with the machine's own Python, hence the standard library only:

    python3 backend/bootstrap.py [--dev]

A stamp in .venv, written last, says what was installed. With an equal stamp nothing is done;
without one, .venv was left half made and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / "set-up.json"

_UNREACHABLE = re.compile(
    r"Failed to establish a new connection|Name or service not known|name resolution|"
    r"timed out|ProxyError|SSLError|Connection refused|Network is unreachable"
)


class BootstrapError(Exception):
    """What went wrong, and what cures it, in words for whoever ran `make`."""


def bootstrap(*, dev: bool) -> None:
    with exclusive(ROOT):
        goal = wanted()
        done = _read_stamp()
        if done is None or any(done.get(key) != goal[key] for key in ("python", "root", "run")):
            _make_venv("incomplete or out of date" if VENV.exists() else None)
            _install(["requirements.txt"], dev=False)
            done = {key: goal[key] for key in ("python", "root", "run")}
            write_stamp(done)
        if done.get("project") != goal["project"]:
            _install_project()
            done["project"] = goal["project"]
            write_stamp(done)
        if dev and done.get("dev") != goal["dev"]:
            # Everything that both lists hold is pinned to one version, so this only adds.
            STAMP.unlink()
            _install(["requirements-dev.txt"], dev=True)
            done["dev"] = goal["dev"]
            write_stamp(done)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One set-up at a time per folder. The system drops the lock when its holders die: this
    process, and a pip that outlives it."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up of this folder to finish")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def say(step: str) -> None:
    print(f"set-up: {step}", flush=True)


def wanted() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "root": str(ROOT),  # a virtual environment cannot be moved
        "run": _digest((ROOT / "requirements.txt").read_bytes()),
        "dev": _digest((ROOT / "requirements-dev.txt").read_bytes()),
        "project": _digest(json.dumps([project["project"], project["build-system"]]).encode()),
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_stamp() -> dict[str, str] | None:
    if not os.access(VENV / "bin" / "python", os.X_OK):  # also when its Python was uninstalled
        return None
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(stamp: dict[str, str]) -> None:
    draft = STAMP.with_suffix(".draft")
    draft.write_text(json.dumps(stamp, indent=2) + "\n", "utf-8")
    draft.replace(STAMP)


def _make_venv(reason: str | None) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    say(f"Making .venv with Python {version}" + (f" (it was {reason})" if reason else ""))
    # Not sys.executable: that is .venv's own Python when .venv is activated.
    base: str = getattr(sys, "_base_executable", None) or sys.executable
    code, output = _run([base, "-m", "venv", "--clear", str(VENV)])
    if code:
        raise BootstrapError(
            f"{base} cannot make virtual environments:\n{output.strip()}\n"
            "On Debian and Ubuntu: apt install python3-venv"
        )


def _install(files: list[str], *, dev: bool) -> None:
    count = len(
        re.findall(r"^[a-zA-Z]", "".join((ROOT / f).read_text("utf-8") for f in files), re.M)
    )
    what = "packages for development" if dev else "packages"
    say(f"Installing {what} from {' '.join(files)} ({count}, pinned by hash; takes a minute)")
    # Only wheels: building from source would fetch build tools that nobody pinned.
    arguments = ["--require-hashes", "--only-binary", ":all:", "--retries", "2"]
    for file in files:
        arguments += ["-r", str(ROOT / file)]
    _pip(arguments)


def _install_project() -> None:
    say("Installing the command memory-mirror")
    _pip(["--no-index", "--no-deps", "--no-build-isolation", "-e", str(ROOT)])


def _pip(arguments: list[str]) -> None:
    # -I: packages on a PYTHONPATH of the user's would count as installed.
    pip = [str(VENV / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check"]
    code, output = _run([*pip, "--no-input", "install", *arguments])
    if code == 0:
        return
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    message = "pip failed:\n" + "\n".join(errors or output.splitlines()[-40:])
    if _UNREACHABLE.search(output):
        message += (
            "\nThe package index could not be reached. Check the network and pip's settings"
            " (pip config list), then run the same command again."
        )
    raise BootstrapError(message)


def _run(command: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        # close_fds=False: the child holds the lock too.
        code = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, close_fds=False
        ).returncode
        output.seek(0)
        return code, output.read().decode("utf-8", "replace")


if __name__ == "__main__":
    try:
        bootstrap(dev="--dev" in sys.argv[1:])
    except BootstrapError as error:
        sys.exit(f"set-up failed: {error}")
    except KeyboardInterrupt:
        print("\nset-up interrupted: run the same command to go on", file=sys.stderr)
        sys.exit(130)
