"""What must not be loaded where it is not needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.engine.wasm import modules
from tests.engine.migrate.project import Project

ROOT = Path(__file__).resolve().parents[3]


def test_the_service_loads_nothing_of_migrate() -> None:
    code = "import sys, backend.main; print(*(m for m in sys.modules if 'migrate' in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.anyio
async def test_deploy_loads_no_webassembly(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a module was loaded")

    monkeypatch.setattr(modules, "load", refuse)
    project.add_migration("20260101000000_first", "SELECT 1;\n")
    assert (await project.deploy()).applied == ("20260101000000_first",)
    assert (await project.deploy()).applied == ()
