"""The commands, run as they are by a person."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.fixtures import Database
from tests.service.test_commands import memory_mirror

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
