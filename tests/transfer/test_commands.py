"""What the commands write, and say."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.commands import ROOT, memory_mirror
from tests.fixtures import Database

pytestmark = pytest.mark.anyio


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_command_writes_what_the_service_answers(
    client: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    for video_id, tag in (("a", "sea"), ("b", "snow"), ("c", "sea")):
        body = {"video_id": video_id, "description": f"=A day of {tag}.", "tags": [tag]}
        assert (await client.post("/api/video-analysis/", json=body)).status_code == 201
    for format_ in ("ndjson", "json", "csv"):
        params = {"format": format_, "tag": "sea", "created_from": "2020-01-01"}
        expected = (await client.get("/api/export", params=params)).content
        file = tmp_path / f"sea.{format_}"
        words = ("--format", format_, "--tag", "sea", "--created-from", "2020-01-01")
        done = memory_mirror(database, "export", str(file), *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert file.read_bytes() == expected
    assert (
        memory_mirror(database, "export", "--owner", "ann", "--format", "json").stdout == "[\n]\n"
    )
    assert names_in(tmp_path) == ["sea.csv", "sea.json", "sea.ndjson"]

    assert memory_mirror(database, "export", "--created-from", "soon").returncode == 2
    done = memory_mirror(database, "export", str(tmp_path / "no" / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith("memory-mirror export: ")


async def test_backup_and_restore(
    client: httpx.AsyncClient, database: Database, tmp_path: Path
) -> None:
    body = {"video_id": "a", "description": "A day of sea."}
    assert (await client.post("/api/video-analysis/", json=body)).status_code == 201
    record = (await client.get("/api/video-analysis/a")).json()
    old = [f"memory-mirror-2020010{n}T000000Z.mmz" for n in range(1, 4)]
    for name in (*old, "notes.txt"):
        (tmp_path / name).touch()
    done = memory_mirror(database, "backup", str(tmp_path), "--keep", "2", "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    kept = names_in(tmp_path)
    assert [kept[0], kept[-1], len(kept)] == [old[2], "notes.txt", 3]
    backup = tmp_path / kept[1]
    target = f"file:{tmp_path / 'restored.db'}"

    done = memory_mirror(database, "restore", str(backup), "--into", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("rows restored\n")
    exported = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "backend.cli", "export", "--format", "json"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": target},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(exported.stdout) == [record]
    assert names_in(tmp_path)[-1] == "restored.db"  # and nothing beside it

    done = memory_mirror(database, "restore", str(backup), "--into", target)
    assert done.returncode == 1
    assert done.stderr.endswith("is not empty. --force replaces all that is stored there\n")
    done = memory_mirror(database, "restore", str(tmp_path / "none"), "--into", target)
    assert done.returncode == 1
    assert done.stderr.endswith("none: No such file or directory\n")
    assert memory_mirror(database, "backup", str(tmp_path / "x"), "--keep", "2").returncode == 2
