"""Files that are large, cut, damaged or made to do harm, imported: `make test-files`.

Each ends with a clear answer that names the line, and takes little memory whatever its size: the
peak of the process is compared with that of a small import. Nothing is stored of what cannot be
read. Most files are made while they are read. Not part of `make test`, as it takes minutes.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
import zstandard

from tests.commands import ROOT
from tests.fixtures import Database, on_sqlite
from tests.service.server import Server
from tests.transfer.test_import_command import PEAK

pytestmark = [pytest.mark.timeout(3_600), on_sqlite]

GIGABYTES = float(os.environ.get("GIGABYTES", "2"))
LINES = int(os.environ.get("LINES", "10000000"))
MEMORY = 150 * 2**20
"""More than a small import takes."""
BLOCK = 2**20

SIZE = int(GIGABYTES * 2**30)
RECORD = b'{"video_id": "v%d", "description": "A day at the sea."}\n'
HEADER = b"video_id,description\n"


class Imported(NamedTuple):
    code: int
    summary: dict[str, Any]
    errors: list[str]
    peak: int
    seconds: float


def imported(database: Database, parts: Iterator[bytes], *words: str) -> Imported:
    """By the command, from its input."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", PEAK, "import", "-", "--json", *words],
        cwd=ROOT, env=os.environ | {"DATABASE_URL": database.url},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdin is not None and running.stdout is not None  # noqa: PT018
        assert running.stderr is not None
        feeding = threading.Thread(target=feed, args=(running.stdin, parts))
        feeding.start()
        errors: list[str] = []
        reading = threading.Thread(target=keep_some, args=(running.stderr, errors))
        reading.start()
        *_, summary, peak = running.stdout.read().splitlines()
        running.wait()
        reading.join()
        feeding.join()
    seconds = time.monotonic() - started
    return Imported(running.returncode, json.loads(summary), errors, int(peak), seconds)


def feed(pipe: Any, parts: Iterator[bytes]) -> None:
    try:
        for part in parts:
            pipe.write(part)
        pipe.close()
    except BrokenPipeError:  # it has read enough
        pass


def keep_some(pipe: Any, kept: list[str]) -> None:
    """The first and the last lines."""
    for line in pipe:
        if len(kept) == 20:
            del kept[10]
        kept.append(line.decode())


def records(number: int, start: int = 0) -> bytes:
    return b"".join(RECORD % n for n in range(start, start + number))


