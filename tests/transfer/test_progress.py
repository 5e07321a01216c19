"""What the commands show at a terminal, and what they say where there is none."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import threading
from pathlib import Path

import pytest

from tests.commands import ROOT, Command
from tests.fixtures import Database, SQLite, on_sqlite

pytestmark = on_sqlite


def at_a_terminal(database: Database, *words: str) -> tuple[int, str]:
    """The exit code, and all that is seen on the terminal."""
    child, terminal = pty.fork()
    if not child:
        os.chdir(ROOT)
        os.environ |= {"DATABASE_URL": database.url, "TERM": "xterm", "COLUMNS": "100"}
        os.execv(sys.executable, [sys.executable, "-m", "backend.cli", *words])
    watchdog = threading.Timer(60, os.kill, (child, signal.SIGKILL))
    watchdog.start()
    seen = b""
    try:
        while True:
            try:
                part = os.read(terminal, 65_536)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            seen += part
    finally:
        watchdog.cancel()
        os.close(terminal)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), seen.decode()


def test_at_a_terminal_it_is_shown(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "records.ndjson"
    records = [{"video_id": f"v{n}", "description": "x"} for n in range(1_500)]
    file.write_text("".join(json.dumps(each) + "\n" for each in [{"video_id": "b"}, *records]))
    code, seen = at_a_terminal(database, "import", str(file), "--on-error", "continue")
    assert code == 3
    for said in ("lines,", "/s, 1 failed", "%", "line 1: b: body.description: Field required",
                 "1501 lines: 1500 created, 1 failed."):  # fmt: skip
        assert said in seen, said
    code, seen = at_a_terminal(database, "export", str(tmp_path / "x.ndjson"))
    assert (code, "1,500 records," in seen, "100%" in seen) == (0, True, True)
    backup = tmp_path / "all.mmz"
    code, seen = at_a_terminal(database, "backup", str(backup))
    assert (code, "3,001 rows," in seen) == (0, True)
    target = f"file:{tmp_path / 'restored.db'}"
    code, seen = at_a_terminal(database, "restore", str(backup), "--into", target)
    assert (code, "6,002 rows read," in seen) == (0, True)


def test_summaries_in_json(
    database: Database, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    line = '{"video_id": "a", "description": "x"}\n'
    (tmp_path / "one.ndjson").write_text(line)
    assert command("import", str(tmp_path / "one.ndjson")).code == 0
    done = command("export", "--json")
    summary = json.loads(done.errors)
    assert summary == {"file": "-", "format": "ndjson", "bytes": len(done.out), "records": 1}
    for n in (1, 2):
        (tmp_path / f"memory-mirror-2020010{n}T000000Z.mmz").touch()
    done = command("backup", str(tmp_path), "--keep", "2", "--json")
    summary = json.loads(done.out)
    backup = Path(summary["file"])
    assert summary["bytes"] == backup.stat().st_size
    assert summary["rows"] == {"change_log": 1, "video_analysis": 1}
    assert [Path(each).name for each in summary["deleted"]] == [
        "memory-mirror-20200101T000000Z.mmz"
    ]
    copy = tmp_path / "copy.db"
    done = command("backup", str(copy), "--format", "sqlite", "--json")
    assert json.loads(done.out)["rows"] is None
    restored = tmp_path / "restored.db"
    done = command("restore", str(backup), "--into", f"file:{restored}", "--json")
    assert json.loads(done.out) == {"rows": 2, "out_of_order": 0}
    assert SQLite(restored).rows() == {"a": "x"}
