"""An import that is killed half-way leaves nothing half, and goes on. `make test-imports` does this
more often, and over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.commands import ROOT
from tests.fixtures import Database
from tests.transfer.killed_imports import WRONG_EVERY, Command, ImportFile, check_nothing_half


def test_a_killed_import_goes_on(database: Database, tmp_path: Path) -> None:
    file = ImportFile(tmp_path, 20 * WRONG_EVERY, has_wrong=True)
    command = Command(database, file, "continue")
    killed = subprocess.Popen(command.words, cwd=ROOT, env=command.environment, text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    with killed:
        assert killed.stderr is not None
        for _ in range(6):  # the lines that failed of its first transaction
            assert "description: Field required" in killed.stderr.readline()
        killed.kill()
    assert check_nothing_half(database, file, "continue") > 0
    summary = command.run()
    assert summary is not None
    assert (summary["lines"], summary["failed"]) == (file.lines, file.failed)
    assert check_nothing_half(database, file, "continue") == len(file.records)