def filled(size: int, block: bytes) -> Iterator[bytes]:
    for _ in range(size // len(block)):
        yield block


def then(*parts: bytes | Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from part


@pytest.fixture
def idle(database: Database) -> int:
    return imported(database, iter([b"\n"])).peak


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def say(text: str) -> None:
        with capfd.disabled():
            print(f"\n{text}", end=" ")

    return say


@pytest.mark.parametrize(
    ("name", "parts", "code", "said", "stored"),
    [
        ("NDJSON line", lambda: then(records(3), b'{"a": "', filled(SIZE, b"x" * BLOCK), b'"}\n',
                                     records(1, 3)), 3, "line 4: One line, or one record", 4),
        ("NDJSON line of brackets", lambda: then(records(3), b'{"a": ', filled(SIZE, b"[" * BLOCK),
                                     b"\n", records(1, 3)), 3, "line 4: One line", 4),
        ("JSON element", lambda: then(b'[{"video_id": "a", "description": "x"}, {"a": "',
                                      filled(SIZE, b"x" * BLOCK)), 4, "Element 2 has more than", 1),
        ("JSON brackets", lambda: then(b'[{"video_id": "a", "description": "x"}, ',
                                       filled(SIZE, b"[" * BLOCK)), 4, "Element 2 is nested", 1),
        ("CSV quote", lambda: then(HEADER, b"a,x\n", b'b,"', filled(SIZE, b"x\n" * (BLOCK // 2))),
         4, "Maybe a quote is not closed", 1),
        ("CSV line", lambda: then(HEADER, b"a,x\n", b"b,", filled(SIZE, b"x" * BLOCK)),
         4, "after line 2: The record that goes on in line 3 has more than", 1),
        ("NUL", lambda: then(records(3), filled(SIZE, b"\0" * BLOCK), b"\n", records(1, 3)),
         3, "line 4: One line", 4),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_gigabytes_without_an_end(
    database: Database, idle: int, say: Callable[[str], None], name: str,
    parts: Callable[[], Iterator[bytes]], code: int, said: str, stored: int,
) -> None:  # fmt: skip
    done = imported(database, parts(), "--on-error", "continue")
    assert (done.code, len(database.rows())) == (code, stored), done
    assert any(said in line for line in done.errors), done.errors
    assert done.peak - idle < MEMORY
    say(f"{name}: {done.seconds:.0f} s, {(done.peak - idle) / 2**20:.0f} MB above idle")


@pytest.mark.parametrize(
    ("name", "line", "code", "said"),
    [
        ("blank", b"\n", 0, None),
        ("no records", b"{}\n", 4, "after line 100000: 100000 lines are no records"),
        ("the same record", b'{"video_id":"v","description":"x"}\n', 0, None),
    ],
)
def test_ten_million_tiny_lines(
    database: Database, idle: int, say: Callable[[str], None], name: str, line: bytes, code: int,
    said: str | None,
) -> None:  # fmt: skip
    number = LINES if len(line) < 9 else LINES // 10
    block = 10_000
    parts = then(b"{}\n" if name == "no records" else b"", filled(number * len(line), line * block))
    words = ("--on-error", "continue", "--mode", "skip", "--format", "ndjson")
    done = imported(database, parts, *words)
    assert done.code == code, done
    assert said is None or any(said in each for each in done.errors)
    assert done.summary["lines"] == {"blank": 0, "no records": 100_000}.get(name, number)
    assert done.peak - idle < MEMORY
    say(f"{number} lines, {name}: {done.seconds:.0f} s, {(done.peak - idle) / 2**20:.0f} MB more")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_a_packed_file_is_cut(database: Database, pack: Any, on_error: str) -> None:
    lines = (
        b'{"video_id": "v%d", "description": "%s"}\n' % (n, os.urandom(400).hex().encode())
        for n in range(20_000)
    )
    packed = pack(b"".join(lines))
    done = imported(database, iter([packed[: len(packed) // 2]]), "--on-error", on_error)
    assert done.code == 4
    assert any("it was cut" in line for line in done.errors)
    rows = len(database.rows())
    if on_error == "stop":
        assert (rows, done.summary["committed"]) == (0, False)
    else:
        assert 5_000 < rows == done.summary["last_line"]
        assert f"after line {rows}: " in done.errors[-1]


def test_other_encodings_and_doubles_are_told_by_their_lines(database: Database) -> None:
    text = [*(RECORD % n for n in range(5)), '{"video_id": "ü"}\n'.encode("latin-1"),
            b'{"video_id": "n", "description": "a\\u0000b"}\n', RECORD % 2,
            b'{"video_id": "r", "description": ' + b"[" * 100_000 + b"}\n", RECORD % 9]  # fmt: skip
    done = imported(database, iter(text), "--on-error", "continue")
    assert done.code == 3
    assert [line.partition(":")[0] for line in done.errors] == [f"line {n}" for n in range(6, 10)]
    for line, said in zip(done.errors, ("UTF-8", "NUL", "already exists", "deeply"), strict=True):
        assert said in line, line
    assert len(database.rows()) == 6
    utf_16 = "".join(each.decode() for each in text[:5]).encode("utf-16")
    assert imported(database, iter([utf_16])).errors == [
        "after line 0: The file is UTF-16. Save it as UTF-8.\n"
    ]


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("head", "unit"),
    [
        (b"{}", b"\n"), (b"{}\n", b"x\n"), (b"{}\n", b"{}\n"), (b"{", b"x"),
        (b"[{}", b" "), (b"[", b","),
        (b"[{}, ", b"["), (b"[{}, [", b"[],"), (b"[{}, [", b'"",'), (b'[{}, "', b'"\\'),
        (HEADER, b"\n"), (HEADER, b"x\n"), (HEADER, b'"'), (HEADER + b'"', b"\n"),
    ],
)  # fmt: skip
def test_what_unpacks_to_a_gigabyte_over_http(
    database: Database, tmp_path: Path, say: Callable[[str], None], pack: str, unit: bytes,
    head: bytes,
) -> None:  # fmt: skip
    bomb = tmp_path / "bomb"
    block = unit * (BLOCK // len(unit))
    open_: Any = gzip.open if pack == "gzip" else zstandard.open
    with open_(bomb, "wb") as file:
        file.write(head)
        for _ in range(1_100):
            file.write(block)
    assert bomb.stat().st_size < 8 * 2**20
    with Server(database.url, tmp_path, IMPORT_MAX_BYTES=str(2**30)) as server:
        process = psutil.Process(server.pid)
        before, started = process.memory_info().rss, time.monotonic()
        peak = before
        with httpx.stream(
            "POST", f"{server.url}/api/import", params={"on_error": "continue"}, timeout=600,
            headers={"Content-Type": "application/octet-stream"}, content=bomb.read_bytes(),
        ) as answer:  # fmt: skip
            tail = b""
            for part in answer.iter_bytes():
                tail = (tail + part)[-10_000:]
                peak = max(peak, process.memory_info().rss)
        seconds = time.monotonic() - started
        found = json.loads(tail.rstrip(b"\n").rpartition(b"\n")[2])
        reason = (found.get("summary", {}).get("error") or found)["detail"]
        assert answer.status_code in (200, 413, 422)
        assert peak - before < MEMORY
        say(
            f"{pack} {head!r} {unit!r}: {seconds:.0f} s, {(peak - before) / 2**20:.0f} MB: {reason}"
        )
    assert database.rows() == {}
