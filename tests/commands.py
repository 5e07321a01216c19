"""The commands in the test's own process: a start takes longer than what most of them do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.cli import main


class Said(NamedTuple):
    code: int
    out: str
    errors: str


Command = Callable[..., Said]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*words: str) -> Said:
        capfd.readouterr()
        try:
            code = main(words)
        except SystemExit as ended:  # argparse's
            code = int(ended.code or 0)
        return Said(code, *capfd.readouterr())

    return run
