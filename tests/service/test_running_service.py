"""The commands with `--url`: they say of a running service what they say of its database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from backend.transfer import back_up
from tests.commands import Command
from tests.fixtures import Database
from tests.service.server import Server
from tests.transfer.test_importing import BEACH, SNOW


@pytest.fixture(scope="module")
def server(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with Server(shared_database.url, folder, AUTH="required") as server:
        yield server


@pytest.fixture
def key(
    database: Database, server: Server, command: Command, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Of the owner ann, in the environment, as is the service's address."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    made = command("keys", "create", "--name", "x", "--owner", "ann", "--scopes", "admin", "--json")
    key = str(json.loads(made.out)["key"])
    monkeypatch.setenv("MEMORY_MIRROR_URL", server.url)
    monkeypatch.setenv("MEMORY_MIRROR_KEY", key)
    return key


def written(folder: Path, *records: object) -> str:
    path = folder / "records.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def test_they_say_what_they_say_of_the_database(
    key: str, command: Command, tmp_path: Path, database: Database
) -> None:
    file = written(tmp_path, BEACH, {"video_id": "b"}, SNOW)
    done = command("import", file)
    assert done == (
        4,
        "1 lines: 1 failed. Nothing is stored.\n",
        "line 2: b: body.description: Field required\n",
    )  # fmt: skip
    done = command("import", file, "--on-error", "continue")
    assert (done.code, done.out) == (3, "3 lines: 2 created, 1 failed.\n")
    assert command("import", file, "--mode", "skip", "--dry-run", "--map", "x").code == 2

    on_the_database = ("--url", "", "--owner", "ann")
    shown = (
        ("search", "sandcastle"), ("search", "children", "--tag", "beach", "--json"), ("stats",),
        ("stats", "--json", "--created-from", "2020-01-01"), ("tags",),
        ("tags", "--people", "--json"), ("tags", "--rename", "nothing", "else"),
        ("export", "--tag", "beach"), ("export", "--format", "csv"),
        ("audit", "list", "--video-id", "snow"),
    )  # fmt: skip
    for words in shown:
        said = command(*words)
        assert said == command(*words, *on_the_database), words
        assert key not in said.out + said.errors
    assert command("tags", "--rename", "beach", "sea").out == "       1  sea\n"
    assert command("tags", "--merge", "summer", "sea", "--json").code == 0
    assert command("tags", "--delete", "sea") == (0, "", "")
    assert command("tags").out == ""

    target = tmp_path / "all.json"
    done = command("export", str(target), "--format", "json", "--json")
    assert json.loads(done.out)["bytes"] == target.stat().st_size
    assert [each["video_id"] for each in json.loads(target.read_bytes())] == ["beach", "snow"]

    made = json.loads(command("keys", "create", "--name", "y", "--scopes", "search",
                              "--owner", "ann", "--json").out)  # fmt: skip
    assert made["key"].startswith(f"mm_{made['id']}_")
    assert command("keys", "revoke", made["id"]).code == 0
    listed = {line.split()[0]: line.split()[1] for line in command("keys", "list").out.splitlines()}
    assert listed[made["id"]] == "revoked"
    assert database.rows().keys() == {"beach", "snow"}


def test_what_is_refused_or_wrong(key: str, command: Command, server: Server) -> None:
    done = command("stats", "--key", "mm_wrong")
    assert done.code == 1
    assert "Show it by MEMORY_MIRROR_KEY or --key." in done.errors
    assert "mm_wrong" not in done.errors
    done = command("stats", "--owner", "bob")
    assert (done.code, "X-Owner" in done.errors) == (1, True)
    done = command("import", "-", "--key", "with space")
    assert (done.code, "with space" in done.errors) == (2, False)
    for words in (
        ("stats", "--url", "ftp://localhost"),
        ("stats", "--url", "http://user:secret@localhost"),
        ("stats", "--url", "http://localhost:port"),
        ("stats", "--url", "", "--key", key),
        ("search", "--reindex"),
        ("backup", "x.db", "--format", "sqlite"),
    ):
        done = command(*words)
        assert (done.code, "secret" in done.errors, key in done.errors) == (2, False, False), words
    done = command("stats", "--url", "http://127.0.0.1:1")
    assert (done.code, "does not answer" in done.errors) == (1, True)


def test_an_import_goes_on_under_its_key(
    key: str, command: Command, tmp_path: Path, database: Database
) -> None:
    file = written(tmp_path, BEACH, SNOW)
    kept = tmp_path / "state" / "memory-mirror" / "imports"
    words = ("import", file, "--on-error", "continue")
    assert command(*words, "--json").code == 0
    assert list(kept.iterdir()) == []
    # Another import of the same file begins anew.
    assert command(*words).out == "2 lines: 2 failed.\n"

    # As after a crash, which leaves the key: the answer was cut, and the service had all lines.
    with closing(Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) as cut:
        done = command(*words, "--url", cut.url)
    assert (done.code, "was cut" in done.errors) == (1, True)
    [path] = kept.iterdir()
    assert kept.stat().st_mode & 0o77 == 0
    first = path.read_text()
    with closing(Answering(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", port=cut.port)) as again:
        command(*words, "--url", again.url, "--resume")
        assert f"Idempotency-Key: {first}".encode() in again.received
        command(*words, "--url", again.url)
    assert path.read_text() != first
    assert set(database.rows()) == {"beach", "snow"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{x", "does not answer as this service"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "does not answer as this service"),
        (b"HTTP/1.1 302 X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\noops!", "answers 500"),
        (b'HTTP/1.1 400 X\r\nContent-Length: 12\r\n\r\n{"type": [1]', "answers 400"),
        (b"nonsense\r\n\r\n", "cut"),
    ],
)
def test_an_answer_that_is_none(command: Command, tmp_path: Path, answer: bytes, said: str) -> None:
    target = tmp_path / "target"
    with closing(Answering(answer)) as other:
        for words in (("tags",), ("audit", "list"), ("backup", str(target))):
            done = command(*words, "--url", other.url)
            assert done.code == 1, (words, done)
            assert said in done.errors or "no whole backup" in done.errors, (words, done)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_fetched_whole(database: Database, command: Command, tmp_path: Path) -> None:
    made = tmp_path / "made.mmz"
    asyncio.run(back_up(database.url, made, verify=False))
    data = made.read_bytes()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: %d\r\n\r\n"
    fetched = tmp_path / "fetched.mmz"
    for sent, code in ((data[:-20], 1), (data, 0)):
        with closing(Answering(head % len(sent) + sent)) as other:
            done = command("backup", str(fetched), "--verify", "--url", other.url)
        assert (done.code, fetched.exists()) == (code, code == 0), done
    assert fetched.read_bytes() == data
    assert fetched.stat().st_mode & 0o77 == 0


class Answering:
    """Says the same to whoever connects, whatever is asked, and hangs up."""

    def __init__(self, answer: bytes, *, port: int = 0) -> None:
        self._answer = answer
        self._socket = create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.received = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(2)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(0.2)
                with contextlib.suppress(TimeoutError):  # no more is sent
                    while part := connection.recv(65_536):
                        self.received += part
                        if part.startswith(b"GET"):
                            break
                connection.sendall(self._answer)
