"""The lock files: names, versions and hashes, and one version of each package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("requirements*.txt"))
LINE = re.compile(
    r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; [^/]+)? \\"  # name==version ; marker
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|\s*#[^/]*"  # where it comes from: no URL, no path
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_lock_holds_names_versions_and_hashes_only(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []


def test_development_adds_to_what_runs_and_changes_none_of_it() -> None:
    run, dev = (pinned(f"requirements{name}.txt") for name in ("", "-dev"))
    assert run.items() <= dev.items()


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.M))
