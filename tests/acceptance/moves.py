"""Moves and restores of many records, killed at any moment, and beside writers: `make test-moves`.

VIDEOS names a folder of NDJSON files, whose lines have `video_id`, `description` and perhaps more;
without it as many records are made up. Not part of `make test`, as it takes minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.faults import audit, note_what_is_not_logged
from tests.acceptance.writers import Figures, Writer
from tests.fixtures import Database, PostgreSQL, SQLite
from tests.postgres import free_port
from tests.service.server import Server
from tests.transfer.conftest import NewDatabase, new_database

__all__ = ["new_database"]

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(3600)]

VIDEOS = os.environ.get("VIDEOS", "")
RECORDS = int(os.environ.get("RECORDS", "10009"))
KILLS = int(os.environ.get("KILLS", "20"))
WRITERS = 8
PAIRS = [("sqlite", "postgresql"), ("postgresql", "sqlite")]
TABLES = ("video_analysis", "change_log", "segment", "video_tag", "tag", "change_seal")


@pytest.fixture
def anyio_backend() -> str:
    """Without asyncio's debug mode, which slows the writers down."""
    return "asyncio"


def given_videos() -> Iterator[dict[str, Any]]:
    fields = ("video_id", "description", "duration", "segments", "title", "tags", "people")
    for path in sorted(Path(VIDEOS).glob("*.ndjson")):
        for line in path.read_text("utf-8").splitlines():
            video = json.loads(line)
            yield {name: video[name] for name in fields if name in video}


def made_up_videos() -> Iterator[dict[str, Any]]:
    chosen = random.Random(11)
    words = [f"word{n}" for n in range(3_000)] + ["Zoë", "海", "\U0001f993", "=1+1", '"quoted"']
    for n in range(RECORDS):
        duration = chosen.uniform(5, 300)
        ends = sorted(chosen.uniform(0, duration) for _ in range(2 * chosen.randrange(6)))
        yield {
            "video_id": f"v_{n:05}",
            "description": " ".join(chosen.choices(words, k=chosen.randrange(10, 90))),
            "duration": duration,
            "tags": chosen.sample(words, chosen.randrange(4)),
            "segments": [
                {"start": start, "end": end, "text": " ".join(chosen.choices(words, k=9))}
                for start, end in zip(ends[::2], ends[1::2], strict=True)
            ],
        }


def videos() -> Iterable[dict[str, Any]]:
    return given_videos() if VIDEOS else made_up_videos()


