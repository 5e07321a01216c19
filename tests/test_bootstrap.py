"""`make venv` in a copy of the project that needs next to no packages, and no network."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
MADE = "set-up: Making .venv"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one package that set-up cannot do without, packed again from where it is installed."""
    folder = tmp_path_factory.mktemp("wheels")
    package = distribution("flit-core")
    name = f"flit_core-{package.version}"
    kept = [file for file in package.files or [] if file.suffix != ".pyc"]
    kept = [file for file in kept if file.name not in ("RECORD", "INSTALLER", "REQUESTED")]
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for file in kept:
            wheel.write(file.locate(), str(file))
        wheel.writestr(f"{name}.dist-info/RECORD", "".join(f"{file},,\n" for file in kept))
    return folder


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "backend", folder / "backend")
    (wheel,) = wheels.iterdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pinned = f"flit-core=={distribution('flit-core').version} --hash=sha256:{digest}\n"
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text(pinned)
    return folder


@pytest.fixture(autouse=True)
def _surroundings(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("PIP_", "MAKE")):  # make has flags of the make that runs the tests
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


def start(project: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", "--no-print-directory", *words],
        cwd=project,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def make(project: Path, *words: str, **variables: str) -> tuple[int, str]:
    process = start(project, *words, **variables)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def command_works(project: Path) -> bool:
    command = project / ".venv/bin/memory-mirror"
    return command.exists() and subprocess.run([command, "--help"]).returncode == 0


def change(file: Path) -> None:
    file.write_text(file.read_text() + "# changed\n")


def test_makes_what_is_missing_and_nothing_twice(project: Path) -> None:
    code, output = make(project, "venv")
    assert code == 0, output
    assert output.count(MADE) == 1
    assert command_works(project)

    assert make(project, "venv") == (0, "")

    change(project / "requirements-dev.txt")
    code, output = make(project, "venv-dev")
    assert code == 0, output
    assert MADE not in output
    assert "requirements-dev.txt" in output
    assert make(project, "venv-dev") == (0, "")

    change(project / "requirements.txt")
    code, output = make(project, "venv")
    assert code == 0, output
    assert "out of date" in output
    assert command_works(project)


@pytest.mark.parametrize("killed", ["all", "its first process"])
def test_mends_a_venv_left_half_made(project: Path, killed: str) -> None:
    process = start(project, "venv")
    assert process.stdout is not None
    assert MADE in process.stdout.readline()
    while not (project / ".venv" / "bin").exists():
        time.sleep(0.01)
    if killed == "all":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        (bootstrap,) = psutil.Process(process.pid).children()
        bootstrap.kill()
    process.communicate(timeout=10)
    assert (project / ".venv").exists()

    code, output = make(project, "venv")
    assert code == 0, output
    assert "incomplete" in output
    assert command_works(project)


def test_mends_a_venv_whose_python_is_gone(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    (project / ".venv" / "set-up.json").write_text("{}")
    code, output = make(project, "venv")
    assert code == 0, output
    assert command_works(project)


def test_two_at_once_do_the_work_once(project: Path) -> None:
    first, second = start(project, "venv"), start(project, "venv")
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    together = "".join(outputs)
    assert together.count(MADE) == 1
    assert together.count("Waiting for another set-up") == 1
    assert command_works(project)


def test_names_the_cure_when_the_index_cannot_be_reached(project: Path) -> None:
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        code, output = make(
            project,
            "venv",
            PIP_NO_INDEX="0",
            PIP_FIND_LINKS="",
            PIP_INDEX_URL=f"http://127.0.0.1:{closed.getsockname()[1]}/simple",
            PIP_NO_CACHE_DIR="1",
        )
    assert code != 0
    assert "The package index could not be reached." in output
    assert "Traceback" not in output


def test_refuses_a_package_that_is_not_the_pinned_one(project: Path) -> None:
    requirements = project / "requirements.txt"
    requirements.write_text(re.sub("sha256:.{8}", "sha256:00000000", requirements.read_text()))
    code, output = make(project, "venv")
    assert code != 0
    assert "DO NOT MATCH THE HASHES" in output
    assert not command_works(project)


@pytest.mark.parametrize("python", ["false", "/nowhere/python3"])
def test_says_that_python_is_too_old(project: Path, python: str) -> None:
    code, output = make(project, "venv", f"PYTHON={python}")
    assert code != 0
    assert output.startswith(f"Python 3.11 or later is needed; none of these is: {python}.")
    assert not (project / ".venv").exists()
