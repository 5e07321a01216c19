"""The commands in the test's own process: a start takes longer than what most of them do."""

from __future__ import annotations

import io
from asyncio import _get_running_loop
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

import pytest

from backend.cli import main

if TYPE_CHECKING:
    from tests.fixtures import Database

ROOT = Path(__file__).parents[1]


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
        return Said(_code_of(words), *capfd.readouterr())

    return run


def _code_of(words: Sequence[str]) -> int:
    """With which it ends."""
    try:
        return main(words)
    except SystemExit as ended:  # argparse's
        return int(ended.code or 0)


def memory_mirror(database: Database, *words: str) -> CompletedProcess[str]:
    """On this database; in a thread where the test's own has an event loop already."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    codes: list[int] = []

    def run() -> None:
        codes.append(_code_of(words))

    with pytest.MonkeyPatch.context() as patch, chdir(ROOT):
        patch.setenv("DATABASE_URL", database.url)
        with redirect_stdout(out), redirect_stderr(errors):
            if _get_running_loop() is None:
                run()
            else:
                thread = Thread(target=run)
                thread.start()
                thread.join()
    [code] = codes
    said = [text.buffer.getvalue().decode() for text in (out, errors)]  # type: ignore[attr-defined]
    return CompletedProcess(["memory-mirror", *words], code, *said)