def command(*words: str, url: str | None = None, folder: Path) -> subprocess.Popen[str]:
    environment = os.environ if url is None else os.environ | {"DATABASE_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "backend.cli", *words],
        env=environment,
        cwd=folder,  # where there is no .env
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def done(*words: str, url: str | None = None, folder: Path, codes: tuple[int, ...] = (0,)) -> str:
    process = command(*words, url=url, folder=folder)
    said, _ = process.communicate(timeout=900)
    assert process.returncode in codes, said
    return said


@pytest.fixture(scope="module")
def stored(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of SQLite with all videos, some of them changed, and a chain of seals."""
    folder = tmp_path_factory.mktemp("stored")
    path = folder / "stored.db"
    shutil.copy(sqlite_template, path)
    url, file = f"file:{path}", folder / "videos.ndjson"
    lines = [json.dumps(video) for video in videos()]
    file.write_text("\n".join(lines))
    # 3: some of the given videos are not well-formed.
    done("import", str(file), "--on-error", "continue", url=url, folder=folder, codes=(0, 3))
    done("audit", "seal", url=url, folder=folder)
    changed = [{**json.loads(line), "title": "Changed", "tags": ["t"]} for line in lines[::10]]
    file.write_text("\n".join(map(json.dumps, changed)))
    words = ("import", str(file), "--mode", "upsert", "--on-error", "continue")
    done(*words, url=url, folder=folder, codes=(0, 3))
    done("audit", "seal", url=url, folder=folder)
    done("keys", "create", "--name", "frontend", "--scopes", "search", url=url, folder=folder)
    return path


def exported(database: Database, folder: Path) -> bytes:
    path = folder / "export.ndjson"
    done("export", str(path), url=database.url, folder=folder)
    return path.read_bytes()


def rows(database: Database) -> tuple[int, ...]:
    return tuple(database.count(table) for table in TABLES)


def search_agrees(database: Database, folder: Path) -> None:
    done("search", "word7 OR man", url=database.url, folder=folder)  # makes the marked entries
    assert database.indexed() == set(database.rows())


def source_of(provider: str, stored: Path, new: NewDatabase, folder: Path) -> Database:
    if provider == "sqlite":
        return SQLite(Path(shutil.copy(stored, folder / "source.db")))
    database = new(provider)
    done("move", "--from", f"file:{stored}", "--to", database.url, folder=folder)
    return database


def test_there_and_back_again(stored: Path, new_database: NewDatabase, tmp_path: Path) -> None:
    first = SQLite(Path(shutil.copy(stored, tmp_path / "first.db")))
    middle, last = new_database("postgresql"), new_database("sqlite")
    for source, target in ((first, middle), (middle, last)):
        print(done("move", "--from", source.url, "--to", target.url, folder=tmp_path))
        assert rows(source) == rows(target)
        assert "agree" in done("audit", "verify", url=target.url, folder=tmp_path)
        search_agrees(target, tmp_path)
    whole = exported(first, tmp_path)
    assert exported(middle, tmp_path) == whole
    assert exported(last, tmp_path) == whole
    assert whole.count(b"\n") > 0.99 * len(list(videos()))


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("kind", ["restore", "move"])
def test_it_is_killed(
    kind: str, source: str, target: str, stored: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    old, new = source_of(source, stored, new_database, tmp_path), new_database(target)
    file = tmp_path / "all.mmz"
    done("backup", str(file), url=old.url, folder=tmp_path)
    words = {
        "restore": ("restore", str(file), "--into", new.url, "--force"),
        "move": ("move", "--from", old.url, "--to", new.url, "--force"),
    }[kind]
    whole = rows(old)
    began = time.monotonic()
    done(*words, folder=tmp_path)
    took = time.monotonic() - began
    assert rows(new) == whole
    # As before is now: what another backup has.
    small = new_database(target)
    small.execute(
        "INSERT INTO video_analysis (id, owner, video_id, description, updated_at) VALUES"
        " ('a', 'default', 'a', 'Before.', '2026-01-01T00:00:00.000+00:00')"
    )
    done("backup", str(tmp_path / "small.mmz"), url=small.url, folder=tmp_path)
    before = rows(small)
    chosen = random.Random(5)
    ends = {"before": 0, "whole": 0}
    begin = ("restore", str(tmp_path / "small.mmz"), "--into", new.url, "--force")
    done(*begin, folder=tmp_path)
    for number in range(KILLS):
        assert rows(new) == before
        process = command(*words, folder=tmp_path)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=chosen.uniform(0.1, 0.8 * took))
        process.kill()
        process.communicate()
        wait_for_its_end(new)
        found = rows(new)
        assert found in (before, whole), (number, found)
        ends["whole" if found == whole else "before"] += 1
        if found == whole:
            done(*begin, folder=tmp_path)
    print(f"{kind} {source} -> {target}: {KILLS} kills in {took:.1f} s left {ends}")
    assert ends["before"] > 0
    done(*words, folder=tmp_path)
    assert rows(new) == whole
    assert exported(new, tmp_path) == exported(old, tmp_path)
    search_agrees(new, tmp_path)


def wait_for_its_end(database: Database) -> None:
    """PostgreSQL sees only after a while that a client is gone."""
    if isinstance(database, PostgreSQL):
        until(lambda: database.count("pg_locks WHERE mode = 'AccessExclusiveLock'") == 0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_writers_beside_a_move_that_is_killed(
    source: str, target: str, stored: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    """It follows and is killed, cuts over and is killed, again and again; then it is let be."""
    old, new = source_of(source, stored, new_database, tmp_path), new_database(target)
    words = ("move", "--from", old.url, "--to", new.url)
    figures, stop = Figures(), asyncio.Event()
    options = {"arguments": ("--port", str(free_port())), "LOG_LEVEL": "error", "AUTH": "off"}
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    first: Any = Server(old.url, tmp_path / "old", **options)
    second: Any = Server(new.url, tmp_path / "new", **options)
    with contextlib.ExitStack() as stack:
        stack.push(first)
        await asyncio.to_thread(first.start)
        limits = httpx.Limits(max_connections=WRITERS)
        async with httpx.AsyncClient(base_url=first.url, timeout=60, limits=limits) as http:
            writers = [Writer(number, http, figures) for number in range(WRITERS)]
            async with asyncio.TaskGroup() as working:
                for writer in writers:
                    working.create_task(writer.work(stop))
                if not await asyncio.to_thread(kill_often, words, new, tmp_path):
                    print(await asyncio.to_thread(cut_over, words, tmp_path))
                before = figures.acknowledged
                await asyncio.sleep(2)
                assert figures.acknowledged == before  # the source takes nothing any more
                assert figures.statuses[503]
                await asyncio.to_thread(first.stop)
                stack.push(second)
                await asyncio.to_thread(second.start)
                await asyncio.sleep(2)
                stop.set()
            await asyncio.gather(*(writer.check() for writer in writers))
        assert figures.acknowledged > before
        await asyncio.to_thread(second.stop)
    note_what_is_not_logged(figures, new)
    found = audit(new, tmp_path)
    if isinstance(old, PostgreSQL) and out_of_order(old):  # SQLite does not keep that order
        found = [said for said in found if "have changed places" not in said]
    figures.wrong += found
    for seen in figures.faults():
        assert not seen, "\n".join(seen[:10])
    new.indexed()
    print(f"{source} -> {target}: {before} acknowledged before the cutover, none lost")


def out_of_order(database: PostgreSQL) -> int:
    """How many rows of the log follow upon one with a greater number."""
    before = "SELECT number, lag(number) OVER (ORDER BY xid, number) AS before FROM change_log"
    return database.count(f"({before}) AS rows WHERE number < before")


def cut_over(words: tuple[str, ...], folder: Path) -> str:
    return done(*words, "--cutover", folder=folder)


def kill_often(words: tuple[str, ...], new: Database, folder: Path) -> bool:
    """Whether a cutover came to its end."""
    chosen = random.Random(3)
    for _ in range(KILLS):
        step = chosen.choice(("--follow", "--follow", "--cutover"))
        process = command(*words, step, folder=folder)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=chosen.uniform(0.5, 8))
        process.kill()
        process.communicate()
        if step == "--cutover" and has_ended(new):
            return True
        if chosen.random() < 0.5:
            done("move", *words[1:3], "--reopen", folder=folder)
    # So that there is a copy to cut over from.
    process = command(*words, "--follow", folder=folder)
    assert process.stdout is not None
    if not any(line.startswith("Following") for line in process.stdout):
        raise AssertionError(f"It did not follow: {process.wait()}")
    time.sleep(3)
    process.kill()
    process.communicate()
    return False


def has_ended(target: Database) -> bool:
    table = {
        "sqlite": "sqlite_master WHERE name = 'change_move'",
        "postgresql": "pg_tables WHERE tablename = 'change_move'",
    }[target.provider]
    return target.count("video_analysis") > 0 and target.count(table) == 0
