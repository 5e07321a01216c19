"""`memory-mirror import`: its exit codes, what it prints, and how it goes on."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.commands import ROOT, memory_mirror
from tests.fixtures import Database
from tests.transfer.test_importing import BEACH, SNOW

PEAK = """
import resource, sys
from backend.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
sys.exit(code)
"""


def written(folder: Path, *records: object) -> str:
    path = folder / "records.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def test_what_it_says_and_how_it_ends(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path, BEACH, {"video_id": "b"}, SNOW)
    wrong = "line 2: b: body.description: Field required\n"

    done = memory_mirror(database, "import", file)
    assert (done.returncode, done.stderr) == (4, wrong)
    assert done.stdout == "1 lines: 1 failed. Nothing is stored.\n"
    assert database.rows() == {}

    done = memory_mirror(database, "import", file, "--on-error", "continue", "--dry-run")
    assert (done.returncode, done.stderr) == (3, wrong)
    assert done.stdout == "3 lines: 2 created, 1 failed. It was tried: nothing is stored.\n"
    assert database.rows() == {}

    done = memory_mirror(database, "import", file, "--on-error", "continue", "--json")
    assert (done.returncode, done.stderr) == (3, wrong)
    summary = json.loads(done.stdout)
    assert (summary["created"], summary["failed"], summary["committed"]) == (2, 1, True)
    assert set(database.rows()) == {"beach", "snow"}

    done = memory_mirror(database, "import", written(tmp_path, SNOW), "--mode", "upsert")
    assert (done.returncode, done.stdout) == (0, "1 lines: 1 unchanged.\n")


def test_of_another_owner_from_the_input(database: Database) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "backend.cli", "import", "-", "--owner", "ann"),
            *("--map", "video=video_id,text=description"),
        ],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url},
        input=b"video,text\nx1,one\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1 lines: 1 created.\n", b"")
    changes = json.loads(memory_mirror(database, "audit", "list", "--json").stdout)["changes"]
    assert [(each["owner"], each["name"]) for each in changes] == [("ann", "x1")]
    assert changes[0]["actor"].startswith("memory-mirror import (")


def test_wrong_arguments(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path, SNOW)
    for words in (
        ("nowhere.ndjson",),
        (file, "--map", "x"),
        (file, "--mode", "x"),
        (file, "--resume"),
        ("-", "--resume", "--on-error", "continue"),
    ):
        assert memory_mirror(database, "import", *words).returncode == 2, words
    assert database.rows() == {}


def test_it_is_interrupted_and_goes_on(database: Database, tmp_path: Path) -> None:
    records = [{"video_id": f"v{n}", "description": "x"} for n in range(8_000)]
    file = written(tmp_path, {"video_id": "b"}, *records)
    command = [sys.executable, "-m", "backend.cli", "import", file, "--on-error", "continue"]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    assert running.stderr.readline() == "line 1: b: body.description: Field required\n"
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=60)
    stored = len(database.rows())
    if running.returncode == 130:
        assert errors == "Go on with the same command and --resume.\n"
        assert out == f"{stored + 1} lines: {stored} created, 1 failed.\n"
        assert (stored + 1) % 500 == 0
    else:  # it was done before the signal came
        assert (running.returncode, stored) == (3, 8_000)
    done = memory_mirror(database, "import", file, "--on-error", "continue", "--resume", "--json")
    assert done.returncode == 3
    summary = json.loads(done.stdout)
    assert (summary["lines"], summary["created"], summary["resumed_after"]) == (
        8_001,
        8_000,
        stored + 1,
    )
    assert len(database.rows()) == database.count("change_log") == 8_000


def test_its_memory_does_not_grow_with_the_file(database: Database, tmp_path: Path) -> None:
    line = json.dumps({"video_id": "v", "description": "A day at the sea. " * 40}) + "\n"
    peaks = []
    for lines in (1_000, 60_000):
        path = tmp_path / "same.ndjson.gz"
        with gzip.open(path, "wt", compresslevel=1) as file:
            file.writelines([line] * lines)
        command = [sys.executable, "-c", PEAK, "import", str(path), "--mode", "skip"]
        done = subprocess.run(
            [*command, "--on-error", "continue"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert len(line) * 60_000 > 40 * 2**20
    assert peaks[1] - peaks[0] < 20 * 2**20
